//go:build unix

package take

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/store"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/client"
	"ops-console/ops/postgres/pgcluster"
)

// faulty is a store in which a call can be made to fail, or to wait.
type faulty struct {
	*store.Mem
	begin  func(key string) error
	write  func(ctx context.Context, key string, at int64) error // before what is written at an offset
	commit func(key string) error                                // after it was done
	stat   func(store.Info) store.Info
	put    func(do func() (store.Info, error)) (store.Info, error)
}

type faultyUpload struct {
	store.Upload
	f   *faulty
	ctx context.Context
	key string
	at  int64
}

func (f *faulty) Begin(ctx context.Context, key string, o store.PutOpt) (store.Upload, error) {
	if f.begin != nil {
		if err := f.begin(key); err != nil {
			return nil, err
		}
	}
	u, err := f.Mem.Begin(ctx, key, o)
	return &faultyUpload{Upload: u, f: f, ctx: ctx, key: key}, err
}

func (f *faulty) Stat(ctx context.Context, key string) (store.Info, error) {
	i, err := f.Mem.Stat(ctx, key)
	if f.stat != nil {
		i = f.stat(i)
	}
	return i, err
}

func (f *faulty) PutIfAbsent(ctx context.Context, key string, b []byte) (store.Info, error) {
	do := func() (store.Info, error) { return f.Mem.PutIfAbsent(ctx, key, b) }
	if f.put != nil && strings.HasSuffix(key, backup.ManifestName) {
		return f.put(do)
	}
	return do()
}

func (u *faultyUpload) Write(p []byte) (int, error) {
	if u.f.write != nil {
		if err := u.f.write(u.ctx, u.key, u.at); err != nil {
			return 0, err
		}
	}
	n, err := u.Upload.Write(p)
	u.at += int64(n)
	return n, err
}

func (u *faultyUpload) Commit(ctx context.Context) (store.Info, error) {
	i, err := u.Upload.Commit(ctx)
	if err == nil && u.f.commit != nil {
		err = u.f.commit(u.key)
	}
	return i, err
}

// halfway is a store whose upload of the dump stops after some bytes until it is released, and says when it has.
type halfway struct {
	faulty
	reached chan struct{}
	release chan struct{}
}

func newHalfway() *halfway {
	h := &halfway{faulty: faulty{Mem: store.NewMem(nil)}, reached: make(chan struct{}), release: make(chan struct{})}
	var once sync.Once
	h.write = func(ctx context.Context, key string, at int64) error {
		if at < 50_000 || !strings.Contains(key, dumpName) {
			return nil
		}
		once.Do(func() { close(h.reached) })
		select {
		case <-h.release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return h
}

// rows of a dump that is far larger than what lies between pg_dump and the store.
const rows = 9_000

type result struct {
	m   backup.Manifest
	err error
}

// start runs a backup until it is halfway.
func start(t *testing.T, ctx context.Context, o Options, h *halfway) <-chan result {
	t.Helper()
	done := make(chan result, 1)
	go func() {
		m, err := Run(ctx, o)
		done <- result{m, err}
	}()
	select {
	case <-h.reached:
	case r := <-done:
		t.Fatalf("it ended before it was halfway: %v", r.err)
	case <-time.After(30 * time.Second):
		t.Fatal("it did not come halfway")
	}
	return done
}

// children are the running programs of this process whose command lines have something in them.
func children(t testing.TB, of int, what string) []int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(all) == 0 {
		t.Skip("needs /proc")
	}
	var found []int
	for _, path := range all {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || fields[1] != strconv.Itoa(of) || !strings.Contains(string(line), what) || fields[0] == "Z" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, pid)
	}
	return found
}

// dumpOf is the pg_dump of the database's run.
func (b *base) dumpOf() int {
	b.t.Helper()
	for _, pid := range children(b.t, os.Getpid(), "pg_dump\x00") {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && strings.Contains(string(env), "PGDATABASE="+b.name+"\x00") {
			return pid
		}
	}
	b.t.Fatal("there is no pg_dump")
	return 0
}

func (b *base) kill(sig syscall.Signal) {
	b.t.Helper()
	if err := syscall.Kill(b.dumpOf(), sig); err != nil {
		b.t.Fatal(err)
	}
}

// sessions of a run are ended by the server, those that a condition is true of.
func (b *base) terminate(where string) {
	b.t.Helper()
	if n := b.text("select count(pg_terminate_backend(pid))::text from pg_stat_activity where datname = current_database() and application_name like 'ops-backup/%' and " + where); n == "0" {
		b.t.Fatal("there is no such session")
	}
}

const (
	isDump = "query like 'COPY %'"
	isLock = "pid in (select pid from pg_locks where locktype = 'advisory')"
)

// TestFaultsHalfway harms a run in the middle of its dump. Whatever it is, nothing is left: no manifest, no object, no
// upload, no session, no process.
func TestFaultsHalfway(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		harm   func(*base)
		limits Limits
		is     error
		says   string
	}{
		"pg_dump is told to end": {harm: func(b *base) { b.kill(syscall.SIGTERM) }, says: "pg_dump"},
		"pg_dump is killed":      {harm: func(b *base) { b.kill(syscall.SIGKILL) }, says: "killed"},
		"pg_dump hangs":          {harm: func(b *base) { b.kill(syscall.SIGSTOP) }, limits: Limits{MaxSnapshot: 2 * time.Second}, is: ErrTooLong},
		"the store is too slow":  {harm: func(*base) {}, limits: Limits{MaxSnapshot: 2 * time.Second}, is: ErrTooLong, says: "backup run --remote"},
		"its session is ended":   {harm: func(b *base) { b.terminate(isDump) }, says: "Dumping the contents of table"},
		"the lock's is ended":    {harm: func(b *base) { b.terminate(isLock) }, is: ErrLost},
		"all sessions are":       {harm: func(b *base) { b.terminate("true") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBase(t, rows)
			h := newHalfway()
			o := b.options(h)
			o.KeepFailure = true
			if f.limits.MaxSnapshot > 0 {
				o.Limits = f.limits
			}
			done := start(t, t.Context(), o, h)
			pid := b.dumpOf()
			f.harm(b)
			if f.is == nil { // it is noticed although the store takes nothing; then it may go on
				time.AfterFunc(100*time.Millisecond, func() { close(h.release) })
			}
			r := <-done
			if r.err == nil || f.is != nil && !errors.Is(r.err, f.is) || !strings.Contains(r.err.Error(), f.says) || strings.Contains(r.err.Error(), password) {
				t.Errorf("%v; want %v and %q", r.err, f.is, f.says)
			}
			nothing(t, h.Mem)
			l, err := catalog.New(h).List(t.Context(), o.Source)
			if err != nil || len(l.Failures) != 1 || !strings.HasPrefix(r.err.Error(), l.Failures[0].Why[:20]) {
				t.Errorf("the note of it: %+v, %v", l.Failures, err)
			}
			if err := syscall.Kill(pid, 0); err == nil {
				t.Error("pg_dump still runs")
			}
			b.free()
			if _, err := Run(t.Context(), b.options(h.Mem)); err != nil {
				t.Errorf("the next run: %v", err)
			}
		})
	}
}

func TestARunThatIsGivenUpLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBase(t, rows)
	h := newHalfway()
	ctx, cancel := context.WithCancel(t.Context())
	done := start(t, ctx, b.options(h), h)
	cancel()
	if r := <-done; !errors.Is(r.err, context.Canceled) {
		t.Error(r.err)
	}
	nothing(t, h.Mem)
	b.free()
}

// TestFaultsOfTheStore fails every call that a run makes, once.
func TestFaultsOfTheStore(t *testing.T) {
	t.Parallel()
	b := newBase(t, 3000)
	full := fmt.Errorf("write: %w", store.ErrFull)
	at := func(object string, offset int64) func(context.Context, string, int64) error {
		return func(_ context.Context, key string, n int64) error {
			if strings.Contains(key, object) && n >= offset {
				return full
			}
			return nil
		}
	}
	on := func(object string) func(string) error {
		return func(key string) error {
			if strings.Contains(key, object) {
				return full
			}
			return nil
		}
	}
	for name, f := range map[string]struct {
		faulty
		is   error // nil: the run ends well
		left int   // objects
	}{
		"beginning the dump":              {faulty: faulty{begin: on(dumpName)}, is: store.ErrFull},
		"the first byte":                  {faulty: faulty{write: at(dumpName, 0)}, is: store.ErrFull},
		"in the middle":                   {faulty: faulty{write: at(dumpName, 50_000)}, is: store.ErrFull},
		"the answer to the dump's commit": {faulty: faulty{commit: on(dumpName)}, is: store.ErrFull},
		"beginning the roles":             {faulty: faulty{begin: on(globalsName)}, is: store.ErrFull},
		"writing the roles":               {faulty: faulty{write: at(globalsName, 0)}, is: store.ErrFull},
		"committing the roles":            {faulty: faulty{commit: on(globalsName)}, is: store.ErrFull},
		"another size":                    {faulty: faulty{stat: func(i store.Info) store.Info { i.Size--; return i }}, is: store.ErrCorrupt},
		"another sum":                     {faulty: faulty{stat: func(i store.Info) store.Info { i.CRC32C = "AAAAAA=="; return i }}, is: store.ErrCorrupt},
		"the manifest":                    {faulty: faulty{put: func(func() (store.Info, error)) (store.Info, error) { return store.Info{}, full }}, is: store.ErrFull},
		"the answer to the manifest": {faulty: faulty{put: func(do func() (store.Info, error)) (store.Info, error) {
			if _, err := do(); err != nil {
				return store.Info{}, err
			}
			return store.Info{}, full
		}}, left: 3},
	} {
		t.Run(name, func(t *testing.T) {
			f.Mem = store.NewMem(nil)
			_, err := Run(t.Context(), b.options(&f.faulty))
			if !errors.Is(err, f.is) || f.is == nil && err != nil {
				t.Errorf("%v; want %v", err, f.is)
			}
			if got := keys(t, f.Mem); len(got) != f.left || f.Pending() > 0 {
				t.Errorf("%d objects (%v) and %d uploads are left, want %d objects", len(got), got, f.Pending(), f.left)
			}
			b.free()
		})
	}
}

// TestTwoOperatorsAtOnce lets one in.
func TestTwoOperatorsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBase(t, rows)
	h := newHalfway()
	o := b.options(h)
	id, err := backup.NewID(time.Now(), nil)
	if err != nil {
		t.Fatal(err)
	}
	o.ID = id
	done := start(t, t.Context(), o, h)
	conn, err := postgres.Connect(t.Context(), b.at(b.node, "reader"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if all, err := UnderWay(t.Context(), conn); err != nil || len(all) != 1 || all[0].ID != string(id) || all[0].User != "app" {
		t.Errorf("under way: %+v, %v", all, err)
	}
	second := b.options(h)
	second.KeepFailure = true
	if _, err := Run(t.Context(), second); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), string(id)) || !strings.Contains(err.Error(), "role app") {
		t.Errorf("the second: %v", err)
	}
	close(h.release)
	if r := <-done; r.err != nil {
		t.Errorf("the first: %v", r.err)
	}
	if got := keys(t, h.Mem); len(got) != 3 {
		t.Errorf("%v", got)
	}
	waitFor(t, "nobody to be under way", func() bool {
		all, err := UnderWay(t.Context(), conn)
		return err == nil && len(all) == 0
	})

	var well atomic.Int64
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			switch _, err := Run(t.Context(), b.options(h)); {
			case err == nil:
				well.Add(1)
			case !errors.Is(err, ErrBusy):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := int(well.Load()); n == 0 || len(keys(t, h.Mem)) != 3+3*n || h.Pending() > 0 {
		t.Errorf("%d of 6 ended well, %d objects", n, len(keys(t, h.Mem)))
	}
}

// TestOthersAreNotDisturbed refuses to begin where somebody else would have to wait, or the dump for him.
func TestOthersAreNotDisturbed(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		user string
		sql  []string
		is   error
		says string
	}{
		"another pg_dump":         {"postgres", []string{"set application_name = pg_dump"}, ErrBusy, "session pg_dump"},
		"a migration":             {"app", []string{"begin", "lock table crm.versions in share update exclusive mode"}, ErrMigrating, "role app"},
		"one of another role":     {"postgres", []string{"begin", "lock table crm.versions in share update exclusive mode"}, ErrMigrating, "role postgres"},
		"one with a number":       {"app", []string{"SELECT pg_try_advisory_lock(129653361)"}, ErrMigrating, "role app"},
		"a locked table":          {"app", []string{"begin", "lock table public.users in access exclusive mode"}, ErrLocked, "role app"},
		"a locked parent":         {"postgres", []string{"begin", "lock table only public.parted in access exclusive mode"}, ErrLocked, "role postgres"},
		"an index being made":     {user: "app", sql: []string{"begin", "create index on public.users (email)"}},
		"the application's locks": {user: "app", sql: []string{"select pg_advisory_lock(7)", "select pg_advisory_lock(7, 8)"}},
	} {
		t.Run(name, func(t *testing.T) {
			at := newBase(t, 100, "create table crm.versions (version bigint)", "alter table crm.versions owner to app", "grant usage on schema public to public")
			conn := at.conn(f.user)
			for _, s := range f.sql {
				if _, err := conn.Exec(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			s := store.NewMem(nil)
			o := at.options(s)
			o.Migrations = "versions"
			_, err := Run(t.Context(), o)
			if !errors.Is(err, f.is) || f.is == nil && err != nil || err != nil && !strings.Contains(err.Error(), f.says) {
				t.Errorf("%v; want %v", err, f.is)
			}
			if f.is != nil {
				nothing(t, s)
			}
			at.free()
		})
	}
}

// TestReadersDoNotQueueBehindTheDump is the outage that a dump and an ALTER TABLE without a lock_timeout make together.
func TestReadersDoNotQueueBehindTheDump(t *testing.T) {
	t.Parallel()
	b := newBase(t, rows)
	h := newHalfway()
	o := b.options(h)
	o.Limits.Yield = 500 * time.Millisecond
	var most atomic.Int64
	o.Progress = func(p Progress) { most.Store(max(most.Load(), int64(p.Blocked))) }
	done := start(t, t.Context(), o, h)
	waited := make(chan error, 2)
	alter, reader := b.conn("app"), b.conn("app")
	go func() {
		_, err := alter.Exec(t.Context(), "alter table users add column seen boolean")
		waited <- err
	}()
	waitFor(t, "the ALTER TABLE to queue", func() bool {
		return b.text("select count(*)::text from pg_locks where not granted and relation = 'users'::regclass") == "1"
	})
	go func() {
		_, err := reader.Exec(t.Context(), "select count(*) from users")
		waited <- err
	}()
	if r := <-done; !errors.Is(r.err, ErrYielded) {
		t.Error(r.err)
	}
	for range 2 {
		if err := <-waited; err != nil {
			t.Error(err)
		}
	}
	if most.Load() < 2 {
		t.Errorf("%d were said to wait", most.Load())
	}
	nothing(t, h.Mem)
}

// TestWhatCannotBeReadIsSaidBefore names what a role lacks, before anything is dumped.
func TestWhatCannotBeReadIsSaidBefore(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]struct {
		sql  []string
		user string
		says string // empty: it goes well
	}{
		"a large object":       {user: "reader", says: "no SELECT on 1 large objects"},
		"none any more":        {user: "reader", sql: []string{"select lo_unlink(oid) from pg_largeobject_metadata"}},
		"one that is granted":  {user: "reader", sql: []string{"do $$ begin execute 'grant select on large object ' || (select oid from pg_largeobject_metadata) || ' to reader'; end $$"}},
		"rows":                 {user: "reader", sql: []string{"select lo_unlink(oid) from pg_largeobject_metadata", "alter table users enable row level security"}, says: "row-level security hides rows of public.users"},
		"the owner's own rows": {user: "app", sql: []string{"alter table users force row level security"}, says: ""},
		"forced rows":          {user: "app", sql: []string{"alter table users enable row level security", "alter table users force row level security"}, says: "ALTER ROLE \"app\" BYPASSRLS"},
		"tables":               {user: "app", sql: []string{"create schema hidden create table a (id int) create table b (id serial)", "create table c (id int)", "alter table c owner to postgres"}, says: "no SELECT on hidden.a, hidden.b, hidden.b_id_seq, public.c: GRANT pg_read_all_data"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBase(t, 100)
			b.exec("alter large object " + b.text("select oid::text from pg_largeobject_metadata") + " owner to app")
			b.exec(f.sql...)
			s := store.NewMem(nil)
			o := b.options(s)
			o.Nodes = []postgres.Node{b.at(b.node, f.user)}
			_, err := Run(t.Context(), o)
			if f.says == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), f.says) {
				t.Errorf("%v; want %q", err, f.says)
			}
			nothing(t, s)
		})
	}
}

// TestRowsComeFromOneMoment adds and removes rows while a dump is on its way.
func TestRowsComeFromOneMoment(t *testing.T) {
	t.Parallel()
	b := newBase(t, rows)
	h := newHalfway()
	done := start(t, t.Context(), b.options(h), h)
	b.exec("insert into users select i, 'late' from generate_series(1001, 1100) i", "delete from events where id % 2 = 0", "insert into schema_migrations values (20260303000000)")
	close(h.release)
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	got := map[string]int64{}
	for _, x := range r.m.Tables {
		got[x.Name] = x.Rows
	}
	if got["public.users"] != 500 || got["public.events"] != rows || got["public.schema_migrations"] != 2 || r.m.Server.Migrations.Count != 2 {
		t.Errorf("%v, %+v", got, r.m.Server.Migrations)
	}
}

func TestNodesThatCannotBeDumped(t *testing.T) {
	t.Parallel()
	b := newBase(t, 10)
	c := cluster(t)
	gone := b.at(b.node, "app")
	gone.Host, gone.Name = "/nonexistent", "gone"
	wrong := b.at(b.node, "app")
	wrong.Config.Password = "another"
	twice := b.at(b.node, "app")
	twice.Name = "other"
	for name, f := range map[string]struct {
		nodes []postgres.Node
		says  string
	}{
		"none":          {nil, "0 nodes are known"},
		"unreachable":   {[]postgres.Node{gone}, "gone: no server has its socket"},
		"a replica":     {[]postgres.Node{b.at(c.Node("r1"), "app")}, "no primary"},
		"two primaries": {[]postgres.Node{b.at(b.node, "app"), twice}, "primary and other both say"},
		"password":      {[]postgres.Node{wrong}, "password authentication failed"},
	} {
		o := b.options(store.NewMem(nil))
		o.Nodes = f.nodes
		if _, err := Run(t.Context(), o); !errors.Is(err, ErrNoNode) || !strings.Contains(err.Error(), f.says) || strings.Contains(err.Error(), "another") {
			t.Errorf("%s: %v; want %q", name, err, f.says)
		}
	}
	if err := pooled(state{pooler: true}); !errors.Is(err, ErrPooler) {
		t.Error(err)
	}
}

// TestNoSecretAndNoPlaintextLeavesTheProcess looks at everything that can be seen from outside while a run is halfway.
func TestNoSecretAndNoPlaintextLeavesTheProcess(t *testing.T) {
	t.Parallel()
	b := newBase(t, rows)
	h := newHalfway()
	o := b.options(h)
	o.Dir = t.TempDir()
	o.Recipients, _ = keyPair(t)
	done := start(t, t.Context(), o, h)
	pid := b.dumpOf()
	for _, file := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
		if err != nil || len(text) == 0 {
			t.Errorf("%s: %d bytes, %v", file, len(text), err)
		}
		for _, secret := range []string{password, "s3cret", "PGPASSWORD"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s has %s: %q", file, secret, text)
			}
		}
	}
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range open { // files that were removed after they were opened are files too
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, o.Dir) {
			t.Errorf("%s is open", to)
		}
	}
	files := 0
	err = filepath.WalkDir(o.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if files++; d.Type() != fs.ModeSocket {
			t.Errorf("%s is no socket", path)
		}
		return nil
	})
	if err != nil || files != 1 {
		t.Errorf("%d files, %v", files, err)
	}
	close(h.release)
	if r := <-done; r.err != nil {
		t.Fatal(r.err)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	for _, k := range keys(t, h.Mem) {
		text, _, err := store.Get(t.Context(), h.Mem, k, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		for _, plain := range []string{"@example.com", password, "CREATE"} {
			if strings.Contains(string(text), plain) {
				t.Errorf("%s has %q", k, plain)
			}
		}
	}
}

// TestAServerThatGoesDown is stopped at once while it is dumped.
func TestAServerThatGoesDown(t *testing.T) {
	t.Parallel()
	cluster(t)
	c, err := pgcluster.Start(t.Context(), pgcluster.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Primary().Exec(t.Context(), "postgres", "create table events as select i, md5(i::text) || repeat('x', 300) from generate_series(1, 20000) i"); err != nil {
		t.Fatal(err)
	}
	b := &base{t: t, name: "postgres", node: c.Primary()}
	h := newHalfway()
	o := b.options(h)
	o.Nodes = []postgres.Node{b.at(c.Primary(), "postgres")}
	done := start(t, t.Context(), o, h)
	if err := c.Primary().Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(h.release)
	if r := <-done; r.err == nil {
		t.Error("it ended well")
	}
	nothing(t, h.Mem)
}

// TestEveryVersionOfTheServer asks each that is installed what a run asks before pg_dump, and runs where there is a pg_dump
// for it.
func TestEveryVersionOfTheServer(t *testing.T) {
	t.Parallel()
	first := cluster(t)
	all, err := pgcluster.Find()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, bin := range all {
		if seen[bin.Version] {
			continue
		}
		seen[bin.Version] = true
		t.Run(strconv.Itoa(bin.Version), func(t *testing.T) {
			c := first
			if len(all) > 1 {
				if c, err = pgcluster.Start(t.Context(), pgcluster.Options{Binaries: bin}); err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			}
			if err := c.Primary().Exec(t.Context(), "postgres", "create table if not exists schema_migrations (version bigint)", "select lo_create(0)"); err != nil {
				t.Fatal(err)
			}
			limits := "do $$ declare n text; begin for n in select name from pg_settings where name in ('transaction_timeout', 'idle_session_timeout', 'statement_timeout') loop execute format('alter role postgres in database postgres set %I = 90000', n); end loop; end $$"
			if err := c.Primary().Exec(t.Context(), "postgres", limits); err != nil {
				t.Fatal(err)
			}
			b := &base{t: t, name: "postgres", node: c.Primary()}
			s := store.NewMem(nil)
			o := b.options(s)
			o.Nodes = []postgres.Node{b.at(c.Primary(), "postgres")}
			if err := o.fill(); err != nil {
				t.Fatal(err)
			}
			asked(t, o)
			_, missing := client.Find(t.Context(), "pg_dump", bin.Version)
			switch _, err := Run(t.Context(), o); {
			case missing == nil && err != nil:
				t.Error(err)
			case missing != nil && (!errors.Is(err, client.ErrNoProgram) || !strings.Contains(err.Error(), "postgresql-client-"+strconv.Itoa(bin.Version))):
				t.Errorf("%v; want %v", err, missing)
			}
		})
	}
}

// asked goes through a run up to pg_dump.
func asked(t *testing.T, o Options) {
	t.Helper()
	ctx := t.Context()
	c, err := choose(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := lock(ctx, o, c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := l.quiet(ctx, o); err != nil {
		t.Error(err)
	}
	if _, _, err := l.blocked(ctx, fmt.Sprintf(blockedQuery, literal("x"))); err != nil {
		t.Error(err)
	}
	if err := l.held(ctx); err != nil {
		t.Error(err)
	}
	h, err := hold(ctx, o, c)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	for _, s := range []*session{l.session, h.session} {
		if on, err := s.text(ctx, "select string_agg(name, ' ') from pg_settings where name ~ '^(transaction|idle_session|idle_in_transaction_session|statement)_timeout$' and setting <> '0' and setting <> '10000'"); err != nil || on != "" {
			t.Errorf("%q limit how long a session may last, %v", on, err)
		}
	}
	if h.id == "" || h.server.SystemID == "" || h.server.Encoding == "" || len(h.tables) == 0 || h.at.IsZero() {
		t.Errorf("%+v", h)
	}
}
