//go:build !unix

package conf

const openNonblock = 0
