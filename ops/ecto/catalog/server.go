package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/postgres"
)

// server is what has to be known before tables can be asked for.
type server struct {
	database    string
	standby     bool
	now         time.Time
	started     time.Time // postmaster
	reset       time.Time // since when it counts; zero: it does not say
	user        string
	searchPath  string // of a new session
	lockTimeout string
	timeZone    string
	lag         *time.Duration

	schemas  []namespace
	sources  []source
	settings []setting
}

// namespace is a schema of users, and how many tables it has.
type namespace struct {
	id     oid
	name   string
	tables int64
}

// source is a table with the name of the versions table.
type source struct {
	namespace oid
	readable  bool
	versions  bool // has the columns, as has inserted
	inserted  bool
}

// setting is one of pg_db_role_setting.
type setting struct {
	database, role bool
	name, value    string
}

// userSchemas are those that are neither PostgreSQL's own nor a session's.
const userSchemas = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`

// tableKinds are tables, partitioned ones, and materialized views.
const tableKinds = `('r','p','m')`

func (s *server) questions(o Options) []postgres.Question {
	role := "session_user"
	if o.Role != "" {
		role = literal(o.Role)
	}
	return []postgres.Question{
		// What a new session starts with, not what this transaction has set for itself.
		rows(`select current_database(), pg_is_in_recovery(), extract(epoch from transaction_timestamp()),
 extract(epoch from pg_postmaster_start_time()), extract(epoch from pg_stat_get_db_stat_reset_time(d.oid)), session_user,
 s.path, s.lock, s.zone
 from pg_database d, (select max(reset_val) filter (where name = 'search_path') as path,
 max(reset_val || unit) filter (where name = 'lock_timeout') as lock,
 max(reset_val) filter (where name = 'TimeZone') as zone from pg_settings) s where d.datname = current_database()`, 9, func(r *row) {
			s.database, s.standby, s.now, s.started, s.reset = r.name(0), r.bool(1), r.time(2), r.time(3), r.time(4)
			s.user, s.searchPath, s.lockTimeout, s.timeZone = string(r.values[5]), string(r.values[6]), r.text(7), r.text(8)
		}),
		rows(`select n.oid, n.nspname, count(c.oid) from pg_namespace n left join pg_class c on c.relnamespace = n.oid and c.relkind in `+tableKinds+`
 where `+userSchemas+` group by 1, 2`, 3, func(r *row) {
			s.schemas = append(s.schemas, namespace{r.oid(0), string(r.values[1]), r.int(2)})
		}),
		rows(`select c.relnamespace, has_schema_privilege(c.relnamespace, 'usage') and has_table_privilege(c.oid, 'select'),
 exists (select from pg_attribute where attrelid = c.oid and attname = 'version' and not attisdropped),
 exists (select from pg_attribute where attrelid = c.oid and attname = 'inserted_at' and not attisdropped)
 from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relname = `+literal(o.Source)+` and c.relkind in ('r','p') and `+userSchemas, 4, func(r *row) {
			s.sources = append(s.sources, source{r.oid(0), r.bool(1), r.bool(2), r.bool(3)})
		}),
		rows(`select s.setdatabase <> 0, s.setrole <> 0, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
 from pg_db_role_setting s, unnest(s.setconfig) c
 where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
 and (s.setrole = 0 or pg_get_userbyid(s.setrole) = `+role+`)
 and split_part(c, '=', 1) in ('lock_timeout', 'TimeZone', 'timezone', 'search_path')`, 4, func(r *row) {
			s.settings = append(s.settings, setting{r.bool(0), r.bool(1), strings.ToLower(r.text(2)), r.text(3)})
		}),
		rows(`select extract(epoch from max(replay_lag)) from pg_stat_get_wal_senders()`, 1, func(r *row) {
			if t := r.time(0); !t.IsZero() {
				d := t.Sub(time.Unix(0, 0))
				s.lag = &d
			}
		}),
	}
}

// effective is a setting as a session of the role that counts gets it: what is said for role and database wins over what
// is said for the role, for the database, for all (PostgreSQL, ALTER ROLE). own is what a session like this one gets.
func (s *server) effective(name, own string, o Options) string {
	rank := func(v setting) int {
		switch {
		case v.database && v.role:
			return 3
		case v.role:
			return 2
		case v.database:
			return 1
		}
		return 0
	}
	best, value := -1, own
	for _, v := range s.settings {
		if v.name == strings.ToLower(name) && rank(v) > best {
			best, value = rank(v), v.value
		}
	}
	return value
}

// namespace by name; 0: there is none.
func (s *server) namespace(name string) oid {
	for _, n := range s.schemas {
		if n.name == name {
			return n.id
		}
	}
	return 0
}

// path is the schemas that names without one are looked for in, in order.
func (s *server) path(o Options) []oid {
	user := o.Role
	if user == "" {
		user = s.user
	}
	var out []oid
	for part := range strings.SplitSeq(s.effective("search_path", s.searchPath, o), ",") {
		part = strings.TrimSpace(part)
		if inner, ok := strings.CutPrefix(part, `"`); ok {
			part = strings.ReplaceAll(strings.TrimSuffix(inner, `"`), `""`, `"`)
		}
		if part == "$user" {
			part = user
		}
		if id := s.namespace(part); id != 0 {
			out = append(out, id)
		}
	}
	return out
}

// versions finds the table of versions as an application does; nil: there is none.
func (s *server) versions(o Options, path []oid) *source {
	if o.Prefix != "" {
		path = []oid{s.namespace(o.Prefix)}
	}
	for _, id := range path {
		if i := slices.IndexFunc(s.sources, func(x source) bool { return x.namespace == id }); i >= 0 {
			return &s.sources[i]
		}
	}
	return nil
}

// wanted are the schemas that are read, and whether they are all there are.
func (s *server) wanted(o Options, keep ...oid) (ids []oid, all bool, warning string) {
	var total int64
	for _, n := range s.schemas {
		if len(o.Schemas) == 0 || slices.Contains(o.Schemas, n.name) || slices.Contains(keep, n.id) {
			ids = append(ids, n.id)
			total += n.tables
		}
	}
	if total <= int64(o.MaxTables) {
		return ids, len(ids) == len(s.schemas), ""
	}
	ids = ids[:0]
	for _, n := range s.schemas {
		if slices.Contains(keep, n.id) {
			ids = append(ids, n.id)
		}
	}
	return ids, false, fmt.Sprintf("the database has %d tables in %d schemas: those of the default schema were read, and no others", total, len(s.schemas))
}

// names makes the names of State of what a server says.
type names struct {
	schemas  map[oid]string
	standard oid // the schema that has no prefix
}

func (s *server) names(standard oid) names {
	n := names{map[oid]string{}, standard}
	for _, x := range s.schemas {
		n.schemas[x.id] = x.name
	}
	return n
}

func (n names) of(schema oid, name string) ecto.Name {
	if schema == n.standard {
		return ecto.Name{Name: name}
	}
	return ecto.Name{Prefix: n.schemas[schema], Name: name}
}
