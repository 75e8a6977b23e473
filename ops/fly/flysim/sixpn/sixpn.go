// Package sixpn is the private network of the simulated platform as its members see it: the DNS zone, and what the
// instances answer on their own addresses. It serves on listeners of a stack that it is given; it never opens a
// socket of the machine, and it changes nothing in the simulated world.
package sixpn

import (
	"net/netip"
	"slices"
	"strings"

	"ops-console/ops/fly/flysim/platform"
)

// View is the network at one moment. It is immutable once handed over.
type View struct {
	Prefix    netip.Prefix // the organization's /48
	Apps      []string     // all apps of the organization, also those without instances
	Instances []platform.Instance
	Peers     []Peer
	Nearest   []string // region codes, nearest to the gateway first; regions not named come last
}

// Peer is a WireGuard peer that has a name in the network.
type Peer struct {
	Name string
	Addr netip.Addr
}

// Server is the address on which the network's own services listen: DNS, the Machines API, the log stream.
func Server(prefix netip.Prefix) netip.Addr {
	a := prefix.Masked().Addr().As16()
	a[15] = 3
	return netip.AddrFrom16(a)
}

// Flycast is the private proxy address of the app that stands n-th in View.Apps.
func Flycast(prefix netip.Prefix, n int) netip.Addr {
	a := prefix.Masked().Addr().As16()
	a[7], a[14], a[15] = 1, byte(n>>8), byte(n+2)
	return netip.AddrFrom16(a)
}

// sorted is the instances by id, so that answers do not depend on the order in which the world keeps them.
func (v View) sorted() []platform.Instance {
	ii := slices.Clone(v.Instances)
	slices.SortFunc(ii, func(a, b platform.Instance) int { return strings.Compare(a.ID, b.ID) })
	return ii
}
