package pgcluster

import (
	"fmt"
	"testing"
)

// BenchmarkStart is a primary with three replicas, from nothing to streaming, and the end of it.
func BenchmarkStart(b *testing.B) {
	all, err := Find()
	if err != nil {
		b.Skip(err)
	}
	for _, bin := range all {
		b.Run(fmt.Sprintf("PostgreSQL %d", bin.Version), func(b *testing.B) {
			for b.Loop() {
				c, err := Start(b.Context(), Options{Binaries: bin, Replicas: []Replica{{Name: "r1"}, {Name: "r2"}, {Name: "r3", Upstream: "r1"}}})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := c.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
