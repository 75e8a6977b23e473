//go:build race

package deploy

// raced: the race detector makes the model twenty times as slow, and the model has one goroutine. A part of it is run.
const raced = true
