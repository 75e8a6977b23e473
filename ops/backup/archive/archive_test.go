package archive

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/backup"
)

// written makes an archive of a format, as pg_dump of its version would.
type written struct {
	bytes.Buffer
	minor, intSize int
}

func (w *written) int(n int) {
	sign := byte(0)
	if n < 0 {
		sign, n = 1, -n
	}
	w.WriteByte(sign)
	for range w.intSize {
		w.WriteByte(byte(n))
		n >>= 8
	}
}

func (w *written) text(s string) {
	w.int(len(s))
	w.WriteString(s)
}

func (w *written) head(entries int) {
	w.WriteString("PGDMP")
	w.Write([]byte{1, byte(w.minor), 0, byte(w.intSize), 8, 1})
	if w.minor >= 15 {
		w.WriteByte(0)
	} else {
		w.int(0)
	}
	for _, n := range []int{59, 58, 23, 31, 11, 126, 0} {
		w.int(n)
	}
	w.text("shop")
	w.text("15.18 (Debian 15.18-0+deb12u1)")
	w.text("16.4")
	w.int(entries)
}

func (w *written) entry(e Entry) {
	w.int(e.ID)
	flag := byte(3)
	if e.HasData {
		flag = 1
		w.int(1)
	} else {
		w.int(0)
	}
	w.text("1259")
	w.text("16385")
	w.text(e.Tag)
	w.text(e.Desc)
	w.int(e.Section)
	w.text(e.Definition)
	w.text(e.Drop)
	w.text(e.Copy)
	w.text(e.Schema)
	w.text(e.Tablespace)
	if w.minor >= 14 {
		w.text(e.AccessMeth)
	}
	if w.minor >= 16 {
		w.int('r')
	}
	w.text(e.Owner)
	w.text("false")
	for _, d := range e.Depends {
		w.text(fmt.Sprint(d))
	}
	w.int(-1)
	w.WriteByte(flag)
	w.Write(make([]byte, 8))
}

func (w *written) data(kind byte, id int, chunks ...string) {
	w.WriteByte(kind)
	w.int(id)
	for _, c := range chunks {
		w.text(c)
	}
	w.int(0)
}

func sample(minor, intSize int) *written {
	w := &written{minor: minor, intSize: intSize}
	w.head(4)
	for _, e := range entries(minor) {
		w.entry(e)
	}
	w.data(blockData, 8, "1\tone\n", "2\ttwo", "\n3\t\\\\.\n\\", ".\n", "\n\n")
	w.WriteByte(blockBlobs)
	w.int(9)
	for i, content := range []string{"\n\n", ""} {
		w.int(-294967296 + i)
		w.text(content)
		if content != "" {
			w.int(0)
		}
	}
	w.int(0)
	w.data(blockData, 7, "\\.\n\n\n")
	return w
}

func entries(minor int) []Entry {
	all := []Entry{
		{ID: 5, Desc: "EXTENSION", Tag: "citext", Section: 2, Definition: "CREATE EXTENSION", Drop: "DROP"},
		{ID: 7, Desc: "TABLE DATA", Tag: "user", Schema: "public", Section: 3, Copy: "COPY public.\"user\" (id) FROM stdin;\n", Owner: "shop", HasData: true, Depends: []int{3, 4}},
		{ID: 8, Desc: "TABLE DATA", Tag: `a"b.c`, Schema: "Größe", Section: 3, Copy: "COPY \"Größe\".\"a\"\"b.c\" (id, x) FROM stdin;\n", Owner: "shop", HasData: true, Tablespace: "fast"},
		{ID: 9, Desc: "BLOBS", Tag: "BLOBS", Section: 3, HasData: true, Owner: "other"},
	}
	if minor >= 14 {
		all[2].AccessMeth = "heap"
	}
	return all
}

func TestEveryFormatIsRead(t *testing.T) {
	for minor := 12; minor <= 16; minor++ {
		for _, intSize := range []int{4, 8} {
			w := sample(minor, intSize)
			whole := w.Bytes()
			var told []backup.Table
			got, err := Count(bytes.NewReader(whole), Options{Table: func(t backup.Table) { told = append(told, t) }})
			if err != nil {
				t.Fatalf("format 1.%d: %v", minor, err)
			}
			tables := []backup.Table{{Name: `"Größe"."a""b.c"`, Rows: 3, Bytes: 18}, {Name: `public."user"`, Rows: 0}}
			want := &Counts{
				Contents: &Contents{
					Format: minor, Created: time.Date(2026, 12, 31, 23, 58, 59, 0, time.UTC), Database: "shop",
					ServerVersion: "15.18 (Debian 15.18-0+deb12u1)", DumpVersion: "16.4", Entries: entries(minor),
				},
				Tables: tables, LargeObjects: 2, LargeBytes: 2, Bytes: int64(len(whole)),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("format 1.%d (-want +got):\n%s", minor, diff)
			}
			if diff := cmp.Diff(tables, told); diff != "" {
				t.Errorf("format 1.%d told (-want +got):\n%s", minor, diff)
			}
			if diff := cmp.Diff([]string{"shop", "other"}, got.Contents.Owners()); diff != "" {
				t.Error(diff)
			}
			for cut := range whole {
				if _, err := Count(bytes.NewReader(whole[:cut]), Options{}); !errors.Is(err, ErrMalformed) {
					t.Fatalf("format 1.%d cut at %d of %d: %v", minor, cut, len(whole), err)
				}
			}
		}
	}
}

func TestWhatIsNoArchive(t *testing.T) {
	later := sample(16, 4).Bytes()
	later[6] = 17
	directory := sample(15, 4).Bytes()
	directory[10] = 5
	twice := sample(14, 4)
	twice.data(blockData, 8, "\\.\n\n\n")
	unended := &written{minor: 14, intSize: 4}
	unended.head(1)
	unended.entry(entries(14)[1])
	unended.data(blockData, 7, "1\n")
	for name, c := range map[string]struct {
		in   []byte
		want error
		says string
	}{
		"a later format":         {later, ErrVersion, "1.17"},
		"another kind":           {directory, ErrMalformed, "kind of archive 5"},
		"SQL":                    {[]byte("-- PostgreSQL database dump"), ErrMalformed, "not PGDMP"},
		"nothing":                {nil, ErrMalformed, "at byte 0"},
		"data twice":             {twice.Bytes(), ErrMalformed, "which wants none"},
		"COPY without its end":   {unended.Bytes(), ErrMalformed, "does not end as COPY's"},
		"something after it all": {append(sample(14, 4).Bytes(), 0), ErrMalformed, "block of kind 0"},
	} {
		if _, err := Count(bytes.NewReader(c.in), Options{}); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnErrorOfTheFirstLookEndsTheReading(t *testing.T) {
	enough := errors.New("enough")
	_, err := Count(bytes.NewReader(sample(16, 4).Bytes()), Options{Contents: func(c *Contents) error { return enough }})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	c := NewCounter(Options{Contents: func(*Contents) error { return enough }})
	for range 10 {
		if n, err := c.Write(sample(16, 4).Bytes()); n == 0 || err != nil {
			t.Fatal("a branch must not fail the stream", n, err)
		}
	}
	if _, err := c.Close(nil); !errors.Is(err, enough) {
		t.Error(err)
	}
	died := errors.New("died")
	c = NewCounter(Options{})
	c.Write(sample(16, 4).Bytes()[:100])
	if _, err := c.Close(died); !errors.Is(err, died) {
		t.Error(err)
	}
}

func TestNamesAreSplitAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 20, -1).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
		schema, table := name.Draw(t, "schema"), name.Draw(t, "table")
		s, n, ok := Split(Name(schema, table))
		if !ok || s != schema || n != table {
			t.Fatalf("%q.%q became %q.%q (%t)", schema, table, s, n, ok)
		}
	})
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`public.user`, `public."user"`, true},
		{`"public"."a""b"`, `public."a""b"`, true},
		{`public."User"`, `public.user`, false},
		{`"a.b".c`, `a."b.c"`, false},
		{`a.b`, `"a.b"`, false},
	} {
		if got := Same(c.a, c.b); got != c.want {
			t.Errorf("%s and %s the same: %t", c.a, c.b, got)
		}
	}
	for _, none := range []string{"", ".", "a.", ".a", `"a`, `"".a`, "a.b.c", `a"b"`} {
		if s, n, ok := Split(none); ok {
			t.Errorf("%q is %q %q", none, s, n)
		}
	}
}

func TestMajor(t *testing.T) {
	for in, want := range map[string]int{"15.18 (Debian)": 15, "17beta1": 17, "9.6.24": 9, "": 0, "x": 0, "99999999999999999999": 9999} {
		if got := Major(in); got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

// What comes from a store can be anything: no input makes it fail otherwise than by an error, and no short one makes it big.
func FuzzCount(f *testing.F) {
	for minor := 12; minor <= 16; minor++ {
		f.Add(sample(minor, 4).Bytes())
	}
	f.Add([]byte("PGDMP\x01\x0e\x00\x04\x08\x01"))
	f.Fuzz(func(t *testing.T, in []byte) {
		counts, err := Count(bytes.NewReader(in), Options{})
		if err == nil {
			if counts.Bytes != int64(len(in)) {
				t.Fatalf("%d of %d bytes were read", counts.Bytes, len(in))
			}
			for _, table := range counts.Tables {
				if table.Rows > table.Bytes || table.Rows < -1 {
					t.Fatalf("%d rows in %d bytes", table.Rows, table.Bytes)
				}
			}
			return
		}
		if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrCompressed) {
			t.Fatalf("an error of no kind: %v", err)
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add(`public."a""b"`)
	f.Fuzz(func(t *testing.T, in string) {
		if schema, name, ok := Split(in); ok && Key(in) != Name(schema, name) {
			t.Fatalf("%q: %q %q", in, schema, name)
		}
	})
}

func BenchmarkCount(b *testing.B) {
	w := &written{minor: 14, intSize: 4}
	w.head(1)
	w.entry(entries(14)[1])
	w.WriteByte(blockData)
	w.int(7)
	row := strings.Repeat("some data\t", 20) + "\n"
	for range 200_000 {
		w.text(row)
	}
	w.text("\\.\n\n\n")
	w.int(0)
	b.SetBytes(int64(w.Len()))
	for b.Loop() {
		if _, err := Count(bytes.NewReader(w.Bytes()), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
