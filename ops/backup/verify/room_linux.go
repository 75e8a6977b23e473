package verify

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// memory is a directory in memory.
const memory = "/dev/shm"

// memoryDir gives a directory in memory if so many bytes fit into half of what is free of it and of the machine's memory.
func memoryDir(need int64) (string, bool) {
	free, err := freeBytes(memory)
	if err != nil || need > free/2 || need > availableMemory()/2 {
		return "", false
	}
	return memory, true
}

// availableMemory is what the kernel says can be had without swapping, in bytes; 0: it does not say.
func availableMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			var kb int64
			if _, err := fmt.Sscanf(rest, "%d", &kb); err == nil {
				return kb << 10
			}
		}
	}
	return 0
}

// processIn says whether a process has a directory as its working one, as a server has its data directory.
func processIn(pid int, dir string) bool {
	cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil && cwd == dir
}
