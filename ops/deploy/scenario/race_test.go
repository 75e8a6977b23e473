//go:build race

package scenario

// raced: with the race detector a process takes ten times as long. A part of them is killed, and small fleets are measured;
// without it all are.
const raced = true
