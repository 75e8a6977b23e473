//go:build !linux && !darwin

package store

import (
	"os"
	"syscall"
)

// renameIfAbsent says that this system cannot.
func renameIfAbsent(from, to string) error {
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: syscall.ENOTSUP}
}
