package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameIfAbsent renames a file, unless the new name is taken.
func renameIfAbsent(from, to string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
