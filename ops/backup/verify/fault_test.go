package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"ops-console/ops/backup"
	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/postgres/client"
)

func flip(at float64) func([]byte) []byte {
	return func(b []byte) []byte {
		c := slices.Clone(b)
		c[min(int(at*float64(len(b))), len(b)-1)] ^= 0x10
		return c
	}
}

func cut(at float64) func([]byte) []byte {
	return func(b []byte) []byte { return slices.Clone(b[:int(at*float64(len(b)))]) }
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// remade is a backup that was damaged in one stage before the stages around it were made, with the sums of those around it
// right: what a broken program would leave.
func (l *lab) remade(t *testing.T, s *store.Mem, stage string, damage func([]byte) []byte) backup.Record {
	t.Helper()
	r := l.Stored(t, s, l.identity.Recipient().String())
	p := &r.Manifest.Payload[0]
	raw := l.Raw
	if stage == "raw" {
		raw = damage(raw)
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := enc.EncodeAll(raw, nil)
	if stage == "zstd" {
		packed = damage(packed)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, l.identity.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(packed); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	stored := sealed.Bytes()
	if stage == "age" {
		stored = damage(stored)
	}
	p.Zstd.Bytes, p.Age.Bytes = int64(len(packed)), int64(len(stored))
	p.Stored.Bytes, p.Stored.SHA256, p.Stored.CRC32C = int64(len(stored)), sumOf(stored), ""
	s.Tamper(sample.Key(r, p.Key), func([]byte) []byte { return stored })
	return r
}

// What is damaged is found by the lowest level that reads the object, and by all above it, and is never an error of ours.
func TestDamageIsFoundByEveryLevelThatReads(t *testing.T) {
	l := newLab(t)
	damages := map[string]func([]byte) []byte{
		"its first byte": flip(0), "its last byte": flip(1), "cut by a byte": func(b []byte) []byte { return b[:len(b)-1] }, "empty": cut(0),
		"longer": func(b []byte) []byte { return append(slices.Clone(b), 0) }, "cut in half": cut(0.5),
	}
	for _, at := range []float64{0.0001, 0.001, 0.1, 0.37, 0.93} {
		damages[fmt.Sprint("a bit at ", at)] = flip(at)
	}
	levels := map[string][]backup.Level{}
	for name := range damages {
		levels[name] = []backup.Level{backup.Decoded}
	}
	levels["cut in half"] = []backup.Level{backup.Decoded, backup.Counted, backup.Restored}
	levels["a bit at 0.001"] = []backup.Level{backup.Decoded, backup.Counted}
	for _, stage := range []string{"stored", "age", "zstd", "raw"} {
		for name, damage := range damages {
			for _, level := range levels[name] {
				if level == backup.Restored && (stage == "age" || stage == "zstd") {
					continue // as stored and raw
				}
				o, s := l.options(t, level)
				if stage == "stored" {
					s.Tamper(sample.Key(o.Record, o.Record.Manifest.Payload[0].Key), damage)
				} else {
					s = store.NewMem(nil)
					o.Store, o.Record = s, l.remade(t, s, stage, damage)
				}
				got, err := Run(t.Context(), o)
				if err != nil {
					t.Errorf("%s, %s, level %s: could not find out: %v", stage, name, level, err)
					continue
				}
				if got.OK || got.Failure == "" || got.Level != level {
					t.Errorf("%s, %s, level %s: %+v", stage, name, level, got)
				}
			}
		}
	}
	t.Run("and the roles beside it", func(t *testing.T) {
		for level := backup.Decoded; level <= backup.Restored; level++ {
			o, s := l.options(t, level)
			s.Tamper(sample.Key(o.Record, o.Record.Manifest.Payload[1].Key), flip(0.5))
			if got, err := Run(t.Context(), o); err != nil || got.OK {
				t.Errorf("%s: %+v, %v", level, got, err)
			}
		}
	})
	t.Run("by its size alone", func(t *testing.T) {
		o, s := l.options(t, backup.Present)
		s.Tamper(sample.Key(o.Record, o.Record.Manifest.Payload[0].Key), cut(0.9))
		if got, err := Run(t.Context(), o); err != nil || got.OK || !strings.Contains(got.Failure, "bytes in the store instead of") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// A store that fails now and then, and one whose object is gone.
type faulty struct {
	store.Store
	after int64 // bytes of an object that can be read
	err   error
}

func (f *faulty) Open(ctx context.Context, key string, off int64) (io.ReadCloser, store.Info, error) {
	r, info, err := f.Store.Open(ctx, key, off)
	if err != nil {
		return nil, info, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, f.after), failing{f.err}), r}, info, nil
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestWhatIsNotTheBackupsFaultIsAnError(t *testing.T) {
	l := newLab(t)
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Options, *store.Mem)
		from   backup.Level // the lowest level that notices
		want   error
		says   string
	}{
		"no key":          {func(o *Options, _ *store.Mem) { o.Identities = nil }, backup.Decoded, stream.ErrNoKey, "no private key"},
		"another's key":   {func(o *Options, _ *store.Mem) { o.Identities = []age.Identity{other} }, backup.Decoded, stream.ErrWrongKey, "for none of the backup's recipients"},
		"no network":      {func(o *Options, _ *store.Mem) { o.Store = &faulty{o.Store, 5000, store.ErrUnavailable} }, backup.Decoded, store.ErrUnavailable, "does not answer"},
		"no network yet":  {func(o *Options, _ *store.Mem) { o.Store = &faulty{o.Store, 0, store.ErrDenied} }, backup.Decoded, store.ErrDenied, "denied"},
		"a later pg_dump": {func(o *Options, _ *store.Mem) { o.Record.Manifest.Tool.PgDump = "99.1" }, backup.Counted, client.ErrNoProgram, "apt-get install postgresql-client-99"},
		"a later server":  {func(o *Options, _ *store.Mem) { o.Record.Manifest.Server.Version = "99.1" }, backup.Restored, nil, "apt-get install postgresql-99"},
		"no room":         {func(o *Options, _ *store.Mem) { o.Scratch.Need = 1 << 60 }, backup.Restored, ErrRoom, "are needed"},
		"no such place":   {func(o *Options, _ *store.Mem) { o.Scratch.Dir = "/nonexistent" }, backup.Restored, nil, "/nonexistent"},
		"no extension": {func(o *Options, _ *store.Mem) {
			o.Record.Manifest.Server.Extensions = map[string]string{"postgis": "3.4"}
		}, backup.Restored, ErrExtension, "postgis"},
		"being removed":    {remove, backup.Present, nil, "removed meanwhile"},
		"a garbled query":  {func(o *Options, _ *store.Mem) { o.Assertions = []string{"selec 1"} }, backup.Restored, nil, "syntax error"},
		"a question of 2":  {func(o *Options, _ *store.Mem) { o.Assertions = []string{"select true union all select true"} }, backup.Restored, nil, "2 rows"},
		"one that changes": {func(o *Options, _ *store.Mem) { o.Assertions = []string{"delete from orders returning true"} }, backup.Restored, nil, "read-only"},
	} {
		// Levels above notice what those below do, in the same way; one below does not start a server.
		for level := backup.Present; level <= min(c.from+1, backup.Restored); level++ {
			o, s := l.options(t, level)
			c.change(&o, s)
			got, err := Run(t.Context(), o)
			if level < c.from {
				if err != nil || !got.OK {
					t.Errorf("%s at level %s: %+v, %v", name, level, got, err)
				}
				continue
			}
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s at level %s: %+v, %v", name, level, got, err)
			}
		}
	}
}

func remove(o *Options, s *store.Mem) {
	key := func(name string) string { return sample.Key(o.Record, name) }
	_, err := s.PutIfAbsent(context.Background(), key(backup.TombstoneName), []byte("{}"))
	if err := errors.Join(err, s.Delete(context.Background(), key(o.Record.Manifest.Payload[0].Key))); err != nil {
		panic(err)
	}
}

func TestABrokenBackupIsSaidToBe(t *testing.T) {
	l := newLab(t)
	rows := func(change func(*backup.Manifest)) func(*Options, *store.Mem) {
		return func(o *Options, _ *store.Mem) {
			m := &o.Record.Manifest
			m.Tables = slices.Clone(m.Tables)
			change(m)
		}
	}
	for name, c := range map[string]struct {
		change func(*Options, *store.Mem)
		from   backup.Level
		says   string
	}{
		"an object is gone": {func(o *Options, s *store.Mem) {
			if err := s.Delete(t.Context(), sample.Key(o.Record, o.Record.Manifest.Payload[1].Key)); err != nil {
				t.Fatal(err)
			}
		}, backup.Present, "not found"},
		"a row too few":    {rows(func(m *backup.Manifest) { m.Tables[5].Rows++ }), backup.Counted, "public.customers has 501 rows in the manifest and 500 in the dump"},
		"a table too few":  {rows(func(m *backup.Manifest) { m.Tables = append(m.Tables, backup.Table{Name: "public.more", Rows: 3}) }), backup.Counted, "public.more has 3 rows in the manifest and is not in the dump"},
		"large objects":    {rows(func(m *backup.Manifest) { m.LargeObj++ }), backup.Counted, "4 large objects in the manifest and 3 in the dump"},
		"an assertion":     {func(o *Options, _ *store.Mem) { o.Assertions = []string{"select count(*) = 501 from customers"} }, backup.Restored, "does not hold: select count(*) = 501"},
		"one on nothing":   {func(o *Options, _ *store.Mem) { o.Assertions = []string{"select true from gone"} }, backup.Restored, `relation "gone" does not exist`},
		"one that is null": {func(o *Options, _ *store.Mem) { o.Assertions = []string{"select null::bool"} }, backup.Restored, "does not hold"},
	} {
		for level := backup.Present; level <= backup.Restored; level++ {
			if level == backup.Restored && c.from < backup.Restored && name != "a row too few" {
				continue // as below
			}
			o, s := l.options(t, level)
			c.change(&o, s)
			got, err := Run(t.Context(), o)
			if err != nil || got.OK != (level < c.from) || level >= c.from && !strings.Contains(got.Failure, c.says) {
				t.Errorf("%s at level %s: %+v, %v", name, level, got, err)
			}
		}
	}
	t.Run("a dump that pg_restore reads and no server takes", func(t *testing.T) {
		broken := *l.Dump
		broken.Raw = bytes.Replace(l.Raw, []byte("CREATE VIEW public.lowest AS"), []byte("CREATE VIEW public.lowest AZ"), 1)
		for level := backup.Decoded; level <= backup.Restored; level++ {
			o, _ := l.options(t, level)
			s := store.NewMem(nil)
			o.Store, o.Record = s, broken.Stored(t, s, l.identity.Recipient().String())
			got, err := Run(t.Context(), o)
			if err != nil || got.OK != (level < backup.Restored) {
				t.Errorf("%s: %+v, %v", level, got, err)
			}
			if level == backup.Restored && !strings.Contains(got.Failure, "syntax error") {
				t.Errorf("%q", got.Failure)
			}
		}
	})
	t.Run("rows that the server refuses are not shown", func(t *testing.T) {
		broken := *l.Dump
		broken.Raw = bytes.Replace(l.Raw, []byte("c7@Example.com"), []byte("c7#Example.com"), 1)
		o, _ := l.options(t, backup.Restored)
		s := store.NewMem(nil)
		o.Store, o.Record = s, broken.Stored(t, s, l.identity.Recipient().String())
		got, err := Run(t.Context(), o)
		if err != nil || got.OK || strings.Contains(got.Failure, "c7#") || !strings.Contains(got.Failure, "customers") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
