package wg

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// roleEnv makes the test binary play another process of a test.
const roleEnv = "OPS_CONSOLE_WG_TEST_ROLE"

// TestMain lets more tests run at once than there are processors: most of their time is WireGuard's 5 s between two
// handshakes. At the end no goroutine may be left.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(playRole(role))
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f != nil {
		_ = f.Value.Set("12")
	}
	goleak.VerifyTestMain(m)
}
