//go:build !unix

package wg

import (
	"errors"
	"io/fs"
	"os"
)

var errLocked = errors.New("locked")

// flock does nothing where there are no such locks: two consoles with one key are then the user's own care.
func flock(*os.File) error { return nil }

func ownedByUs(fs.FileInfo) bool { return true }
