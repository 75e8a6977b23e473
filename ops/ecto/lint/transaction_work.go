package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
)

// workAfterLock finds what makes the time long for which an exclusive lock is held: what comes after it in its transaction.
func (p *pass) workAfterLock() {
	if !p.InTransaction() {
		return
	}
	var held *site
	for _, s := range p.Sites {
		if held != nil && s.Op.Statement != held.Op.Statement && p.works(held, s) {
			return
		}
		if held == nil && slices.ContainsFunc(s.Effects, func(e locks.Effect) bool { return e.Mode == locks.AccessExclusive && !e.New }) {
			held = s
		}
	}
	p.secondLock()
}

// works reports work that is done while the lock of an earlier operation is held.
func (p *pass) works(held, s *site) bool {
	lock := held.Main()
	for _, e := range s.Effects {
		if e.New || !e.Rewrite && !e.Scan && len(e.Build) == 0 || p.size(e.Table).small(p.rows, p.bytes) {
			continue
		}
		if e.Table == lock.Table && s.Effect(e.Table).Mode == locks.AccessExclusive || isDML(s.Op.Kind) {
			continue // it would hold the same lock by itself; rows that change are another rule's
		}
		doing := "reading " + e.Table.String()
		switch {
		case e.Rewrite:
			doing = "writing " + e.Table.String() + " again"
		case len(e.Build) > 0:
			doing = "building an index of " + e.Table.String()
		}
		f := Finding{
			At: s.Op.At, Table: lock.Table, Mode: lock.Mode, SQL: s.SQL(), Hold: p.hold(e),
			Text: fmt.Sprintf("%s in line %d holds ACCESS EXCLUSIVE on %s until the transaction ends, so %s here keeps its reads and writes waiting",
				what(held.Op), held.Op.At.Line, lock.Table, doing),
			Recipe: "do this in a migration of its own",
		}
		if e.Table != lock.Table && p.Batch(e.Table) != "" {
			f.Severity = Info
		}
		p.Emit(f)
		return true
	}
	return false
}

// secondLock finds two tables that are locked in one transaction and that a database says are busy: one waits while the
// other is held.
func (p *pass) secondLock() {
	var first *site
	var firstTable ecto.Name
	for _, s := range p.Sites {
		for _, e := range s.Effects {
			if e.Mode != locks.AccessExclusive || e.New || !p.busy(e.Table) {
				continue
			}
			if first == nil {
				first, firstTable = s, e.Table
				break
			}
			t := firstTable
			if e.Table == t || s == first {
				continue
			}
			f := Finding{
				At: s.Op.At, Table: e.Table, Mode: e.Mode, SQL: s.SQL(),
				Text: fmt.Sprintf("%s stays locked since line %d while this waits for %s: both stand still, and whoever locks them the other way round deadlocks (40P01)",
					t, first.Op.At.Line, e.Table),
				Recipe: "change one table in a migration",
				Why:    []string{p.trafficText(t), p.trafficText(e.Table)},
			}
			p.Emit(f)
			return
		}
	}
}

// busyAt is from how many scans and changed rows a second on a table is never left alone for long.
const busyAt = 1

func (p *pass) busy(n ecto.Name) bool {
	if p.Live == nil {
		return false
	}
	t, ok := p.Live.Traffic[n]
	return ok && t.Reads+t.Writes >= busyAt
}

// trafficText is what a database says of how busy a table is.
func (p *pass) trafficText(n ecto.Name) string {
	t := p.Live.Traffic[n]
	return fmt.Sprintf("%s sees %.1f reads and %.1f writes a second", n, t.Reads, t.Writes)
}

func isDML(k ecto.Kind) bool { return k == ecto.Update || k == ecto.Delete || k == ecto.Insert }

// bulk are the functions of a repo that change many rows at once.
var bulk = map[string]bool{"update_all": true, "delete_all": true, "insert_all": true, "stream": true}

// single are those that change one row: in a loop they are many.
var single = map[string]bool{
	"update": true, "update!": true, "insert": true, "insert!": true, "delete": true, "delete!": true,
	"insert_or_update": true, "insert_or_update!": true,
}

// oneRow is a condition that one row at most meets.
var oneRow = regexp.MustCompile(`^\(?"?id"? = ('[^']*'|[0-9]+|\$1)(::\w+)?\)?$`)

// changesRows says whether an operation changes rows of a table that may be many.
func changesRows(o *ecto.Operation) bool {
	switch o.Kind {
	case ecto.Update, ecto.Delete:
		return !oneRow.MatchString(o.Where)
	case ecto.Insert:
		return o.Expression == "SELECT"
	case ecto.RepoCall:
		return bulk[o.Name.Name] || o.Repeated && single[o.Name.Name]
	}
	return false
}

// backfill finds rows that are changed while their table's lock is held.
func (p *pass) backfill() {
	if !p.InTransaction() {
		return
	}
	var locked []*site
	for _, s := range p.Sites {
		if slices.ContainsFunc(s.Effects, func(e locks.Effect) bool { return e.Mode.BlocksWrites() && !e.New && e.Table == s.Op.Table }) {
			locked = append(locked, s)
		}
	}
	if len(locked) == 0 {
		return
	}
	for _, s := range p.Sites {
		if !changesRows(s.Op) {
			continue
		}
		i := slices.IndexFunc(locked, func(l *site) bool { return s.Op.Table.Name == "" || l.Op.Table == s.Op.Table })
		if i < 0 || p.Fresh(s.Op.Table) {
			continue
		}
		p.backfills(locked[i], s)
	}
}

func (p *pass) backfills(locked, s *site) {
	e := locked.Main()
	f := Finding{
		At: s.Op.At, Table: e.Table, Mode: e.Mode, SQL: s.SQL(),
		Text: fmt.Sprintf("rows of %s are changed in the transaction that takes %s on it (line %d): %s wait until all rows are done",
			e.Table, e.Mode, locked.Op.At.Line, e.Mode.Blocks()),
		Recipe: "change the table in one migration and the rows in another, in batches, without a DDL transaction",
		Code:   p.batches(s.Op),
	}
	switch {
	case s.Op.Table.Name == "":
		f.Severity = Warning
		f.Why = []string{"assumed to be rows of " + e.Table.String() + ": which table the call is about is only known when it runs"}
	case s.Index < locked.Index:
		f.Text = fmt.Sprintf("rows of %s are changed in the transaction that then takes %s on it (line %d): the rows stay locked while that waits, and it has to wait for whoever waits for them",
			e.Table, e.Mode, locked.Op.At.Line)
	}
	p.Emit(f)
}

// batches is a backfill that leaves others room.
func (p *pass) batches(o *ecto.Operation) string {
	if o.Kind != ecto.Update || o.Table.Name == "" || o.Text == "" {
		return ""
	}
	first := "0"
	if c := p.Table(o.Table).Column("id"); c != nil && strings.EqualFold(c.Type, "uuid") {
		first = "<<0::128>>"
	}
	return fmt.Sprintf(`@disable_ddl_transaction true

def up, do: batch(%s)

def down, do: :ok

# 1,000 rows at a time, by key, with a pause
defp batch(last) do
  %%{rows: rows} =
    repo().query!(
      "WITH batch AS (SELECT id FROM %s WHERE id > $1 ORDER BY id LIMIT 1000) " <>
        "UPDATE %s AS t SET … FROM batch WHERE t.id = batch.id RETURNING t.id",
      [last]
    )

  unless rows == [] do
    Process.sleep(50)
    rows |> List.flatten() |> Enum.max() |> batch()
  end
end`, first, qualified(o.Table), qualified(o.Table))
}
