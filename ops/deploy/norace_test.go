//go:build !race

package deploy

const raced = false
