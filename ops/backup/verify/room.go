package verify

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freeBytes is how much a user without privileges may still write below a directory.
func freeBytes(dir string) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("ask how much room %s has: %w", dir, err)
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil //nolint:unconvert // other types on other systems
}
