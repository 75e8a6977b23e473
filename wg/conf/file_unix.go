//go:build unix

package conf

import "syscall"

const openNonblock = syscall.O_NONBLOCK
