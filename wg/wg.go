// Package wg joins the private WireGuard network of an application as an ordinary user, and says how well that
// works: a user-mode tunnel, an interface of this machine that already carries the network, a tunnel another console
// of the same user already holds, or nothing at all where the machine is inside the network.
//
// It dials, resolves and watches; it never changes the machine's interfaces, routes or resolver, and never creates
// or removes a peer at the platform.
package wg

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Network is a joined private network. All methods are safe for concurrent use.
type Network interface {
	// DialContext connects to host:port inside the network. network is tcp or udp; a host that is not an address is
	// asked of Resolver. Errors of the standard library survive errors.Is (ECONNREFUSED, os.ErrDeadlineExceeded, …).
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	// Resolver asks the network's own DNS server.
	Resolver() *Resolver
	// Status is the latest known state. It never blocks.
	Status() Status
	// Changed is closed at the next change of Status().State; call it again for the one after.
	Changed() <-chan struct{}
	// Close leaves the network. It is idempotent and waits for every goroutine of the Network.
	Close() error
}

// Kind is the way a network was joined.
type Kind string

// The ways of joining.
const (
	KindUser      Kind = "user"      // WireGuard in this process
	KindInterface Kind = "interface" // an existing interface of this machine
	KindDirect    Kind = "direct"    // the machine is inside the network
	KindShared    Kind = "shared"    // through the console that holds the peer's key
)

// State is what the last probes of a network said.
type State string

// The states of a network. Only Up means that names resolve and peers answer.
const (
	StateConnecting State = "connecting" // no handshake yet
	StateUp         State = "up"         // answered lately
	StateSuspect    State = "suspect"    // a probe was lost, the peer is being asked
	StateDNSDown    State = "dns-down"   // the peer answers, the network's DNS does not
	StateDead       State = "dead"       // neither answers
	StateClosed     State = "closed"     // final
)

// Status is a snapshot of a Network. Zero times and false Known fields mean unknown.
type Status struct {
	At     time.Time `json:"at"`
	Kind   Kind      `json:"kind"`
	Why    string    `json:"why"` // why this kind was chosen
	State  State     `json:"state"`
	Since  time.Time `json:"since"`            // of State
	Cause  string    `json:"cause,omitempty"`  // of a State other than up
	Advice string    `json:"advice,omitempty"` // what to do about it

	Device    string         `json:"device,omitempty"`     // interface name, or "user-mode"
	Transport string         `json:"transport,omitempty"`  // udp or websocket
	Endpoint  string         `json:"endpoint,omitempty"`   // where the peer is reached now
	PublicKey string         `json:"public_key,omitempty"` // our own, whole
	Addresses []netip.Prefix `json:"addresses,omitempty"`  // our own, inside the network
	DNS       string         `json:"dns,omitempty"`        // the network's server, host:port

	HandshakeKnown bool          `json:"handshake_known"` // false where the kind cannot tell
	HandshakeAt    time.Time     `json:"handshake_at"`    // zero: never
	RTT            time.Duration `json:"rtt_ns"`          // of the last answered in-tunnel DNS question
	LastOK         time.Time     `json:"last_ok"`         // when that was
	Rx             int64         `json:"rx_bytes"`
	Tx             int64         `json:"tx_bytes"`
	RxRate         float64       `json:"rx_bytes_per_second"`
	TxRate         float64       `json:"tx_bytes_per_second"`
	MTU            int           `json:"mtu,omitempty"`
	Heals          int           `json:"heals"`               // how often a repair was tried
	LastHeal       string        `json:"last_heal,omitempty"` // what the latest repair was
}
