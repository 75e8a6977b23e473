// Package wgtest gives tests a real WireGuard interface in a network namespace of their own: a TUN device that
// wireguard-go serves in the test's process, configured through wgctrl alone, as a kernel device would be, with
// addresses and routes by ip(8). To the code under test it is an interface that somebody else set up.
//
// A test calls Run and, inside it, New:
//
//	func TestOnAnInterface(t *testing.T) {
//		wgtest.Run(t, func(t *testing.T) {
//			gw := …                        // a gateway on 127.0.0.1
//			wgtest.New(t, "wg0", config)   // the interface that leads to it
//			…                              // everything else that belongs into the namespace
//		})
//	}
//
// It is for tests only. Nothing of the machine outside the namespace is read or changed.
package wgtest
