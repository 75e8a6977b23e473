package platform

import (
	"fmt"
	"net/http"
	"time"
)

// lease is the exclusive lock of a machine.
type lease struct {
	nonce       string
	owner       string
	description string
	expires     time.Time
	version     string
}

// leaseJSON is a lease as the Machines API writes it; Nonce only for who holds it.
type leaseJSON struct {
	Nonce       string `json:"nonce,omitempty"`
	ExpiresAt   int64  `json:"expires_at"`
	Owner       string `json:"owner"`
	Description string `json:"description"`
	Version     string `json:"version"`
}

func (l *lease) view(nonce string) *leaseJSON {
	j := &leaseJSON{ExpiresAt: l.expires.Unix(), Owner: l.owner, Description: l.description, Version: l.version}
	if nonce == l.nonce {
		j.Nonce = nonce
	}
	return j
}

// held is m's lease while it lasts, or nil.
func (w *World) held(m *machine) *lease {
	if m.lease != nil && !w.now.Before(m.lease.expires) {
		m.lease = nil
	}
	return m.lease
}

// mayChange says whether a change with the given nonce is let through.
func (w *World) mayChange(m *machine, nonce string) error {
	if l := w.held(m); l != nil && l.nonce != nonce {
		return l.conflict("")
	}
	return nil
}

// conflict is the answer to who does not hold l.
func (l *lease) conflict(prefix string) error {
	text := fmt.Sprintf("%slease currently held by %s, expires at %s", prefix, l.owner, l.expires.UTC().Format(time.RFC3339))
	return apiError{http.StatusConflict, text, ""}
}

// takeLease gives or prolongs a lease, and says whether it is a new one.
func (w *World) takeLease(m *machine, owner, description, nonce string, ttl time.Duration) (l *lease, fresh bool, err error) {
	if l := w.held(m); l != nil {
		if l.nonce != nonce {
			return nil, false, l.conflict("failed to get lease: ")
		}
		l.expires = w.now.Add(ttl)
		if description != "" {
			l.description = description
		}
		return l, false, nil
	}
	m.lease = &lease{nonce: w.newHex(6), owner: owner, description: description, expires: w.now.Add(ttl), version: m.version}
	return m.lease, true, nil
}
