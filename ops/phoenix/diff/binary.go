package diff

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
)

// writeBinary writes git's binary patch: both contents whole, compressed, in base 85; the second undoes the first.
func writeBinary(b *bytes.Buffer, old, new []byte) {
	b.WriteString("GIT binary patch\n")
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	for _, data := range [][]byte{new, old} {
		packed.Reset()
		w.Reset(&packed)
		// Neither fails: a bytes.Buffer takes everything.
		_, _ = w.Write(data)
		_ = w.Close()
		fmt.Fprintf(b, "literal %d\n", len(data))
		writeBase85(b, packed.Bytes())
		b.WriteByte('\n')
	}
}

const digits85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"

// lineBytes is how much of the data a line of a binary patch holds.
const lineBytes = 52

// writeBase85 writes lines of a letter for their length (A is 1, a is 27) and five digits for every four bytes, the
// last group filled up with zeros.
func writeBase85(b *bytes.Buffer, data []byte) {
	for len(data) > 0 {
		part := data[:min(lineBytes, len(data))]
		data = data[len(part):]
		if n := len(part); n <= 26 {
			b.WriteByte(byte('A' + n - 1))
		} else {
			b.WriteByte(byte('a' + n - 27))
		}
		for len(part) > 0 {
			var group [4]byte
			part = part[copy(group[:], part):]
			n := binary.BigEndian.Uint32(group[:])
			var out [5]byte
			for i := len(out) - 1; i >= 0; i-- {
				out[i] = digits85[n%85]
				n /= 85
			}
			b.Write(out[:])
		}
		b.WriteByte('\n')
	}
}
