package store

import (
	"os"

	"golang.org/x/sys/unix"
)

// renameIfAbsent renames a file, unless the new name is taken.
func renameIfAbsent(from, to string) error {
	if err := unix.RenamexNp(from, to, unix.RENAME_EXCL); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
