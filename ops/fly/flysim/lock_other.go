//go:build !unix

package flysim

import (
	"errors"
	"os"
)

var errLocked = errors.New("locked")

// flock does nothing where there are no such locks: two worlds in one directory are then the user's own care.
func flock(*os.File) error { return nil }
