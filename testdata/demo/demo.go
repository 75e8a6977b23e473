// Package demo holds the source tree of the application that the simulated world runs: a mix project with migrations that
// ran and others that are pending.
package demo

import (
	"embed"
	"io/fs"
)

//go:embed all:changelog
var tree embed.FS

// Changelog is the project's source tree.
func Changelog() fs.FS {
	sub, err := fs.Sub(tree, "changelog")
	if err != nil {
		panic(err) // the name is a constant
	}
	return sub
}

// Pending tells whether a version of a migration is among those that did not run. One of them is older than some that
// did.
func Pending(version int64) bool {
	const newest, late = 20250818120044, 20250812090000
	return version > newest || version == late
}
