package wg

import (
	"os"
	"testing"
)

// roleEnv makes the test binary play another process of a test.
const roleEnv = "OPS_CONSOLE_WG_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(playRole(role))
	}
	os.Exit(m.Run())
}
