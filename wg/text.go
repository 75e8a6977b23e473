package wg

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// WriteText prints the status for people, one fact a line. What is not known is left out or said to be unknown.
func (s Status) WriteText(w io.Writer, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(key, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", key, fmt.Sprintf(format, args...))
	}
	row("state", "%s for %s", s.State, age(now, s.Since))
	if s.Cause != "" {
		row("cause", "%s", s.Cause)
	}
	if s.Advice != "" {
		row("to do", "%s", s.Advice)
	}
	row("joined by", "%s (%s)", s.Kind, s.Why)
	if s.Device != "" {
		row("device", "%s", s.Device)
	}
	for _, a := range s.Addresses {
		row("address", "%s", a)
	}
	if s.Endpoint != "" {
		row("endpoint", "%s", join2(s.Endpoint, s.Transport))
	}
	switch {
	case !s.HandshakeKnown:
	case s.HandshakeAt.IsZero():
		row("handshake", "never")
	default:
		row("handshake", "%s ago", age(now, s.HandshakeAt))
	}
	switch {
	case s.LastOK.IsZero():
		row("dns", "%s has not answered", s.DNS)
	case s.RTT == 0:
		row("dns", "%s answered %s ago", s.DNS, age(now, s.LastOK))
	default:
		row("dns", "%s answered in %s, %s ago", s.DNS, s.RTT.Round(10*time.Microsecond), age(now, s.LastOK))
	}
	row("received", "%s, %s/s", size(float64(s.Rx)), size(s.RxRate))
	row("sent", "%s, %s/s", size(float64(s.Tx)), size(s.TxRate))
	if s.MTU > 0 {
		row("mtu", "%d", s.MTU)
	}
	switch {
	case s.Heals > 0 && s.LastHeal != "":
		row("repairs", "%d, the last: %s", s.Heals, s.LastHeal)
	case s.Heals > 0: // the first is under way
		row("repairs", "%d", s.Heals)
	}
	return t.Flush()
}

func join2(endpoint, transport string) string {
	if transport == "" {
		return endpoint
	}
	return endpoint + " by " + transport
}

// age is how long ago t was.
func age(now, t time.Time) string { return roughly(now.Sub(t)) }

// size is a number of bytes in the largest unit that leaves a digit before the point.
func size(n float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 1000 {
			return fmt.Sprintf("%.3g %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.3g TB", n)
}
