package catalog

import (
	"cmp"
	"slices"
	"strings"

	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/sqltext"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

// longestQuery is how much of a statement is shown: enough to know it again.
const longestQuery = 160

// activity is a transaction while it is put together.
type activity struct {
	Activity
	relations []oid
	mode      int64
}

// modes are the locks by their names in pg_locks, weakest first, as in package locks.
const modes = `array['AccessShareLock','RowShareLock','RowExclusiveLock','ShareUpdateExclusiveLock','ShareLock','ShareRowExclusiveLock','ExclusiveLock','AccessExclusiveLock']`

// activityQuestions ask for backends and for prepared transactions, which hold locks without one. Relations below 16384
// are PostgreSQL's own.
func (r *reading) activityQuestions() []postgres.Question {
	const held = ` (select array_agg(distinct l.relation) filter (where l.relation >= 16384) as relations,
 max(array_position(` + modes + `, l.mode)) filter (where l.relation >= 16384) as mode, bool_or(not l.granted) as waiting
 from pg_locks l where l.locktype = 'relation' and l.database = d.oid and `
	return []postgres.Question{
		rows(`select a.pid, a.backend_type, a.state, extract(epoch from a.xact_start), nullif(left(a.query, 2000), '<insufficient privilege>'),
 l.relations, l.mode, coalesce(l.waiting, false), a.backend_xmin is not null and a.backend_type is distinct from 'walsender'
 from pg_database d join pg_stat_get_activity(null) a on a.datid = d.oid left join lateral`+held+`l.pid = a.pid) l on true
 where d.datname = current_database() and a.pid <> pg_backend_pid() and (l.relations is not null or a.backend_xmin is not null)`, 9, func(v *row) {
			a := activity{relations: oidsOf(v.numbers(5)), mode: v.int(6), Activity: Activity{
				PID: int(v.int(0)), Kind: v.name(1), State: v.name(2), Since: v.time(3), Waiting: v.bool(7), Snapshot: v.bool(8),
			}}
			q := string(v.values[4])
			a.Prevent = a.Kind == "autovacuum worker" && strings.Contains(q, "to prevent wraparound")
			a.Query = plaintext.Line(masked(q), longestQuery)
			r.activity = append(r.activity, a)
		}),
		rows(`select extract(epoch from p.prepared), l.relations, l.mode from pg_prepared_xacts p
 join pg_locks t on t.locktype = 'transactionid' and t.transactionid = p.transaction and t.pid is null
 join pg_database d on d.datname = p.database cross join lateral`+held+`l.pid is null and l.virtualtransaction = t.virtualtransaction) l
 where p.database = current_database() and l.relations is not null`, 3, func(v *row) {
			r.activity = append(r.activity, activity{relations: oidsOf(v.numbers(1)), mode: v.int(2), Activity: Activity{
				Kind: "prepared transaction", State: "prepared", Since: v.time(0),
			}})
		}),
	}
}

func oidsOf(numbers []int64) []oid {
	out := make([]oid, len(numbers))
	for i, n := range numbers {
		out[i] = oid(n)
	}
	return out
}

// activities keeps what is worth mentioning: what waits, what is old, and what may be.
func (r *reading) activities() {
	for _, a := range r.activity {
		if old := a.Since.IsZero() || r.snapshot.At.Sub(a.Since) >= r.options.Longer; !old && !a.Waiting {
			continue
		}
		for _, id := range a.relations {
			if of, ok := r.indexes[id]; ok {
				id = of
			}
			if t := r.tables[id]; t != nil && !slices.Contains(a.Tables, t.Name) {
				a.Tables = append(a.Tables, t.Name)
			}
		}
		a.Mode = locks.Mode(a.mode).String()
		r.snapshot.Activity = append(r.snapshot.Activity, a.Activity)
	}
	slices.SortFunc(r.snapshot.Activity, func(a, b Activity) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.PID, b.PID)) })
}

// masked is a statement without what is in its literals and comments, which may be anybody's data.
func masked(sql string) string {
	var out strings.Builder
	for i := 0; i < len(sql); {
		kind, end := sqltext.At(sql, i)
		switch c := sql[i]; {
		case kind == sqltext.Literal:
			out.WriteString("'…'")
		case kind == sqltext.Comment: // a tag of the tracing, perhaps, with a user's address
			out.WriteByte(' ')
		case kind == sqltext.Quoted:
			out.WriteString(sql[i:end])
		case c >= '0' && c <= '9' && (i == 0 || !sqltext.Word(sql[i-1])):
			for end = i; end < len(sql) && (sqltext.Word(sql[end]) || sql[end] == '.'); {
				end++
			}
			out.WriteString("…")
		default:
			out.WriteByte(c)
			end = i + 1
		}
		i = end
	}
	return out.String()
}
