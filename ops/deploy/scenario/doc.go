// Package scenario holds no code but tests: they deploy to a simulated platform, over its real HTTP interface and with the
// client that production uses, while it does what platforms were seen to do, and hold the end against what a deployment
// promises: one release on all machines, a truthful record, nothing left over, nothing migrated twice.
//
// Most of them run in a bubble of testing/synctest, where waiting takes no time: the timings are those of production, and
// the figures they print are what a deployment would take. Those that kill a process, and so have two, run in real time on
// a platform that is quick.
package scenario
