//go:build !linux && !darwin

package wg

import "net"

// sameUser leaves it to the directory's mode where the system does not say who is at the other end.
func sameUser(*net.UnixConn) error { return nil }
