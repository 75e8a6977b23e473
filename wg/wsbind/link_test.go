package wsbind

import (
	"bytes"
	"testing"
)

func FuzzReadPacket(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 2, 'h', 'i', 0, 0, 0, 1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Add(frame([][]byte{[]byte("one"), {}, []byte("two")}))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		buf := make([]byte, MaxPacket)
		var packets [][]byte
		for {
			left := r.Len()
			n, err := readPacket(r, buf)
			if err != nil {
				break
			}
			if used := left - r.Len(); used != 4+n {
				t.Fatalf("a packet of %d bytes took %d", n, used)
			}
			packets = append(packets, bytes.Clone(buf[:n]))
		}
		if got := frame(packets); !bytes.HasPrefix(in, got) {
			t.Errorf("framed again: %q is no prefix of %q", got, in)
		}
	})
}
