package postgres

import (
	"testing"
	"time"
)

// BenchmarkAsk is what one question costs on this side, by a server next door.
func BenchmarkAsk(b *testing.B) {
	l := newLab(b)
	n, err := reach(l.cluster.Primary().URL("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	c, err := Connect(b.Context(), n, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close(b.Context()) }()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Ask(b.Context(), "select pg_current_wal_flush_lsn()", time.Second); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkConnect is what a session costs, with the probe.
func BenchmarkConnect(b *testing.B) {
	l := newLab(b)
	n, err := reach(l.cluster.Primary().URL("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c, err := Connect(b.Context(), n, nil)
		if err != nil {
			b.Fatal(err)
		}
		_ = c.Close(b.Context())
	}
}
