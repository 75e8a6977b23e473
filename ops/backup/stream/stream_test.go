package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"ops-console/ops/backup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key is a new pair.
func key(t testing.TB) (Recipients, []age.Identity) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	r, err := ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	return r, []age.Identity{id}
}

// pack is what a Writer makes of raw.
func pack(t testing.TB, raw []byte, o Options) ([]byte, backup.Payload) {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := w.Payload("dump", backup.Dump)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Counts{p.Raw.Bytes, p.Zstd.Bytes, p.Stored.Bytes}); w.Counts() != want || int(want.Stored) != out.Len() || int(want.Raw) != len(raw) {
		t.Fatalf("counts %+v, payload %+v, %d bytes came out of %d", w.Counts(), want, out.Len(), len(raw))
	}
	return out.Bytes(), p
}

// unpack reads all of it, and gives what came before an error too.
func unpack(stored io.Reader, p backup.Payload, ids []age.Identity) ([]byte, error) {
	r, err := NewReader(stored, p, ids)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// sample is compressible, and the same for the same n.
func sample(n int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%d\tcustomer %d\t%x\n", rng.IntN(1<<20), rng.IntN(100), rng.Uint64())
	}
	return b.Bytes()[:n]
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	rec, ids := key(t)
	rapid.Check(t, func(rt *rapid.T) {
		raw := sample(rapid.SampledFrom([]int{0, 1, 1000, 65536, 65537, 300_000}).Draw(rt, "bytes"))
		o := Options{Level: rapid.SampledFrom([]int{0, 1, 3, 7}).Draw(rt, "level")}
		if rapid.Bool().Draw(rt, "sealed") {
			o.Recipients = rec
		}
		stored, p := pack(t, raw, o)
		if (p.Age != nil) == o.Recipients.Empty() {
			rt.Fatalf("age: %+v", p.Age)
		}
		if p.Age != nil {
			if d := cmp.Diff(rec.Names(), p.Age.Recipients); d != "" {
				rt.Fatal(d)
			}
			if bytes.Contains(stored, []byte("customer")) {
				rt.Fatal("plaintext in what is stored")
			}
		}
		from := map[string]io.Reader{"at once": bytes.NewReader(stored), "with the end": iotest.DataErrReader(bytes.NewReader(stored))}
		if len(raw) <= 1000 {
			from["by the byte"] = iotest.OneByteReader(bytes.NewReader(stored))
		}
		for how, r := range from {
			got, err := unpack(r, p, ids)
			if err != nil || !bytes.Equal(got, raw) {
				rt.Fatalf("%s: %d bytes, %v; want %d", how, len(got), err, len(raw))
			}
		}
		if err := Sums(bytes.NewReader(stored), p); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestDamageIsFound changes, cuts and lengthens an object everywhere, with and without encryption.
func TestDamageIsFound(t *testing.T) {
	rec, ids := key(t)
	for name, o := range map[string]Options{"plain": {}, "sealed": {Recipients: rec}} {
		t.Run(name, func(t *testing.T) {
			raw := sample(150)
			stored, p := pack(t, raw, o)
			bad := func(what string, b []byte) {
				t.Helper()
				got, err := unpack(bytes.NewReader(b), p, ids)
				if err == nil {
					t.Fatalf("%s: %d bytes were taken for good", what, len(got))
				}
				var damaged *Corrupt
				if !errors.As(err, &damaged) && !errors.Is(err, ErrWrongKey) { // the header's recipient may be what was changed
					t.Fatalf("%s: %v is no damage", what, err)
				}
				if err := Sums(bytes.NewReader(b), p); !errors.As(err, &damaged) || damaged.Stage != "stored" {
					t.Fatalf("%s: the sums say %v", what, err)
				}
			}
			for i := range stored {
				for bit := range 8 {
					b := bytes.Clone(stored)
					b[i] ^= 1 << bit
					bad(fmt.Sprintf("bit %d of byte %d", bit, i), b)
				}
				bad(fmt.Sprintf("cut at %d", i), stored[:i])
			}
			for _, more := range []string{"\x00", "garbage", string(stored), "\x50\x2a\x4d\x18\x01\x00\x00\x00x", "\x28\xb5\x2f\xfd"} {
				bad(fmt.Sprintf("followed by %q", more[:1]), append(bytes.Clone(stored), more...))
			}
		})
	}
}

func TestDamageOfALargeOneIsFound(t *testing.T) {
	rec, ids := key(t)
	for name, o := range map[string]Options{"plain": {}, "sealed": {Recipients: rec}} {
		t.Run(name, func(t *testing.T) {
			raw := sample(2 << 20)
			stored, p := pack(t, raw, o)
			if got, err := unpack(bytes.NewReader(stored), p, ids); err != nil || !bytes.Equal(got, raw) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			rng := rand.New(rand.NewPCG(2, 3))
			for range 12 {
				b := bytes.Clone(stored)
				if at := rng.IntN(len(b)); rng.IntN(2) == 0 {
					b[at] ^= 1 << rng.IntN(8)
				} else {
					b = b[:at]
				}
				if _, err := unpack(bytes.NewReader(b), p, ids); err == nil {
					t.Fatal("damage was not found")
				}
			}
		})
	}
}

// TestAManifestOfAnotherObjectIsNoProof takes each sum and length away from what they are.
func TestAManifestOfAnotherObjectIsNoProof(t *testing.T) {
	rec, ids := key(t)
	stored, p := pack(t, sample(5000), Options{Recipients: rec})
	for name, change := range map[string]func(*backup.Payload){
		"raw length":    func(p *backup.Payload) { p.Raw.Bytes++ },
		"raw shorter":   func(p *backup.Payload) { p.Raw.Bytes-- },
		"raw sum":       func(p *backup.Payload) { p.Raw.SHA256 = strings.Repeat("0", 64) },
		"zstd length":   func(p *backup.Payload) { p.Zstd.Bytes++ },
		"zstd shorter":  func(p *backup.Payload) { p.Zstd.Bytes-- },
		"zstd sum":      func(p *backup.Payload) { p.Zstd.SHA256 = strings.Repeat("0", 64) },
		"stored length": func(p *backup.Payload) { p.Stored.Bytes++ },
		"stored less":   func(p *backup.Payload) { p.Stored.Bytes-- },
		"stored sum":    func(p *backup.Payload) { p.Stored.SHA256 = strings.Repeat("0", 64) },
		"not encrypted": func(p *backup.Payload) { p.Age = nil },
	} {
		other := p
		change(&other)
		var damaged *Corrupt
		if _, err := unpack(bytes.NewReader(stored), other, ids); !errors.As(err, &damaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysThatDoNotFit(t *testing.T) {
	rec, _ := key(t)
	_, others := key(t)
	stored, p := pack(t, sample(100), Options{Recipients: rec})
	if _, err := unpack(bytes.NewReader(stored), p, others); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another's key: %v", err)
	}
	if _, err := unpack(bytes.NewReader(stored), p, nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
}

// TestAStoreThatBreaksOffIsNoDamage tells a network from a bad object.
func TestAStoreThatBreaksOffIsNoDamage(t *testing.T) {
	rec, ids := key(t)
	for _, broke := range []error{errors.New("connection reset"), fmt.Errorf("GET: %w", io.EOF), io.ErrUnexpectedEOF} {
		for name, o := range map[string]Options{"plain": {}, "sealed": {Recipients: rec}} {
			stored, p := pack(t, sample(300_000), o)
			for _, at := range []int{0, 10, 100, 70_000, len(stored) - 1, len(stored)} {
				_, err := unpack(io.MultiReader(bytes.NewReader(stored[:at]), iotest.ErrReader(broke)), p, ids)
				var damaged *Corrupt
				if !errors.Is(err, broke) || errors.As(err, &damaged) {
					t.Errorf("%s, broken off at %d: %v", name, at, err)
				}
			}
		}
	}
}

// full takes so many bytes, and then there is no space.
type full struct {
	left int
	got  bytes.Buffer
	err  error
}

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.left {
		return 0, f.err
	}
	f.left -= len(p)
	return f.got.Write(p)
}

func TestTheStoresErrorComesBack(t *testing.T) {
	rec, ids := key(t)
	noSpace := errors.New("no space left")
	raw := sample(1 << 20)
	for name, o := range map[string]Options{"plain": {}, "sealed": {Recipients: rec}} {
		whole, p := pack(t, raw, o)
		for _, left := range []int{400, 1000, 100_000, len(whole) - 1} {
			out := &full{left: left, err: noSpace}
			w, err := NewWriter(out, o)
			if err == nil {
				if _, err = io.Copy(w, bytes.NewReader(raw)); err == nil {
					err = w.Close()
				} else {
					w.Fail(err)
				}
			}
			if !errors.Is(err, noSpace) {
				t.Fatalf("%s with %d bytes of room: %v", name, left, err)
			}
			if _, err := w.Payload("dump", backup.Dump); err == nil {
				t.Fatalf("%s with %d bytes of room was whole", name, left)
			}
			if _, err := w.Write([]byte("more")); !errors.Is(err, noSpace) {
				t.Fatalf("%s: written to after a failure: %v", name, err)
			}
			if _, err := unpack(&out.got, p, ids); err == nil {
				t.Fatalf("%s with %d bytes of room can be read", name, left)
			}
		}
	}
}

// TestAStreamGivenUpIsNotWhole is the second phase: what the producer did not finish can not be read as if it had.
func TestAStreamGivenUpIsNotWhole(t *testing.T) {
	rec, ids := key(t)
	died := errors.New("pg_dump died")
	raw := sample(1 << 20)
	for name, o := range map[string]Options{"plain": {}, "sealed": {Recipients: rec}} {
		_, p := pack(t, raw, o)
		for _, part := range []int{0, 10, 500_000, len(raw)} {
			var out bytes.Buffer
			w, err := NewWriter(&out, o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(raw[:part]); err != nil {
				t.Fatal(err)
			}
			w.Fail(died)
			n := out.Len()
			if err := w.Close(); !errors.Is(err, died) {
				t.Fatalf("%s: closed after it failed: %v", name, err)
			}
			if _, err := w.Write([]byte("x")); !errors.Is(err, died) {
				t.Fatalf("%s: written to after it failed: %v", name, err)
			}
			if out.Len() != n {
				t.Fatalf("%s: something followed the failure", name)
			}
			if _, err := unpack(&out, p, ids); err == nil {
				t.Fatalf("%s: %d of %d bytes were taken for all", name, part, len(raw))
			}
		}
	}
}

func TestAPipeIsToldWhy(t *testing.T) {
	died := errors.New("pg_dump died")
	r, pw := io.Pipe()
	got := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, r)
		got <- err
	}()
	w, err := NewWriter(pw, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(sample(1 << 18)); err != nil {
		t.Fatal(err)
	}
	w.Fail(died)
	if err := <-got; !errors.Is(err, died) {
		t.Errorf("the reader saw %v", err)
	}
}

// endless gives n bytes without holding them.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), e.left))
	for i := range p[:n] {
		p[i] = byte('a' + (e.left-int64(i))*2654435761>>29&15)
	}
	e.left -= int64(n)
	return n, nil
}

// TestMemoryIsBounded sends what is many times larger than what both ends may hold together.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("long: run without -short")
	}
	const total, most = 96 << 20, 48 << 20
	rec, ids := key(t)
	stored, err := os.CreateTemp(t.TempDir(), "stored")
	if err != nil {
		t.Fatal(err)
	}
	defer stored.Close()
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := uint64(0)
	look := func() {
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapInuse)
	}
	w, err := NewWriter(stored, Options{Level: 3, Recipients: rec})
	if err != nil {
		t.Fatal(err)
	}
	from := &endless{total}
	for from.left > 0 {
		if _, err := io.CopyN(w, from, 16<<20); err != nil {
			t.Fatal(err)
		}
		look()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := w.Payload("dump", backup.Dump)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stored.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(stored, p, ids)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		_, err := io.CopyN(io.Discard, r, 16<<20)
		look()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := int64(peak) - int64(before.HeapInuse); got > most {
		t.Errorf("%d MiB of heap for %d MiB of stream, want at most %d", got>>20, total>>20, most>>20)
	}
}

// TestABombStops ends at the length that the manifest has.
func TestABombStops(t *testing.T) {
	stored, p := pack(t, make([]byte, 32<<20), Options{})
	p.Raw.Bytes = 1 << 20
	got, err := unpack(bytes.NewReader(stored), p, nil)
	var damaged *Corrupt
	if !errors.As(err, &damaged) || len(got) > 4<<20 {
		t.Errorf("%d bytes and %v", len(got), err)
	}
}

func FuzzReader(f *testing.F) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	rec, err := ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		f.Fatal(err)
	}
	raw := sample(3000)
	plain, p := pack(f, raw, Options{})
	sealed, s := pack(f, raw, Options{Recipients: rec})
	f.Add(plain, false)
	f.Add(sealed, true)
	f.Add([]byte{}, false)
	f.Add(append(bytes.Clone(plain), 0), false)
	f.Fuzz(func(t *testing.T, b []byte, encrypted bool) {
		want, payload := plain, p
		if encrypted {
			want, payload = sealed, s
		}
		got, err := unpack(bytes.NewReader(b), payload, []age.Identity{id})
		if (err == nil) != bytes.Equal(b, want) {
			t.Fatalf("%d bytes: %v", len(b), err)
		}
		if err == nil && !bytes.Equal(got, raw) {
			t.Fatal("something else was read")
		}
	})
}
