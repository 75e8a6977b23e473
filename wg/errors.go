package wg

import (
	"errors"
	"fmt"
	"time"

	"github.com/miekg/dns"

	"ops-console/wg/conf"
	"ops-console/wg/netstack"
)

// ErrClosed is what a closed Network and its connections return. It is net.ErrClosed to errors.Is.
var ErrClosed = netstack.ErrClosed

// ErrPermissions says that others may read a secret of ours.
var ErrPermissions = conf.ErrPermissions

// ErrOutside says that an address is not part of the private network, so that no packet was sent.
var ErrOutside = errors.New("not in this network")

// ErrDead says that a dial was not tried because the network has been silent for a while.
type ErrDead struct {
	Since time.Time // of the silence
	Cause string    // as in Status
}

// Error is the cause, which says since when.
func (e ErrDead) Error() string {
	if e.Cause == "" {
		return "tunnel silent since " + e.Since.Format(time.TimeOnly)
	}
	return e.Cause
}

// errServerSilent is the outcome of a probe that the DNS server did not answer although its machine answers otherwise:
// the way there works.
var errServerSilent = errors.New("the DNS server does not answer, its machine does")

// RcodeError is a DNS answer that is neither success nor "no such name": the server lives and does not do its work.
type RcodeError struct{ Rcode int }

// Error names the code, as SERVFAIL.
func (e RcodeError) Error() string {
	if s, ok := dns.RcodeToString[e.Rcode]; ok {
		return "DNS server answers " + s
	}
	return fmt.Sprintf("DNS server answers code %d", e.Rcode)
}
