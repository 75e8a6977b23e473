package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
)

// missingLockTimeout is said once for a migration, at the first lock: one setting mends them all. Where a whole history is
// looked at it is said once for all of it, for then it is a habit.
func (p *pass) missingLockTimeout() {
	if _, ok := p.Note("unresolved-use"); ok {
		return // what is used may well set one
	}
	s, e := p.unbounded()
	if s == nil {
		return
	}
	f := Finding{
		At: s.Op.At, Table: e.Table, Mode: e.Mode, SQL: s.SQL(), Severity: Warning,
		Text: fmt.Sprintf("%s waits for %s on %s as long as it takes, and while it waits all %s queue up behind it",
			what(s.Op), e.Mode, e.Table, e.Mode.Blocks()),
		Recipe: "set a lock_timeout in after_begin, or for all migrations where the repo connects",
		Code:   "def after_begin do\n  repo().query!(\"SET LOCAL lock_timeout TO '5s'\")\nend",
	}
	if p.Migration.DisableDDLTransaction {
		f.Recipe = "set a lock_timeout for the role that migrates, or let the statement run in a transaction"
		f.Code = fmt.Sprintf("%s\n# the statement\n%s", execute("SET lock_timeout TO '5s'"), execute("RESET lock_timeout"))
	}
	if by := p.Batch(e.Table); by != "" {
		return
	}
	if p.Live == nil {
		f.Why = append(f.Why, "assumed that the role and the server set none: no database was asked")
	} else if _, ok := p.Live.Traffic[e.Table]; ok {
		f.Why = append(f.Why, p.trafficText(e.Table))
	}
	switch {
	case p.Options.Check != nil:
		p.Emit(f)
	case !p.Down:
		p.habit(f)
	}
}

// habit keeps a finding back until all migrations were looked at: the last one is reported, and how many there are.
func (p *pass) habit(f Finding) {
	p.run.waits++
	n := p.run.waits
	current := p.current
	p.late = append(p.late, func() {
		if n != p.run.waits {
			return
		}
		if n > 1 {
			f.Why = append(f.Why, fmt.Sprintf("%d earlier migrations set none either", n-1))
		}
		p.current = current
		p.Emit(f)
	})
}

// unbounded is the first operation that waits without end for a lock on a table in use that readers or writers feel.
func (p *pass) unbounded() (*site, *locks.Effect) {
	for _, s := range p.Sites {
		// A table that is made here may lead to one that is there, for a moment; and what is locked by hand is meant.
		if s.HasTimeout() || p.Fresh(s.Op.Table) || s.Op.Kind == ecto.LockTable {
			continue
		}
		for i := range s.Effects {
			if e := &s.Effects[i]; !e.New && !e.Waits && e.Mode.BlocksWrites() {
				return s, e
			}
		}
	}
	return nil, nil
}

// what is what an operation does, in a few words.
func what(o *ecto.Operation) string {
	text := strings.ReplaceAll(string(o.Kind), "_", " ")
	switch {
	case o.Column.Name != "":
		return text + " " + o.Column.Name
	case o.Name.Name != "":
		return text + " " + o.Name.Name
	}
	return text
}

// timeouts are the settings that end a statement.
var timeouts = map[string]bool{"lock_timeout": true, "statement_timeout": true}

func (s *site) timeoutLeak() {
	o := s.Op
	if !timeouts[o.Setting] || o.Local || o.Expression == "" || o.Expression == "DEFAULT" {
		return
	}
	for i := s.Index + 1; i < len(s.Ops); i++ {
		later := &s.Ops[i]
		if later.Kind != ecto.Set || later.Local {
			continue
		}
		if later.Setting == "all" || later.Setting == o.Setting {
			return
		}
	}
	f := Finding{
		Text:   fmt.Sprintf("%s stays %s on this connection, for the migrations that come after this one and for whoever gets it from the pool", o.Setting, o.Expression),
		Recipe: "reset it at the end of the migration",
		Code:   execute("RESET %s", o.Setting),
	}
	if s.InTransaction() {
		f.Recipe = "write SET LOCAL, which ends with the transaction"
		f.Code = execute("SET LOCAL %s TO %s", o.Setting, sqlText(o.Expression))
	}
	s.Emit(f)
}

// longEnough is a timeout that no build is expected to meet.
const longEnough = 30 * time.Minute

func (s *site) timeoutWithConcurrently() {
	if !s.Op.Concurrent {
		return
	}
	setting, value := "lock_timeout", s.LockTimeout
	if t := s.statementTimeout(); short(t) {
		setting, value = "statement_timeout", t
	}
	if !short(value) {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s is %s: a concurrent build waits for every older transaction, and when the time is over it leaves an invalid index", setting, value),
		Recipe: "set " + setting + " to 0 for a concurrent build, which blocks nobody while it waits",
		Code:   execute("SET %s TO 0", setting) + "\n# the index\n" + execute("RESET %s", setting),
	})
}

// statementTimeout is what the migration itself has set by now.
func (s *site) statementTimeout() string {
	value := ""
	for _, b := range s.Sites {
		if o := b.Op; o.Kind == ecto.Set && (o.Setting == "statement_timeout" || o.Setting == "all") && !(o.Local && !s.InTransaction()) {
			value = o.Expression
		}
	}
	return value
}

// short says whether a timeout ends something within what a build may take.
func short(value string) bool {
	d, ok := parseTimeout(value)
	return ok && d > 0 && d < longEnough
}

// parseTimeout reads a time as PostgreSQL's settings have it: milliseconds, or with a unit.
func parseTimeout(s string) (time.Duration, bool) {
	s = strings.ToLower(strings.Trim(strings.TrimSpace(s), "'"))
	i := strings.LastIndexAny(s, "0123456789.") + 1
	n, err := strconv.ParseFloat(s[:i], 64)
	unit, known := map[string]time.Duration{
		"": time.Millisecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[strings.TrimSpace(s[i:])]
	if err != nil || !known || n < 0 || n > 1e12 {
		return 0, false
	}
	return time.Duration(n * float64(unit)), true
}

func (p *pass) callbackIgnored() {
	m := p.Migration
	if p.Down || !m.DisableDDLTransaction || len(m.Callbacks) == 0 {
		return
	}
	callback := slices.Sorted(slices.Values(m.Callbacks))[0]
	p.Emit(Finding{
		At:     p.definition(callback),
		Text:   fmt.Sprintf("%s is never called: with @disable_ddl_transaction there is no transaction that begins", callback),
		Recipe: "do what it does in the migration itself, with execute",
	})
}
