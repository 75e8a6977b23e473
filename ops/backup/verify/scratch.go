package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/backup/archive"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/client"
	"ops-console/ops/postgres/pgcluster"
)

// Scratch is where and how the throw-away server runs.
type Scratch struct {
	// Dir is where its directory is made. Empty: in memory where it fits into half of what is free, else the system's
	// directory for temporary files.
	Dir string
	// Jobs is how many sessions restore at once; 0 or 1: one, from the stream. More need the dump in a file: its plaintext
	// lies in the same directory as the server's, and takes as much room again.
	Jobs int
	// Need is how many bytes of disk are wanted; 0: reckoned from the size of the dump.
	Need int64
}

// ErrExtension says that an extension of the backup is not installed here.
var ErrExtension = errors.New("the throw-away server lacks an extension")

// ErrRoom says that there is not enough room to restore.
var ErrRoom = errors.New("not enough room for a throw-away server")

// prefix of the directories. Sweep removes those that nobody uses any more.
const prefix = "ops-verify-"

// lockName is the file in such a directory that is locked for as long as somebody uses it.
const lockName = "lock"

// need reckons how much disk a restored database takes: measured, 1.2 times what COPY writes for heap and indexes together,
// up to 1.9 times for small rows; its write-ahead log, as much as that until a checkpoint frees it; and what a server has of
// its own.
func (v *run) need() int64 {
	if v.Scratch.Need > 0 {
		return v.Scratch.Need
	}
	const own, log = 160 << 20, 3 << 29
	need := v.dump.Raw.Bytes*2 + min(v.dump.Raw.Bytes, log) + own
	if v.Scratch.Jobs > 1 {
		need += v.dump.Raw.Bytes
	}
	return need
}

// scratch is the throw-away server.
type scratch struct {
	dir     string
	lock    *os.File
	cluster *pgcluster.Cluster
	major   int
	notes   []string
}

// place makes the directory, where there is room for it.
func (v *run) place() (*scratch, error) {
	need := v.need()
	parents := []string{v.Scratch.Dir}
	if v.Scratch.Dir == "" {
		parents = []string{os.TempDir()}
		if memory, ok := memoryDir(need); ok {
			parents = []string{memory, os.TempDir()}
		}
	}
	var errs []error
	for _, parent := range parents {
		free, err := freeBytes(parent)
		if err == nil && free < need {
			err = fmt.Errorf("%w: %s has %d MB free, and about %d MB are needed: name another directory", ErrRoom, parent, free>>20, need>>20)
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s, err := makeScratch(parent)
		if err == nil {
			return s, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func makeScratch(parent string) (*scratch, error) {
	dir, err := os.MkdirTemp(parent, prefix)
	if err != nil {
		return nil, fmt.Errorf("a directory for the throw-away server: %w", err)
	}
	s := &scratch{dir: dir}
	if os.Getuid() == 0 {
		// Servers of root run as another user, who must pass through to a directory of its own; nobody can see what is in
		// this one.
		if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // as above
			return nil, errors.Join(err, s.close())
		}
	}
	s.lock, err = os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock the directory of the throw-away server: %w", err), s.close())
	}
	return s, nil
}

// start starts the server, of a version that is not older than the one that was dumped, nor than the pg_dump: what that
// writes no older server may know.
func (s *scratch) start(ctx context.Context, v *run) error {
	source, tool := archive.Major(v.manifest.Server.Version), archive.Major(v.manifest.Tool.PgDump)
	bin, err := server(ctx, max(source, tool), source)
	if err != nil {
		return err
	}
	s.major = bin.Version
	if s.major != source {
		s.notes = append(s.notes, fmt.Sprintf("restored into PostgreSQL %d, while the source is %d", s.major, source))
	}
	s.cluster, err = pgcluster.Start(ctx, pgcluster.Options{Binaries: bin, Dir: s.dir, Settings: map[string]string{
		"wal_level": "minimal", "max_wal_senders": "0", "max_replication_slots": "0", "full_page_writes": "off", "synchronous_commit": "off",
		"max_wal_size": "1GB", "shared_buffers": "128MB", "maintenance_work_mem": "256MB", "max_locks_per_transaction": "4096",
		"max_connections": "20", "log_min_messages": "panic", "max_worker_processes": "2", "max_prepared_transactions": "0",
	}})
	if err != nil {
		return fmt.Errorf("start a throw-away PostgreSQL %d: %w", s.major, err)
	}
	return nil
}

// server is the oldest that is not older than wanted, and that a pg_dump can be had for, which compares definitions.
func server(ctx context.Context, wanted, source int) (pgcluster.Binaries, error) {
	all, err := pgcluster.Find()
	if err != nil {
		return pgcluster.Binaries{}, err
	}
	slices.SortStableFunc(all, func(a, b pgcluster.Binaries) int { return cmp.Compare(a.Version, b.Version) })
	for _, b := range all {
		if b.Version < wanted {
			continue
		}
		if _, e := client.Find(ctx, "pg_dump", b.Version); e == nil {
			return b, nil
		} else if err == nil {
			err = e
		}
	}
	if err != nil {
		return pgcluster.Binaries{}, err
	}
	return pgcluster.Binaries{}, fmt.Errorf("the backup is of PostgreSQL %d, and the newest server programs here are of %d: apt-get install postgresql-%d, or name their directory in $%s",
		source, all[len(all)-1].Version, wanted, pgcluster.Env)
}

// available says which extensions are missing. Those of a backup come in the version that is here.
func (s *scratch) available(ctx context.Context, conn *pgx.Conn, wanted map[string]string) error {
	rows, err := conn.Query(ctx, "select name, default_version from pg_catalog.pg_available_extensions")
	if err != nil {
		return fmt.Errorf("list extensions: %w", err)
	}
	here := map[string]string{}
	var name, version string
	if _, err := pgx.ForEachRow(rows, []any{&name, &version}, func() error {
		here[name] = version
		return nil
	}); err != nil {
		return fmt.Errorf("list extensions: %w", err)
	}
	var missing []string
	for name, version := range wanted {
		switch has, ok := here[name]; {
		case !ok:
			missing = append(missing, plaintext.Line(name, 63))
		case version != "" && has != version:
			s.notes = append(s.notes, fmt.Sprintf("the extension %s is %s here and %s in the source", plaintext.Line(name, 63), has, plaintext.Line(version, 30)))
		}
	}
	slices.Sort(missing)
	slices.Sort(s.notes)
	if len(missing) > 0 {
		return fmt.Errorf("%w: %s: install it for PostgreSQL %d on this machine, or verify to the level counted", ErrExtension, strings.Join(missing, ", "), s.major)
	}
	return nil
}

// database is the name of the restored database.
const database = "restored"

// node is how programs reach it.
func (s *scratch) node(db string) (postgres.Node, error) {
	cfg, err := pgx.ParseConfig("sslmode=disable target_session_attrs=any passfile=/dev/null")
	if err != nil {
		return postgres.Node{}, err
	}
	own, err := pgx.ParseConfig(s.cluster.Primary().URL(db))
	if err != nil {
		return postgres.Node{}, err
	}
	cfg.Host, cfg.Port, cfg.Database, cfg.User, cfg.Password = own.Host, own.Port, db, own.User, ""
	cfg.RuntimeParams = map[string]string{"application_name": "ops-console verify"}
	return postgres.Node{Name: "the throw-away server", Host: cfg.Host, Port: cfg.Port, Direct: true, Config: cfg}, nil
}

func (s *scratch) connect(ctx context.Context, db string) (*pgx.Conn, error) {
	n, err := s.node(db)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, n.Config)
	if err != nil {
		return nil, fmt.Errorf("connect to the throw-away server: %w", err)
	}
	return conn, nil
}

// close ends the server and removes everything.
func (s *scratch) close() error {
	var errs []error
	if s.cluster != nil {
		errs = append(errs, s.cluster.Close())
	}
	errs = append(errs, os.RemoveAll(s.dir))
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Sweep removes what verifications left below a directory (empty: the system's two for temporary files) whose process is no
// more, and says what. Servers end with the process that started them; a directory in which one still runs stays.
func Sweep(dir string) ([]string, error) {
	dirs := []string{dir}
	if dir == "" {
		dirs = []string{os.TempDir()}
		if memory != "" {
			dirs = append(dirs, memory)
		}
	}
	var removed []string
	var errs []error
	for _, d := range dirs {
		found, err := filepath.Glob(filepath.Join(d, prefix+"*"))
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			ok, err := sweepOne(path)
			if ok {
				removed = append(removed, path)
			}
			errs = append(errs, err)
		}
	}
	return removed, errors.Join(errs...)
}

// young is how long after it was made a directory may lack its lock.
const young = time.Minute

func sweepOne(dir string) (bool, error) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return false, nil //nolint:nilerr // it is gone, or none of ours
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Getuid() {
		return false, nil
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrNotExist) && time.Since(info.ModTime()) < young:
		return false, nil
	case err == nil:
		defer lock.Close()
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			return false, nil
		}
	}
	if serverRuns(dir) {
		return false, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return false, fmt.Errorf("remove what an interrupted verification left: %w", err)
	}
	return true, nil
}

// serverRuns says whether a server of a directory is still at work.
func serverRuns(dir string) bool {
	found, err := filepath.Glob(filepath.Join(dir, "*", "d0", "postmaster.pid"))
	if err != nil {
		return false
	}
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		first, _, _ := strings.Cut(string(text), "\n")
		pid, err := strconv.Atoi(strings.TrimSpace(first))
		if err == nil && pid > 1 && processIn(pid, filepath.Dir(path)) {
			return true
		}
	}
	return false
}
