package pgcluster

import (
	"os"
	"syscall"
)

// temporary is where clusters are made when nobody says where.
func temporary() string {
	const memory, room = "/dev/shm", 2 << 30
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &fs) != nil || fs.Bavail*uint64(fs.Bsize) < room {
		return os.TempDir()
	}
	probe, err := os.MkdirTemp(memory, "ops-pg-")
	if err != nil {
		return os.TempDir()
	}
	os.Remove(probe) //nolint:errcheck // it is empty
	return memory
}
