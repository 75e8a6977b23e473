package wg

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// The two ways of WireGuard's packets through the machine's own network, as in Status.Transport.
const (
	transportUDP = "udp"
	transportWeb = "websocket"
)

// causeOf says in words why the state is not up. reason is what the network itself adds.
func causeOf(s Status, v *verdict, reason string) string {
	text := ""
	switch s.State {
	case StateConnecting:
		text = "waiting for the first answer"
		if s.Endpoint != "" {
			text += " from " + s.Endpoint
		}
		if age := s.At.Sub(v.start); age > v.t.slow {
			text = fmt.Sprintf("no answer from %s after %s", cmp.Or(s.Endpoint, "the network"), roughly(age))
		}
	case StateSuspect:
		text = "a question inside the tunnel was not answered"
		if v.badAnswer != nil {
			text = v.badAnswer.Error()
		}
	case StateDNSDown:
		text = "tunnel works"
		if !s.HandshakeAt.IsZero() {
			text += " (handshake " + roughly(s.At.Sub(s.HandshakeAt)) + " ago)"
		}
		if s.Kind == KindDirect {
			text = "inside the network"
		}
		text += ", internal DNS " + s.DNS
		if v.badAnswer != nil {
			text += " answers " + rcodeName(*v.badAnswer)
		} else {
			text += " does not answer"
		}
		return text
	case StateDead:
		since := s.LastOK
		if since.IsZero() {
			since = v.start
		}
		text = "tunnel silent for " + roughly(s.At.Sub(since))
		switch {
		case s.HandshakeKnown && s.HandshakeAt.IsZero():
			text += " (never a handshake)"
		case s.HandshakeKnown:
			text += " (last handshake " + roughly(s.At.Sub(s.HandshakeAt)) + " ago)"
		}
		if v.lastHeal != "" && v.round > 0 {
			text += "; trying: " + v.lastHeal
		}
	default:
		return ""
	}
	if reason != "" {
		text += ": " + reason
	}
	return text
}

// adviceOf says what a person can do about it.
func adviceOf(s Status, v *verdict) string {
	switch s.State {
	case StateConnecting:
		switch {
		case s.At.Sub(v.start) <= v.t.slow:
		case s.Transport == transportWeb:
			return "websocket blocked, wrong address, or peer removed: see fly wireguard list"
		default:
			return "UDP blocked, wrong endpoint, or peer removed: see fly wireguard list"
		}
	case StateDNSDown:
		return "addresses can be dialled, names cannot be looked up; nothing to do at this end"
	case StateDead:
		if s.At.Sub(s.Since) > v.t.removed {
			return "the peer may have been removed: see fly wireguard list; ops-console wg join makes a new one"
		}
	}
	return ""
}

func rcodeName(e RcodeError) string { return strings.TrimPrefix(e.Error(), "DNS server answers ") }

// roughly writes a duration as a person would say it: 34 s, 2 m, 3 h, 2 d.
func roughly(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d m", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}
