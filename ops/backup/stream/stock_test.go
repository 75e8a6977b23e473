package stream

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"testing"
	"time"

	"filippo.io/age"

	"ops-console/ops/backup"
)

// TestStockProgramsReadIt is the promise that nothing but age and zstd is needed to get data back, both ways.
func TestStockProgramsReadIt(t *testing.T) {
	for _, program := range []string{"age", "zstd"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: apt-get install %s", program, program)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	rec, err := ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	keyFile := write(t, "key", id.String()+"\n", 0o600)
	run := func(in []byte, name string, args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Stdin = bytes.NewReader(in)
		var says bytes.Buffer
		cmd.Stderr = &says
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, says.Bytes())
		}
		return out
	}
	for _, raw := range [][]byte{nil, sample(10), sample(5 << 20)} {
		for _, level := range []int{1, 3, 19} {
			if level > 3 && len(raw) > 1000 {
				continue // slow under the race detector, and the form is the same
			}
			stored, p := pack(t, raw, Options{Level: level, Recipients: rec})
			packed := run(stored, "age", "-d", "-i", keyFile)
			run(packed, "zstd", "-q", "-t")
			if got := run(packed, "zstd", "-dcq"); !bytes.Equal(got, raw) {
				t.Errorf("level %d: %d bytes came back of %d", level, len(got), len(raw))
			}
			if int64(len(packed)) != p.Zstd.Bytes {
				t.Errorf("age gives %d bytes, the manifest says %d", len(packed), p.Zstd.Bytes)
			}
		}
	}

	// What the stock programs wrote is read too, by lengths alone.
	raw := sample(200_000)
	packed := run(raw, "zstd", "-cq", "-3", "--check")
	stored := run(packed, "age", "-r", id.Recipient().String())
	p := backup.Payload{
		Key: "dump", Kind: backup.Dump, Raw: backup.Stage{Bytes: int64(len(raw))}, Zstd: backup.Zstd{Bytes: int64(len(packed))},
		Age: &backup.Age{}, Stored: backup.StoredAs{Bytes: int64(len(stored))},
	}
	r, err := NewReader(bytes.NewReader(stored), p, []age.Identity{id})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, raw) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
