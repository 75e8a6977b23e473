package take

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/stream"
)

// TestProgressNeverFallsNorLies is a dump whose tables are as large as they like, whatever was expected of them.
func TestProgressNeverFallsNorLies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var raw int64
		tr := newTrack(Options{Now: time.Now})
		tr.counts = func() stream.Counts { return stream.Counts{Raw: raw, Zstd: raw / 5, Stored: raw / 5} }
		size := rapid.Int64Range(0, 1<<30)
		h := &snapshot{began: time.Now()}
		prev := backup.Record{}
		var c archive.Contents
		var actual []int64
		for i := range rapid.IntRange(0, 8).Draw(t, "tables") {
			name := fmt.Sprintf("t%d", i)
			h.tables = append(h.tables, table{Schema: "public", Name: name, Est: float64(rapid.Int64Range(-1, 1000).Draw(t, "est")), Bytes: size.Draw(t, "on disk")})
			if rapid.Bool().Draw(t, "known") {
				prev.Manifest.Tables = append(prev.Manifest.Tables, backup.Table{Name: "public." + name, Rows: rapid.Int64Range(-1, 1000).Draw(t, "rows"), Bytes: size.Draw(t, "before")})
			}
			c.Entries = append(c.Entries, archive.Entry{HasData: true, Desc: "TABLE DATA", Tag: name, Schema: "public"})
			actual = append(actual, size.Draw(t, "in the dump"))
		}
		tr.before(&prev)
		tr.stage(Dumping)
		tr.expect(h)
		last, now := Progress{}, time.Now()
		look := func() {
			now = now.Add(time.Duration(rapid.IntRange(1, 2000).Draw(t, "ms")) * time.Millisecond)
			p := tr.read(now)
			if p.Fraction < last.Fraction || p.Fraction >= 1 || p.ETA < 0 || p.Rate < 0 {
				t.Fatalf("from %+v to %+v", last, p)
			}
			for _, s := range p.Tables {
				if s.Bytes < 0 || s.Done != (s.Rows >= 0) {
					t.Fatalf("%+v", s)
				}
			}
			last = p
		}
		look()
		raw += 1000
		if err := tr.contents(&c); err != nil {
			t.Fatal(err)
		}
		for i, n := range actual {
			for range rapid.IntRange(0, 3).Draw(t, "looks") {
				part := rapid.Int64Range(0, n).Draw(t, "part")
				raw, n = raw+part, n-part
				look()
			}
			raw += n
			tr.table(backup.Table{Name: fmt.Sprintf("public.t%d", i), Rows: 5, Bytes: actual[i]})
			look()
			if i+1 < len(actual) && last.Table != fmt.Sprintf("public.t%d", i+1) {
				t.Fatalf("%s is dumped after table %d", last.Table, i)
			}
		}
		if len(actual) > 0 && last.Fraction < 0.98 {
			t.Fatalf("all tables are done: %+v", last)
		}
		for _, s := range []Stage{Storing, Roles, Committing} {
			tr.stage(s)
			look()
		}
		tr.stage(Done)
		if p := tr.read(now); p.Fraction != 1 {
			t.Fatalf("%+v", p)
		}
	})
}

func TestWeightOfATable(t *testing.T) {
	for _, c := range []struct {
		now    table
		before backup.Table
		want   int64
	}{
		{table{}, backup.Table{}, 1},
		{table{Bytes: 1000}, backup.Table{}, 900},
		{table{Bytes: 1000, Est: -1}, backup.Table{Bytes: 500, Rows: 10}, 500},
		{table{Bytes: 1000, Est: 20}, backup.Table{Bytes: 500, Rows: 10}, 1000},
		{table{Bytes: 1000, Est: 20}, backup.Table{Bytes: 500, Rows: -1}, 500},
		{table{Bytes: 1000, Est: 1e9}, backup.Table{Bytes: 500, Rows: 1}, 5000},
	} {
		if got := weight(c.now, c.before); got != c.want {
			t.Errorf("%+v after %+v: %d, want %d", c.now, c.before, got, c.want)
		}
	}
}

// TestWhatIsNoWholeDump is what an exit status of 0 does not excuse.
func TestWhatIsNoWholeDump(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		raw  int64
		want string
	}{
		"nothing":       {"", 0, "wrote nothing"},
		"another thing": {"pg_dump: hello", 14, "no whole archive"},
		"the beginning": {"PGDMP\x01\x0e\x00\x04\x08\x01\x01\x01", 13, "no whole archive"},
	} {
		counter := archive.NewCounter(archive.Options{})
		if _, err := io.Copy(counter, strings.NewReader(c.text)); err != nil {
			t.Fatal(err)
		}
		counts, wrong := counter.Close(nil)
		if err := whole(counts, wrong, c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if err := whole(&archive.Counts{Bytes: 10}, nil, 12); err == nil {
		t.Error("what follows the archive was not noticed")
	}
	if err := whole(&archive.Counts{Bytes: 10}, errors.New("x"), 10); err == nil {
		t.Error("what the counter says was not heard")
	}
	if err := whole(&archive.Counts{Bytes: 10}, nil, 10); err != nil {
		t.Error(err)
	}
}
