//go:build !linux

package wgtest

import (
	"testing"

	"ops-console/wg/conf"
)

// Run skips the test: there are no network namespaces.
func Run(t *testing.T, _ func(t *testing.T)) {
	t.Helper()
	t.Skip("needs the network namespaces of Linux")
}

// Interface is a WireGuard interface of a test.
type Interface struct{ Name string }

// New skips the test.
func New(t testing.TB, name string, _ *conf.Config) *Interface {
	t.Helper()
	t.Skip("needs the TUN devices of Linux")
	return &Interface{Name: name}
}

// Freeze does nothing.
func (*Interface) Freeze() {}

// Thaw does nothing.
func (*Interface) Thaw() {}

// Close does nothing.
func (*Interface) Close() error { return nil }

// IP does nothing.
func IP(testing.TB, ...string) {}
