package wg

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
)

// interfaceBytes counts what went through an interface, as everybody may read it. The file is that of our own network
// namespace, where /sys/class/net shows the one it was mounted in.
func interfaceBytes(name string) (rx, tx int64, ok bool) {
	f, err := os.Open("/proc/thread-self/net/dev")
	if err != nil {
		return 0, 0, false
	}
	defer func() { _ = f.Close() }()
	return parseInterfaceBytes(f, name)
}

// parseInterfaceBytes reads lines such as "  wg0:  1234 12 0 0 0 0 0 0  5678 …": after the name come eight numbers of
// what was received, bytes first, and eight of what was sent.
func parseInterfaceBytes(r io.Reader, name string) (rx, tx int64, ok bool) {
	for sc := bufio.NewScanner(r); sc.Scan(); {
		at, numbers, found := strings.Cut(sc.Text(), ":")
		if !found || strings.TrimSpace(at) != name {
			continue
		}
		f := strings.Fields(numbers)
		if len(f) < 9 {
			return 0, 0, false
		}
		rx, err1 := strconv.ParseInt(f[0], 10, 64)
		tx, err2 := strconv.ParseInt(f[8], 10, 64)
		if err1 != nil || err2 != nil {
			return 0, 0, false
		}
		return rx, tx, true
	}
	return 0, 0, false
}
