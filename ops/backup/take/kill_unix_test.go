//go:build unix

package take

const childEnv = "OPS_CONSOLE_TAKE_CHILD"

func child() {}
