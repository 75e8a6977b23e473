package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/postgres/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is an archive of one table with some rows.
func small(rows int) []byte {
	var b bytes.Buffer
	number := func(n int) {
		sign := byte(0)
		if n < 0 {
			sign, n = 1, -n
		}
		b.Write([]byte{sign, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
	}
	text := func(s string) { number(len(s)); b.WriteString(s) }
	b.WriteString("PGDMP\x01\x0e\x00\x04\x08\x01")
	for range 8 {
		number(0)
	}
	for _, s := range []string{"shop", "15.1", "15.1"} {
		text(s)
	}
	number(2)
	for _, e := range [][]string{{"1", "t", "TABLE", "create"}, {"2", "t", "TABLE DATA", ""}} {
		data := 0
		copied := ""
		if e[2] == "TABLE DATA" {
			data, copied = 1, "COPY public.t (id) FROM stdin;\n"
		}
		number(int(e[0][0] - '0'))
		number(data)
		for _, s := range []string{"0", "0", e[1], e[2]} {
			text(s)
		}
		number(2 + data)
		for _, s := range []string{e[3], "", copied, "public", "", "", "owner", "false"} {
			text(s)
		}
		number(-1)
		b.WriteByte(byte(3 - 2*data))
		b.Write(make([]byte, 8))
	}
	b.WriteByte(1)
	number(2)
	for i := range rows {
		text(fmt.Sprintf("%d\n", i))
	}
	text("\\.\n\n\n")
	number(0)
	return b.Bytes()
}

// fake is a pg_restore that does as a script says.
func fake(t *testing.T, script string) client.Command {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pg_restore")
	// What is begun while it is open for writing keeps it so for a moment, in which it could not be run: text file busy.
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return client.Command{Program: client.Program{Name: "pg_restore", Path: path}, Args: []string{"--dbname=x"}, Grace: time.Second}
}

// ended is a stream that ends with its context.
type ended struct {
	ctx context.Context
	r   io.Reader
}

func (e *ended) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.r.Read(p)
}

func opening(r io.Reader) func(context.Context) (io.ReadCloser, error) {
	return func(ctx context.Context) (io.ReadCloser, error) { return io.NopCloser(&ended{ctx, r}), nil }
}

func TestWhatPgRestoreSaysAndHowItEnds(t *testing.T) {
	broken := errors.New("broken off")
	whole := small(100_000)
	for name, c := range map[string]struct {
		script string
		in     io.Reader
		accept func(string) bool
		want   string // what the error says; empty: it succeeds
		is     error
	}{
		"well":                           {"cat >/dev/null", bytes.NewReader(whole), nil, "", nil},
		"it ends before the stream does": {"head -c 1000 >/dev/null", bytes.NewReader(whole), nil, "", nil},
		"and the stream breaks off":      {"head -c 1000 >/dev/null", io.MultiReader(bytes.NewReader(whole[:700_000]), iotest{broken}), nil, "broken off", broken},
		"the stream breaks off":          {"cat >/dev/null", io.MultiReader(bytes.NewReader(whole[:700_000]), iotest{broken}), nil, "broken off", broken},
		"it breaks off and that is what pg_restore says": {
			"cat >/dev/null; echo 'pg_restore: error: could not read: end of file' >&2; exit 1",
			io.MultiReader(bytes.NewReader(whole[:700_000]), iotest{broken}), nil, "broken off", broken,
		},
		"what was sent is cut": {"cat >/dev/null", bytes.NewReader(whole[:len(whole)-20]), nil, "not a whole archive", archive.ErrMalformed},
		"an error, and a row": {
			`echo 'pg_restore: error: COPY failed for table "t": ERROR:  value too long' >&2; echo 'CONTEXT:  COPY t, line 3: "secret"' >&2; cat >/dev/null; exit 1`,
			bytes.NewReader(whole), nil, `pg_restore: COPY failed for table "t": ERROR: value too long`, nil,
		},
		"an error, and it goes on for long": {`echo 'pg_restore: error: could not execute query: ERROR:  no' >&2; exec sleep 60`, bytes.NewReader(whole), nil, "pg_restore: no", nil},
		"a harmless one": {`cat >/dev/null; echo 'pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"' >&2
			echo 'Command was: SET transaction_timeout = 0;' >&2; echo 'pg_restore: warning: errors ignored on restore: 1' >&2; exit 1`, bytes.NewReader(whole), Harmless, "", nil},
		"a harmless one, and another": {`cat >/dev/null; echo 'pg_restore: error: could not execute query: ERROR:  unrecognized configuration parameter "transaction_timeout"' >&2
			echo 'pg_restore: error: could not execute query: ERROR:  syntax error' >&2; exit 1`, bytes.NewReader(whole), Harmless, "pg_restore: syntax error", nil},
		"silence":    {"cat >/dev/null; exit 3", bytes.NewReader(whole), nil, "it ended with status 3 and did not say why", nil},
		"a library":  {"echo 'pg_restore: error while loading shared libraries: libpq.so.5' >&2; exit 127", bytes.NewReader(whole), nil, "libpq.so.5", nil},
		"it is shot": {"kill -9 $$", bytes.NewReader(whole), nil, "signal: killed", nil},
	} {
		result, err := Stream(t.Context(), Options{Run: fake(t, c.script), Accept: c.accept}, opening(c.in))
		if c.want == "" {
			want := []backup.Table{{Name: "public.t", Rows: 100_000, Bytes: 588_890}}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if diff := cmp.Diff(want, result.Counts.Tables); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || c.is != nil && !errors.Is(err, c.is) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "it is shot" && errors.As(err, new(*Refused)) {
			t.Errorf("%s: taken for a fault of the archive: %v", name, err)
		}
	}
}

type iotest struct{ err error }

func (r iotest) Read([]byte) (int, error) { return 0, r.err }

func TestSomebodyStopsIt(t *testing.T) {
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	began := time.Now()
	run := fake(t, "exec sleep 60")
	run.Started = func(int) { cancel(stop) }
	_, err := Stream(ctx, Options{Run: run}, opening(bytes.NewReader(small(500_000))))
	if !errors.Is(err, stop) || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	missing := errors.New("missing")
	if _, err := Stream(t.Context(), Options{Run: fake(t, "exit 9"), Check: func(*archive.Contents) error { return missing }}, opening(bytes.NewReader(small(1)))); !errors.Is(err, missing) {
		t.Error(err)
	}
	if _, err := Stream(t.Context(), Options{Run: fake(t, "exit 9")}, func(context.Context) (io.ReadCloser, error) { return nil, missing }); !errors.Is(err, missing) {
		t.Error(err)
	}
}

func TestWhatIsLeftOutIsNotInTheList(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	script := `for a; do case $a in --use-list=*) cat "${a#--use-list=}" >` + out + `; ls -l "${a#--use-list=}" | cut -c1-10 >>` + out + `;; esac; done; cat >/dev/null`
	_, err := Stream(t.Context(), Options{Run: fake(t, script), Skip: func(e *archive.Entry) bool { return e.Desc == "TABLE" }}, opening(bytes.NewReader(small(1))))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil || string(text) != "2;\n-rw-------\n" {
		t.Errorf("%q %v", text, err)
	}
}

func TestProgressOfWhatPgRestoreSays(t *testing.T) {
	var seen []Progress
	o := Options{Run: fake(t, `cat >/dev/null; echo 'pg_restore: connecting to database for restore' >&2; echo 'pg_restore: creating TABLE "public.t"' >&2
		echo 'pg_restore: processing data for table "public.t"' >&2; echo 'pg_restore: creating more than there is' >&2`), Progress: func(p Progress) { seen = append(seen, p) }}
	if _, err := Stream(t.Context(), o, opening(bytes.NewReader(small(10)))); err != nil {
		t.Fatal(err)
	}
	n := int64(len(small(10)))
	want := []Progress{
		{Entries: 0, OfEntries: 2, Bytes: n, Entry: "database for restore"},
		{Entries: 1, OfEntries: 2, Bytes: n, Entry: `TABLE "public.t"`},
		{Entries: 2, OfEntries: 2, Bytes: n, Entry: `table "public.t"`},
		{Entries: 2, OfEntries: 2, Bytes: n, Entry: "more than there is"},
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}

func TestAFileIsLoadedWithSomeSessions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := Retained(f, bytes.NewReader(small(7)))
	if err := errors.Join(err, f.Close()); err != nil || counts.Tables[0].Rows != 7 {
		t.Fatal(err, counts)
	}
	out := filepath.Join(t.TempDir(), "out")
	if _, err := File(t.Context(), Options{Run: fake(t, `echo "$@" >`+out)}, path, counts, 3); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil || string(text) != "--format=custom --verbose --no-password --dbname=x --jobs=3 "+path+"\n" {
		t.Errorf("%q %v", text, err)
	}
}
