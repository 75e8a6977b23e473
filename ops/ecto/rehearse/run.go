package rehearse

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/pgsql"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/rehearse/measure"
	"ops-console/ops/ecto/schema"
	"ops-console/ops/plaintext"
)

// closing is how long the end of sessions may take.
const closing = 5 * time.Second

// statement is what one operation sends, with the operations that belong to it.
type statement struct {
	ops []ecto.Operation
	sql []string
}

// statements groups operations.
func statements(oo []ecto.Operation) []statement {
	var out []statement
	for i, o := range oo {
		if i == 0 || o.Statement != oo[i-1].Statement || o.Statement == 0 {
			out = append(out, statement{})
		}
		last := &out[len(out)-1]
		last.ops, last.sql = append(last.ops, o), append(last.sql, o.SQL...)
	}
	return out
}

// outside is why an operation is not SQL that could be sent.
func outside(o ecto.Operation) string {
	switch o.Kind {
	case ecto.Dynamic:
		return "its SQL is made while it runs"
	case ecto.Function:
		return "it is a function of the application"
	case ecto.RepoCall:
		return "it asks the application's repo"
	case ecto.ModuleCall:
		return "it is another module's: " + plaintext.Line(o.Text, 120)
	}
	return ""
}

// migration is one of them under way.
type migration struct {
	*scratch
	ecto.Migration
	down  bool
	state *schema.State
	meter *measure.Meter
	inTx  bool
	steps []Step
	code  string // SQLSTATE of what failed last
}

// migrate runs a direction of a migration as Ecto's migrator does: under its lock, in a transaction unless the migration
// says otherwise.
func (s *scratch) migrate(ctx context.Context, m ecto.Migration, ops []ecto.Operation, down bool) ([]Step, error) {
	if _, err := s.conn.Exec(ctx, "reset all"); err != nil {
		return nil, fmt.Errorf("reset the session with the throw-away: %w", err)
	}
	r := &migration{scratch: s, Migration: m, down: down, inTx: !m.DisableDDLTransaction}
	all := statements(ops)
	if s.failed != "" {
		r.skip(all, s.failed)
		return r.steps, nil
	}
	if err := s.recount(ctx); err != nil {
		return nil, err
	}
	var standard string
	var err error
	if r.state, standard, err = s.state(ctx); err != nil {
		return nil, err
	}
	locked := !m.DisableMigrationLock && s.in.Repo.Settings.Lock == project.TableLock
	if locked {
		if err := s.lock(ctx); err != nil {
			return nil, err
		}
	}
	err = r.run(ctx, all, standard, locked)
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	_, _ = s.locker.Exec(cleanup, "rollback")
	if err == nil {
		err = s.size(ctx)
	}
	return r.steps, err
}

// recount analyzes tables that were written again since: nobody knows how many rows they have (from version 18 on building an
// index does not say it either where autovacuum is off).
func (s *scratch) recount(ctx context.Context) error {
	rows, err := s.admin.Query(ctx, `select pg_catalog.format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.reltuples < 0 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`)
	if err != nil {
		return fmt.Errorf("look for tables without statistics on the throw-away: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("look for tables without statistics on the throw-away: %w", err)
	}
	if len(names) == 0 {
		return nil
	}
	if _, err := s.admin.Exec(ctx, "analyze "+strings.Join(names, ", ")); err != nil && code(err) == "" {
		return fmt.Errorf("analyze the throw-away: %w", err)
	}
	return nil
}

// lock does what Ecto's migrator does before a migration: in a transaction of its own it locks the versions table, and
// asks for the versions through the extended protocol, whose open portal keeps the snapshot until the transaction ends
// (Ecto.Adapters.Postgres.lock_for_migrations).
func (s *scratch) lock(ctx context.Context) error {
	for _, sql := range []string{"begin", "lock table " + s.source + " in share update exclusive mode", "select version from " + s.source} {
		if _, err := s.locker.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Close(); err != nil {
			return fmt.Errorf("take the migrator's lock on the throw-away: %w", err)
		}
	}
	return nil
}

func (r *migration) run(ctx context.Context, all []statement, standard string, locked bool) error {
	if r.inTx {
		if _, err := r.conn.Exec(ctx, "begin"); err != nil {
			return fmt.Errorf("begin on the throw-away: %w", err)
		}
	}
	// What was analyzed or written before is in the counters of the session: only differences count.
	var err error
	if r.meter, err = measure.Start(ctx, r.conn, standard); err != nil {
		return err
	}
	for i, t := range all {
		stop, err := r.statement(ctx, t, locked)
		if err != nil {
			return err
		}
		if stop {
			r.failed = fmt.Sprintf("migration %d fails before it", r.Version)
			r.skip(all[i+1:], "a statement before it failed")
			return r.end(ctx, "rollback")
		}
	}
	version := fmt.Sprintf("insert into %s (version, inserted_at) values (%d, now())", r.source, r.Version)
	if r.down {
		version = fmt.Sprintf("delete from %s where version = %d", r.source, r.Version)
	}
	if _, err := r.conn.Exec(ctx, version); err != nil && !r.inTx {
		r.o.Note(fmt.Sprintf("the version %d could not be noted: %s", r.Version, message(err)))
	}
	return r.end(ctx, "commit")
}

// end ends the transaction of a migration. Deferred constraints fail here.
func (r *migration) end(ctx context.Context, how string) error {
	if !r.inTx {
		return nil
	}
	_, err := r.conn.Exec(ctx, how)
	if err != nil && code(err) != "" && len(r.steps) > 0 {
		last := &r.steps[len(r.steps)-1]
		last.Err = message(err)
		r.failed = fmt.Sprintf("migration %d fails before it", r.Version)
		return nil
	}
	return err
}

func (r *migration) skip(all []statement, why string) {
	for _, t := range all {
		for _, sql := range t.sql {
			s := r.step(t, sql)
			s.Skipped = why
			r.steps = append(r.steps, s)
		}
	}
}

func (r *migration) step(t statement, sql string) Step {
	return Step{Path: r.Path, Version: r.Version, At: t.ops[0].At, SQL: sql, Down: r.down}
}

// statement runs what belongs to one statement; stop says that it failed.
func (r *migration) statement(ctx context.Context, t statement, locked bool) (stop bool, err error) {
	for _, o := range t.ops {
		if why := outside(o); why != "" {
			s := r.step(t, plaintext.Line(o.Text, 200))
			s.Skipped, r.leftOut = "not run: "+why, true
			r.steps = append(r.steps, s)
			r.state.Apply(r.Path, o)
		}
	}
	if len(t.sql) == 0 {
		return false, nil
	}
	before := r.state.Clone()
	predicted := measure.Predict(t.ops, r.state, r.Path, r.target)
	first := len(r.steps)
	var effects []measure.Effect
	seen := true
	for i, sql := range t.sql {
		s := r.step(t, sql)
		if i == 0 {
			s.Predicted = predicted
		}
		started := time.Now()
		var got []measure.Effect
		var ok bool
		got, ok, err = r.send(ctx, t, sql, locked, &s)
		s.Took = time.Since(started)
		for _, e := range got {
			s.Measured = append(s.Measured, Lock{Table: e.Table, Mode: e.Mode, Held: e.Mode == e.Before, Rewrite: e.Rewrite, Scan: e.Scan, Build: e.Build})
		}
		r.steps = append(r.steps, s)
		if err != nil {
			return true, err
		}
		if s.Skipped != "" {
			r.state, r.leftOut = before, true
			return false, nil
		}
		if s.Err != "" && !s.hung() {
			r.compareFailure(&r.steps[first], predicted)
			return true, nil
		}
		effects, seen = append(effects, got...), seen && ok
	}
	if !seen {
		return false, nil
	}
	d := &r.steps[first].Differs
	*d = append(*d, measure.Differences(t.ops, predicted, effects, r.meter)...)
	for _, e := range predicted {
		if e.Fails != "" && !e.New && !r.meter.Empty(e.Table) {
			*d = append(*d, "predicted to fail, as "+e.Fails+"; it did not")
		}
	}
	return false, nil
}

// compareFailure says whether a failure should have been predicted: one that comes from what tables are and what depends on
// them. What fails for its rows, for what is not there, or for a rule of transactions is none of the predictions' business.
func (r *migration) compareFailure(s *Step, predicted []locks.Effect) {
	for _, e := range predicted {
		if e.Fails != "" {
			return
		}
	}
	switch r.code {
	case "0A000", "2BP01", "42804": // feature_not_supported, dependent_objects_still_exist, datatype_mismatch
		s.Differs = append(s.Differs, "it fails, which was not predicted")
	}
}

// send runs one string of SQL and measures it. seen says that its locks could be seen.
func (r *migration) send(ctx context.Context, t statement, sql string, locked bool, s *Step) (got []measure.Effect, seen bool, err error) {
	if strings.Contains(sql, "#{") {
		s.Skipped = "not run: its SQL is made while it runs"
		return nil, false, nil
	}
	if t.ops[0].Kind == ecto.Transaction {
		s.Skipped = "not run: it begins or ends a transaction by itself"
		return nil, false, nil
	}
	if extension(sql) {
		s.Skipped, err = r.extension(ctx, sql)
		return nil, false, err
	}
	if waits(t.ops) && !r.inTx {
		return r.concurrently(ctx, sql, locked, s)
	}
	own := !r.inTx && !alone(t.ops)
	for range 20 { // roles that it names
		point, undo := "savepoint rehearsed", "rollback to savepoint rehearsed"
		switch {
		case own:
			point, undo = "begin", "rollback"
		case !r.inTx:
			point, undo = "", ""
		}
		if point != "" {
			if _, err := r.conn.Exec(ctx, point); err != nil {
				return nil, false, fmt.Errorf("%s on the throw-away: %w", point, err)
			}
		}
		if own {
			if err := r.meter.Mark(ctx, r.conn); err != nil {
				return nil, false, err
			}
		}
		err = r.exec(ctx, sql)
		if err == nil || ctx.Err() != nil {
			break
		}
		if code(err) == "" {
			return nil, false, fmt.Errorf("run a statement on the throw-away: %w", err)
		}
		if undo != "" {
			if _, undoErr := r.conn.Exec(ctx, undo); undoErr != nil {
				return nil, false, fmt.Errorf("%s on the throw-away: %w", undo, undoErr)
			}
		}
		if c := code(err); own && (c == "2D000" || c == "25001") {
			own = false // it wants to begin and end transactions itself
			continue
		}
		name := missingRole(err)
		if name == "" || !r.makeRole(ctx, name) {
			break
		}
		if r.inTx {
			if err := r.notice(ctx); err != nil {
				return nil, false, err
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, false, fmt.Errorf("rehearse %d: %w", r.Version, ctx.Err())
	case code(err) == "42501":
		s.Skipped = "not run: it needs a privilege that a rehearsal does not have: " + message(err)
		return nil, false, nil
	case r.leftOut && undefined(err):
		s.Skipped = "not run: it names what something that was left out may make: " + message(err)
		return nil, false, nil
	case err != nil:
		s.Err, r.code = message(err), code(err)
		return nil, false, nil
	case !r.inTx && !own:
		return nil, false, nil
	}
	if got, err = r.meter.Read(ctx, r.conn); err != nil {
		return nil, false, err
	}
	if own {
		if _, err := r.conn.Exec(ctx, "commit"); err != nil {
			if code(err) == "" {
				return got, true, fmt.Errorf("commit on the throw-away: %w", err)
			}
			s.Err = message(err)
		}
		return got, true, nil
	}
	_, err = r.conn.Exec(ctx, "release savepoint rehearsed")
	return got, true, err
}

// undefined says whether a statement failed for what it names is not there.
func undefined(err error) bool {
	switch code(err) {
	case "42P01", "42703", "42704", "42883", "3F000": // table, column, object, function, schema
		return true
	}
	return false
}

// exec sends a statement through the extended protocol, as Postgrex does: two statements in one string are an error there.
func (s *scratch) exec(ctx context.Context, sql string) error {
	_, err := s.conn.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Close()
	return err
}

var roleText = regexp.MustCompile(`^role "(.+)" does not exist$`)

// missingRole is the role that a statement failed for.
func missingRole(err error) string {
	if code(err) != "42704" {
		return ""
	}
	var text string
	if pe := pgError(err); pe != nil {
		text = pe.Message
	}
	if m := roleText.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

// notice has a session look at what others did to the catalog, which within a transaction it does only where it takes a lock
// that it does not have.
func (s *scratch) notice(ctx context.Context) error {
	for _, q := range []string{"savepoint noticed", "select from pg_catalog.pg_shseclabel limit 0", "rollback to savepoint noticed"} {
		if _, err := s.conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("look at new roles of the throw-away: %w", err)
		}
	}
	return nil
}

// makeRole makes a role that is named and missing, and says whether it is there now.
func (s *scratch) makeRole(ctx context.Context, name string) bool {
	_, err := s.admin.Exec(ctx, "create role "+quoted(name)+" nologin role "+role)
	return err == nil
}

// alone says whether a statement cannot run in a transaction.
func alone(ops []ecto.Operation) bool {
	for _, o := range ops {
		switch o.Kind {
		case ecto.Vacuum, ecto.System, ecto.Transaction:
			return true
		case ecto.RewriteTable:
			return strings.HasPrefix(o.Expression, "VACUUM") || strings.HasPrefix(o.Expression, "CLUSTER")
		}
	}
	return waits(ops)
}

// waits says whether a statement waits for others to finish.
func waits(ops []ecto.Operation) bool {
	for _, o := range ops {
		if o.Concurrent && o.Kind != ecto.RefreshMatview {
			return true
		}
	}
	return false
}

// extension says whether SQL makes an extension and does nothing else.
func extension(sql string) bool {
	ops, err := pgsql.Parse(sql)
	return err == nil && len(ops) == 1 && ops[0].Kind == ecto.CreateExtension
}

// reaching are extensions that lead to other servers: a rehearsal stays on its own.
var reaching = map[string]bool{"dblink": true, "postgres_fdw": true, "http": true, "pg_net": true}

// extension makes one as superuser, as it would be on the real server.
func (s *scratch) extension(ctx context.Context, sql string) (skipped string, err error) {
	for name := range reaching {
		if strings.Contains(strings.ToLower(sql), name) {
			return "not run: the extension reaches other servers", nil
		}
	}
	if _, err := s.admin.PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Close(); err != nil {
		if code(err) == "" {
			return "", fmt.Errorf("make an extension on the throw-away: %w", err)
		}
		return "not run: the extension is not installed here: " + message(err), nil
	}
	return "", nil
}

// hung says that a step would have waited for ever.
func (s *Step) hung() bool { return strings.HasPrefix(s.Err, hangs) }

const hangs = "it waits for ever"
