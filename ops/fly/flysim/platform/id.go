package platform

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"

	"github.com/oklog/ulid/v2"
)

// newULID is later in order than every one before it.
func (w *World) newULID() string {
	ms := uint64(max(w.now.UnixMilli(), 0))
	if ms <= w.ulidMS {
		// Within a millisecond, order comes from the counter in the first random bytes.
		ms = w.ulidMS
		w.ulidN++
	} else {
		w.ulidMS, w.ulidN = ms, uint64(w.rand.Uint32N(1<<16))
	}
	var id ulid.ULID
	// ms is a clock reading, far below the 48 bits that could fail.
	_ = id.SetTime(ms)
	binary.BigEndian.PutUint32(id[6:10], uint32(w.ulidN))
	binary.BigEndian.PutUint32(id[10:14], w.rand.Uint32())
	binary.BigEndian.PutUint16(id[14:16], uint16(w.rand.Uint32()))
	return id.String()
}

// newHex is n random bytes in hexadecimal.
func (w *World) newHex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.rand.Uint32())
	}
	return hex.EncodeToString(b)
}

// newMachineID is 14 hexadecimal digits that no machine has.
func (w *World) newMachineID() string {
	for {
		id := w.newHex(7)
		if _, taken := w.machines[id]; !taken {
			return id
		}
	}
}

// newName is two words and a number, as the platform names machines.
func (w *World) newName() string {
	adjectives := [...]string{"aged", "bold", "calm", "dark", "early", "falling", "green", "hidden", "icy", "late", "muddy", "quiet", "restless", "silent", "still", "wild", "wispy", "young"}
	nouns := [...]string{"bird", "brook", "cloud", "dew", "field", "fog", "frost", "glade", "leaf", "moon", "pine", "rain", "river", "sea", "shadow", "snow", "sun", "wave"}
	return fmt.Sprintf("%s-%s-%d", adjectives[w.rand.IntN(len(adjectives))], nouns[w.rand.IntN(len(nouns))], 1000+w.rand.IntN(9000))
}

// machineAddr is an address inside the network: prefix, host, machine, and a fixed ending.
func (w *World) machineAddr(host string, n int) netip.Addr {
	a := w.prefix.Addr().As16()
	var h uint32 = 2166136261
	for i := range len(host) {
		h = (h ^ uint32(host[i])) * 16777619
	}
	// The upper half is the same for all hosts and apart from that of peers.
	binary.BigEndian.PutUint16(a[6:8], 0x0a7b)
	binary.BigEndian.PutUint16(a[8:10], uint16(h)|1)
	binary.BigEndian.PutUint32(a[10:14], uint32(n))
	a[15] = 2
	return netip.AddrFrom16(a)
}

// peerAddr is the address of the n-th peer, from 1: each in a /120 of its own, as prefix:a7b:0:0:a:102.
func (w *World) peerAddr(n int) netip.Addr {
	a := w.prefix.Addr().As16()
	binary.BigEndian.PutUint16(a[6:8], 0x0a7b)
	binary.BigEndian.PutUint16(a[8:10], 0)
	binary.BigEndian.PutUint16(a[10:12], uint16(n>>8))
	binary.BigEndian.PutUint16(a[12:14], 0x000a)
	a[14], a[15] = byte(n), 2
	return netip.AddrFrom16(a)
}
