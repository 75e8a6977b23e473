//go:build !unix

package journal

import (
	"errors"
	"os"
)

var errLocked = errors.New("locked")

// flock does nothing where there are no such locks: the leases on the platform then keep two processes apart.
func flock(*os.File) error { return nil }

// Identity tells this file from every copy of it; empty where the system cannot tell, or has no locks.
func (j *File) Identity() string { return "" }
