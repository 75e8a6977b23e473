package journal

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))

func lines(t testing.TB, kinds ...string) []byte {
	t.Helper()
	var c Chain
	var b []byte
	for i, k := range kinds {
		var err error
		if b, _, err = c.Append(b, t0.Add(time.Duration(i)*time.Second), k, map[string]int{"n": i}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func kinds(ee []Entry) []string {
	var out []string
	for _, e := range ee {
		out = append(out, e.Kind)
	}
	return out
}

func TestDecodeGivesWhatWasAppended(t *testing.T) {
	ee, good, err := Decode(lines(t, "begin", "intent"))
	if err != nil {
		t.Fatal(err)
	}
	if want := len(lines(t, "begin", "intent")); good != want {
		t.Errorf("good = %d, want %d", good, want)
	}
	want := []Entry{
		{Seq: 0, At: time.Date(2026, 1, 2, 2, 4, 5, 678_000_000, time.UTC), Kind: "begin", Data: json.RawMessage(`{"n":0}`)},
		{Seq: 1, At: time.Date(2026, 1, 2, 2, 4, 6, 678_000_000, time.UTC), Kind: "intent", Data: json.RawMessage(`{"n":1}`)},
	}
	for i := range ee {
		if len(ee[i].Hash) != 64 {
			t.Errorf("hash of %d: %q", i, ee[i].Hash)
		}
		ee[i].Hash = ""
	}
	if d := cmp.Diff(want, ee); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// Whatever a power cut leaves of the last line, the lines before it are read and the rest is cut off.
func TestTornEndIsToldFromDamage(t *testing.T) {
	whole := lines(t, "begin", "intent", "result")
	two := len(lines(t, "begin", "intent"))
	for n := two; n < len(whole); n++ {
		ee, good, err := Decode(whole[:n])
		if err != nil || good != two || len(ee) != 2 {
			t.Fatalf("cut at %d: %d entries, good %d, %v", n, len(ee), good, err)
		}
	}
	zeros := append(append([]byte{}, whole[:two]...), make([]byte, 100)...)
	if ee, good, err := Decode(zeros); err != nil || good != two || len(ee) != 2 {
		t.Errorf("a tail of zeros: %d entries, good %d, %v", len(ee), good, err)
	}
}

func TestDamage(t *testing.T) {
	whole := string(lines(t, "begin", "intent", "result"))
	ll := strings.SplitAfter(whole, "\n")
	for _, c := range []struct {
		name, data string
		line       int
		why        string
	}{
		{"a changed byte", strings.Replace(whole, `"n":1`, `"n":7`, 1), 2, "its checksum is wrong"},
		{"a line left out", ll[0] + ll[2], 2, "record 1 is missing"},
		{"the first line left out", ll[1] + ll[2], 1, "record 0 is missing"},
		{"a line twice", ll[0] + ll[0] + ll[1], 2, "record 1 is missing"},
		{"an empty line", ll[0] + "\n" + ll[1], 2, "it does not begin with a checksum"},
		{"a line of another journal", ll[0] + strings.SplitAfter(string(lines(t, "other", "intent")), "\n")[1], 2, "it does not follow the line before"},
		{"no JSON", "00000000 x\n", 1, "its checksum is wrong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ee, _, err := Decode([]byte(c.data))
			d := new(DamageError)
			if !errors.As(err, &d) || !errors.Is(err, ErrDamaged) {
				t.Fatalf("err = %v", err)
			}
			if d.Line != c.line || d.Why != c.why {
				t.Errorf("line %d: %s; want line %d: %s", d.Line, d.Why, c.line, c.why)
			}
			if len(ee) != c.line-1 {
				t.Errorf("%d entries before the damage, want %d", len(ee), c.line-1)
			}
		})
	}
}

func TestFileGoesOnWhereItWasKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deploys", "a.jsonl")
	j, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(Item{t0, "begin", 1}, Item{t0, "intent", 2}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(path); !errors.Is(err, ErrInUse) {
		t.Errorf("a second writer: %v, want ErrInUse", err)
	}
	if _, err := Create(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made twice: %v", err)
	}
	if ee, err := Read(path); err != nil || len(ee) != 2 {
		t.Errorf("read while in use: %d, %v", len(ee), err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`12345678 {"seq":2,"t":"20`); err != nil {
		t.Fatal(err)
	}
	f.Close()

	j, ee, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if d := cmp.Diff([]string{"begin", "intent"}, kinds(ee)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if _, err := j.Append(Item{t0, "result", 3}); err != nil {
		t.Fatal(err)
	}
	ee, err = Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"begin", "intent", "result"}, kinds(ee)); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if seq, hash := j.Head(); seq != 2 || hash != ee[2].Hash {
		t.Errorf("head %d %s", seq, hash)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

func TestNothingIsWrittenAfterAFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	j, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(Item{t0, "begin", 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(Item{t0, "odd", func() {}}); err == nil {
		t.Error("a value that is not JSON was written")
	}
	if _, err := j.Append(Item{t0, "intent", 2}); err != nil {
		t.Errorf("after a record that was refused: %v", err)
	}
	j.f.Close() // what a failing disk does
	if _, err := j.Append(Item{t0, "result", 3}); err == nil {
		t.Fatal("written to a closed file")
	}
	if _, err := j.Append(Item{t0, "result", 3}); err == nil {
		t.Error("written after a failure")
	}
	if ee, err := Read(path); err != nil || len(ee) != 2 {
		t.Errorf("%d entries, %v", len(ee), err)
	}
}

func TestDamagedFileIsNotOpenedForWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.jsonl")
	data := append(lines(t, "begin"), "rubbish\n"...)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	j, ee, err := Open(path)
	if j != nil || len(ee) != 1 || !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, %d entries, %v", j, len(ee), err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(data) {
		t.Error("it was changed")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(lines(f, "begin", "intent"))
	f.Add([]byte("00000000 {}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ee, good, err := Decode(data)
		if good < 0 || good > len(data) {
			t.Fatalf("good = %d of %d", good, len(data))
		}
		again, g2, err2 := Decode(data[:good])
		if err2 != nil || g2 != good || !cmp.Equal(ee, again) {
			t.Fatalf("what was good is not: %v %v", err, err2)
		}
		if err == nil && good > 0 {
			// A whole journal can be gone on with.
			c := After(ee[len(ee)-1])
			more, _, err := c.Append(append([]byte{}, data[:good]...), t0, "note", nil)
			if err != nil {
				t.Fatal(err)
			}
			if all, _, err := Decode(more); err != nil || len(all) != len(ee)+1 {
				t.Fatalf("gone on: %d, %v", len(all), err)
			}
		}
	})
}
