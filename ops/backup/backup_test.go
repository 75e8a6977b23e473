package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func at(t *testing.T) time.Time {
	t.Helper()
	return time.Date(2026, 2, 3, 4, 5, 6, 7_000_000, time.UTC)
}

func sample(t *testing.T) Manifest {
	t.Helper()
	id, err := NewID(at(t), bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	return Manifest{
		Format: Format, ID: id, Source: Source{App: "shop", Database: "shop_prod"}, Reason: Manual,
		Payload: []Payload{{Key: "dump.pgc.zst", Kind: Dump, Raw: Stage{Bytes: 10}}},
	}
}

func TestIDKeepsItsTime(t *testing.T) {
	m := sample(t)
	if got := m.ID.Time(); !got.Equal(at(t)) {
		t.Errorf("Time() = %v, want %v", got, at(t))
	}
	id, err := ParseID(strings.ToLower(string(m.ID)))
	if err != nil || id != m.ID {
		t.Errorf("ParseID of the lower case = %q, %v", id, err)
	}
	if _, err := ParseID("../../etc/passwd"); err == nil {
		t.Error("a path passed as an ID")
	}
	if got, want := Dir(m.Source, m.ID), "shop/shop_prod/2026/02/"+string(m.ID); got != want {
		t.Errorf("Dir = %q, want %q", got, want)
	}
}

func TestSegmentsAreOneToOneAndStayInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		x, y := segment(a), segment(b)
		if (a == b) != (x == y) {
			t.Fatalf("%q and %q became %q and %q", a, b, x, y)
		}
		if x == "" || x == "." || x == ".." || strings.ContainsAny(x, "/\\\x00") {
			t.Fatalf("%q became %q", a, x)
		}
	})
}

func TestManifestRoundTrip(t *testing.T) {
	m := sample(t)
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseManifest(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(m, got); d != "" {
		t.Error(d)
	}
}

func TestManifestsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Manifest)
		want   string
	}{
		"later":   {func(m *Manifest) { m.Format = 99 }, "later version"},
		"none":    {func(m *Manifest) { m.Format = 0 }, "its format"},
		"no ID":   {func(m *Manifest) { m.ID = "x" }, "no ID"},
		"no dump": {func(m *Manifest) { m.Payload = nil }, "no dump"},
		"outside": {func(m *Manifest) { m.Payload[0].Key = "../other/dump" }, "not its own"},
		"size":    {func(m *Manifest) { m.Payload[0].Stored.Bytes = -1 }, "below zero"},
	} {
		t.Run(name, func(t *testing.T) {
			m := sample(t)
			c.change(&m)
			b, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseManifest(b); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	if _, err := ParseManifest([]byte(`{"format":2}`)); !errors.Is(err, ErrLater) {
		t.Errorf("%v is not ErrLater", err)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"01J00000000000000000000000","payload":[{"key":"dump.pgc.zst","kind":"pgdump-custom"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		if _, ok := m.Dump(); !ok || m.Stored() < 0 && len(m.Payload) == 1 {
			t.Errorf("accepted %q", b)
		}
		if strings.Contains(Dir(m.Source, m.ID), "..") && !strings.Contains(m.App+m.Database, "..") {
			t.Errorf("%q lies at %q", b, Dir(m.Source, m.ID))
		}
	})
}

func TestWhatIsProven(t *testing.T) {
	ok := func(l Level, min int) Verification {
		return Verification{Level: l, OK: true, At: at(t).Add(time.Duration(min) * time.Minute)}
	}
	bad := Verification{Level: Decoded, At: at(t).Add(time.Hour)}
	for name, c := range map[string]struct {
		have   []Verification
		level  Level
		found  bool
		broken bool
	}{
		"never":                 {nil, 0, false, false},
		"once":                  {[]Verification{ok(Decoded, 0)}, Decoded, true, false},
		"the highest":           {[]Verification{ok(Restored, 0), ok(Decoded, 1)}, Restored, true, false},
		"failed since":          {[]Verification{ok(Restored, 0), bad}, 0, false, true},
		"good again, but lower": {[]Verification{ok(Restored, 0), bad, ok(Decoded, 90)}, Decoded, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := Record{Verifications: c.have}
			v, found := r.Proven()
			_, broken := r.Broken()
			if found != c.found || broken != c.broken || found && v.Level != c.level {
				t.Errorf("proven %v %v, broken %v", v.Level, found, broken)
			}
		})
	}
}

func TestLevelsByName(t *testing.T) {
	for l := Present; l <= Restored; l++ {
		got, err := ParseLevel(l.String())
		if err != nil || got != l {
			t.Errorf("ParseLevel(%q) = %v, %v", l, got, err)
		}
	}
	if _, err := ParseLevel("green"); err == nil {
		t.Error("green is no level")
	}
}
