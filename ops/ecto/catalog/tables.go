package catalog

import (
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
	"ops-console/ops/postgres"
)

// table is one while it is put together.
type table struct {
	*schema.Table
	id      oid
	kind    string
	parent  oid
	toast   oid
	columns map[int64]int // index in Columns by number
	rows    float64       // of the last VACUUM or ANALYZE; negative: never
	pages   int64         // of the same
	live    int64         // by the statistics
	bytes   int64         // measured; negative: not
	rest    int64         // indexes and TOAST
}

// block is what PostgreSQL is built with, nearly always: relpages counts them.
const block = 8192

// unread stands for an expression that could not be read. No name is mentioned in it.
const unread = "…"

// locked are the relations that somebody holds, or waits for, so that even ACCESS SHARE has to wait. Functions that show
// expressions with columns, and those that measure files, take that lock for a moment.
const locked = `with locked as materialized (select relation from pg_locks where locktype = 'relation' and mode = 'AccessExclusiveLock'
 and database = (select oid from pg_database where datname = current_database()))
`

// of limits a question to the relations of the schemas that are read.
func (r *reading) of(alias, kinds string) string {
	return alias + ".relkind in " + kinds + " and " + alias + ".relnamespace = any(" + oids(r.schemas) + ")"
}

// questions are all that come after the first ones. Those that wait for nobody come first, and fail for good; the rest may
// be missing.
func (r *reading) questions() []part {
	must := []postgres.Question{r.tablesQuestion(), r.columnsQuestion(), r.classesQuestion(), r.indexesQuestion(), r.constraintsQuestion(), r.typesQuestion(), r.functionsQuestion()}
	must = append(must, r.dependentsQuestions()...)
	must = append(must, r.activityQuestions()...)
	parts := make([]part, 0, len(must)+len(r.parts)+2)
	for _, q := range must {
		parts = append(parts, part{question: q})
	}
	return append(append(parts, r.parts...), r.expressionsPart(), r.sizesPart())
}

func (r *reading) tablesQuestion() postgres.Question {
	return rows(`select c.oid, c.relnamespace, c.relname, c.relkind, h.inhparent, c.relrowsecurity, c.reltuples, c.relpages, c.reltoastrelid,
 pg_stat_get_live_tuples(c.oid),
 pg_stat_get_numscans(c.oid) + (select coalesce(sum(pg_stat_get_numscans(indexrelid)), 0) from pg_index where indrelid = c.oid),
 pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid) + pg_stat_get_tuples_deleted(c.oid),
 c.relfrozenxid <> '0' and (greatest(age(c.relfrozenxid), age(t.relfrozenxid)) > least(current_setting('autovacuum_freeze_max_age')::int, x.age)
 or greatest(mxid_age(c.relminmxid), mxid_age(t.relminmxid)) > least(current_setting('autovacuum_multixact_freeze_max_age')::int, x.multi))
 from pg_class c left join pg_class t on t.oid = c.reltoastrelid left join pg_inherits h on c.relispartition and h.inhrelid = c.oid
 left join lateral (select max(option_value::int) filter (where option_name = 'autovacuum_freeze_max_age') as age,
  max(option_value::int) filter (where option_name = 'autovacuum_multixact_freeze_max_age') as multi
  from pg_options_to_table(c.reloptions)) x on c.reloptions is not null
 where `+r.of("c", tableKinds), 13, func(v *row) {
		name := r.names.of(v.oid(1), v.name(2))
		t := &table{
			Table: &schema.Table{Name: name, Whole: true, Partitioned: string(v.values[3]) == "p", RowSecurity: v.bool(5)},
			id:    v.oid(0), kind: string(v.values[3]), parent: v.oid(4), toast: v.oid(8),
			columns: map[int64]int{}, rows: v.float(6), pages: v.int(7), live: v.int(9), bytes: -1,
		}
		r.tables[t.id] = t
		r.order = append(r.order, t.id)
		r.counted(name, counts{v.int(10), v.int(11)})
		if v.bool(12) {
			r.snapshot.Wraparound = append(r.snapshot.Wraparound, name)
		}
	})
}

// columnsQuestion shows defaults without telling the server of the table: they have no columns in them, and no lock is
// taken then. The expressions of generated columns come later.
func (r *reading) columnsQuestion() postgres.Question {
	return rows(`select a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity <> '', a.attgenerated <> '',
 case when a.attgenerated = '' then pg_get_expr(d.adbin, 0) end
 from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum and a.atthasdef
 where `+r.of("c", tableKinds)+` order by a.attrelid, a.attnum`, 8, func(v *row) {
		t := r.tables[v.oid(0)]
		if t == nil {
			return
		}
		no := v.bool(4)
		c := schema.Column{Name: v.name(2), Type: r.unqualified(v.text(3)), NotNull: &no, Identity: v.bool(5)}
		if v.bool(6) {
			c.Generated = unread
		} else if !v.null(7) {
			c.Default = standing(v.text(7))
		}
		t.columns[v.int(1)] = len(t.Columns)
		t.Columns = append(t.Columns, c)
	})
}

// unqualified takes the default schema off a type's name: format_type puts it there because the search path of the
// question does not have it.
func (r *reading) unqualified(kind string) string {
	standard := r.snapshot.Default
	if rest, ok := strings.CutPrefix(kind, standard); ok && strings.HasPrefix(rest, ".") {
		return rest[1:]
	}
	if strings.HasPrefix(kind, `"`) {
		return strings.TrimPrefix(kind, quoted(standard)+".")
	}
	return kind
}

// standing is a default that a column has.
func standing(sql string) *ecto.Default {
	return &ecto.Default{SQL: sql, Expression: !constant(sql), Null: strings.HasPrefix(sql, "NULL::") || sql == "NULL"}
}

// constant says whether an expression, as the server writes it, is a literal, cast or not.
func constant(sql string) bool {
	value, cast, _ := strings.Cut(sql, "::")
	if strings.HasPrefix(sql, "'") {
		end := strings.LastIndexByte(sql, '\'')
		if end == 0 || strings.Contains(strings.ReplaceAll(sql[1:end], "''", ""), "'") {
			return false
		}
		value, cast = sql[:end+1], strings.TrimPrefix(sql[end+1:], "::")
	}
	if strings.ContainsAny(cast, "+-*/|'") || strings.Contains(cast, "::") {
		return false
	}
	switch {
	case strings.HasPrefix(value, "'"):
		return true
	case value == "true", value == "false", value == "NULL":
		return true
	}
	value = strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(value, "("), ")"), "-")
	return value != "" && strings.Trim(value, "0123456789.eE") == "" && value[0] >= '0' && value[0] <= '9'
}

// classesQuestion asks for operator classes that an index has to name.
func (r *reading) classesQuestion() postgres.Question {
	r.classes = map[oid]string{}
	return rows(`select oid, opcname from pg_opclass where not opcdefault`, 2, func(v *row) { r.classes[v.oid(0)] = v.name(1) })
}

// suffix is what follows a column in an index: its operator class and order, where they are not the usual ones (indoption in
// src/include/catalog/pg_index.h: 1 is DESC, 2 NULLS FIRST).
func suffix(class string, option int64) string {
	order := map[int64]string{1: "DESC NULLS LAST", 2: "NULLS FIRST", 3: "DESC"}[option&3]
	return strings.TrimSpace(class + " " + order)
}

func (r *reading) indexesQuestion() postgres.Question {
	return rows(`select i.indexrelid, x.relname, i.indrelid, i.indkey, i.indnkeyatts, i.indisunique, i.indisvalid and i.indisready,
 i.indpred is not null, x.relpages, i.indclass, i.indoption, exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p','u','x') and k.conrelid = i.indrelid)
 from pg_class c join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid
 where `+r.of("c", tableKinds)+` order by i.indrelid, x.relname`, 12, func(v *row) {
		t := r.tables[v.oid(2)]
		if t == nil {
			return
		}
		i := schema.Index{Name: v.name(1), Unique: v.bool(5), Invalid: !v.bool(6), OfConstraint: v.bool(11)}
		classes, options := v.numbers(9), v.numbers(10)
		for n, number := range v.numbers(3) {
			if int64(n) >= v.int(4) {
				break // INCLUDE
			}
			column := ecto.IndexColumn{Expression: unread}
			if number != 0 {
				column = ecto.IndexColumn{Name: t.named(number)}
			} else {
				i.Multiple = true
			}
			if n < len(classes) && n < len(options) {
				column.Suffix = suffix(r.classes[oid(classes[n])], options[n])
			}
			i.Columns = append(i.Columns, column)
		}
		if v.bool(7) {
			i.Where, i.Multiple = unread, true
		}
		t.Indexes = append(t.Indexes, i)
		t.rest += v.int(8) * block
		r.indexes[v.oid(0)] = t.id
	})
}

// named is a column by its number.
func (t *table) named(number int64) string {
	if i, ok := t.columns[number]; ok {
		return t.Columns[i].Name
	}
	return ""
}

func (t *table) allNamed(numbers []int64) []string {
	var out []string
	for _, n := range numbers {
		if name := t.named(n); name != "" {
			out = append(out, name)
		}
	}
	return out
}

var constraintKinds = map[string]ecto.ConstraintKind{
	"c": ecto.Check, "f": ecto.ForeignKey, "p": ecto.PrimaryKey, "u": ecto.UniqueKey, "x": ecto.Exclusion, "n": ecto.NotNull,
}

// constraintsQuestion leaves out what a foreign key of or to a partitioned table has below it, and what NOT NULL has from
// version 18 on where it is valid: the columns say so.
func (r *reading) constraintsQuestion() postgres.Question {
	return rows(`select k.conrelid, k.conname, k.contype, k.convalidated, k.conkey, k.confrelid, k.confkey
 from pg_class c join pg_constraint k on k.conrelid = c.oid
 where `+r.of("c", tableKinds)+` and (k.contype in ('c','f','p','u','x') or k.contype = 'n' and not k.convalidated)
 and not exists (select from pg_constraint p where p.oid = k.conparentid and p.conrelid = k.conrelid)
 order by k.conrelid, k.conname`, 7, func(v *row) {
		t := r.tables[v.oid(0)]
		if t == nil {
			return
		}
		k := schema.Constraint{Name: v.name(1), Kind: constraintKinds[string(v.values[2])], NotValid: !v.bool(3), Columns: t.allNamed(v.numbers(4))}
		switch k.Kind {
		case ecto.Check, ecto.Exclusion:
			k.Expression = unread
		case ecto.NotNull:
			for _, name := range k.Columns {
				no := false
				t.Column(name).NotNull = &no
			}
		case ecto.ForeignKey:
			if to := r.tables[v.oid(5)]; to != nil {
				k.To, k.ToColumns = to.Name, to.allNamed(v.numbers(6))
			}
		}
		t.Constraints = append(t.Constraints, k)
	})
}

func (r *reading) typesQuestion() postgres.Question {
	return rows(`select t.typnamespace, t.typname, t.typtype = 'e', t.typnotnull or exists (select from pg_constraint where contypid = t.oid)
 from pg_type t where t.typtype in ('e','d') and t.typnamespace = any(`+oids(r.schemas)+`)`, 4, func(v *row) {
		o := ecto.Operation{Kind: ecto.CreateType, Name: r.names.of(v.oid(0), v.name(1))}
		switch {
		case v.bool(2):
			o.Expression = "ENUM"
		default:
			o.Kind = ecto.CreateDomain
			if v.bool(3) {
				o.Constraint = ecto.Check
			}
		}
		r.snapshot.State.Apply("", o)
	})
}

// functionsQuestion gives the most volatile form of each name: which of them a call means is not known.
func (r *reading) functionsQuestion() postgres.Question {
	r.snapshot.Volatile = map[string]byte{}
	return rows(`select p.pronamespace, p.proname, max(case p.provolatile when 'v' then '2v' when 's' then '1s' else '0i' end)
 from pg_proc p join pg_namespace n on n.oid = p.pronamespace where `+userSchemas+` and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype group by 1, 2`, 3, func(v *row) {
		name := v.name(1)
		if s := r.names.schemas[v.oid(0)]; v.oid(0) != r.names.standard {
			name = ecto.Name{Prefix: s, Name: name}.String()
		}
		if kind := v.values[2]; len(kind) == 2 {
			r.snapshot.Volatile[name] = kind[1]
		}
	})
}

// dependentsQuestions ask for what holds columns as they are. A column of 0 is the table as a whole.
func (r *reading) dependentsQuestions() []postgres.Question {
	add := func(id oid, kind string, name ecto.Name, numbers []int64) {
		t := r.tables[id]
		if t == nil {
			return
		}
		columns := t.allNamed(numbers)
		for i := range t.Dependents {
			if d := &t.Dependents[i]; d.Kind == kind && d.Name == name {
				d.Columns = append(d.Columns, columns...)
				return
			}
		}
		t.Dependents = append(t.Dependents, schema.Dependent{Kind: kind, Name: name, Columns: columns})
	}
	return []postgres.Question{
		rows(`select d.refobjid, d.kind, d.space, d.name, array_agg(distinct d.refobjsubid) from (
 select d.refobjid, d.refobjsubid, case when r.rulename <> '_RETURN' then 'rule' when v.relkind = 'm' then 'materialized view' else 'view' end as kind,
  v.relnamespace as space, case when r.rulename <> '_RETURN' then r.rulename else v.relname end as name
 from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
 where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and (v.oid <> d.refobjid or r.rulename <> '_RETURN')
 union all select d.refobjid, d.refobjsubid, 'policy', c.relnamespace, p.polname from pg_depend d join pg_policy p on p.oid = d.objid join pg_class c on c.oid = p.polrelid
 where d.classid = 'pg_policy'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
 union all select d.refobjid, d.refobjsubid, 'trigger', c.relnamespace, t.tgname from pg_depend d join pg_trigger t on t.oid = d.objid join pg_class c on c.oid = t.tgrelid
 where d.classid = 'pg_trigger'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and not t.tgisinternal
 union all select d.refobjid, d.refobjsubid, 'function', p.pronamespace, p.proname from pg_depend d join pg_proc p on p.oid = d.objid
 where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_class'::regclass
 union all select d.refobjid, d.refobjsubid, 'publication', 0, p.pubname from pg_depend d join pg_publication_rel x on x.oid = d.objid join pg_publication p on p.oid = x.prpubid
 where d.classid = 'pg_publication_rel'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0
 union all select d.refobjid, d.refobjsubid, 'generated column', c.relnamespace, a.attname from pg_depend d
 left join pg_attrdef x on d.classid = 'pg_attrdef'::regclass and x.oid = d.objid
 join pg_attribute a on a.attrelid = d.refobjid and a.attnum = case when d.classid = 'pg_class'::regclass then d.objsubid else x.adnum end and a.attgenerated <> ''
 join pg_class c on c.oid = a.attrelid
 where d.classid in ('pg_attrdef'::regclass, 'pg_class'::regclass) and (d.classid <> 'pg_class'::regclass or d.objid = d.refobjid)
 and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.refobjsubid <> a.attnum
 ) d join pg_class c on c.oid = d.refobjid where `+r.of("c", tableKinds)+` group by 1, 2, 3, 4 order by 1, 2, 3, 4`, 5, func(v *row) {
			space, name := v.oid(2), v.name(3)
			n := ecto.Name{Name: name}
			if space != 0 {
				n = r.names.of(space, name)
			}
			add(v.oid(0), v.text(1), n, v.numbers(4))
		}),
		rows(`select t.tgrelid, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
 where not t.tgisinternal and `+r.of("c", tableKinds)+` order by 1, 2`, 2, func(v *row) {
			if t := r.tables[v.oid(0)]; t != nil {
				t.Triggers = append(t.Triggers, v.name(1))
			}
		}),
	}
}

// expressionsPart fills in what only a lock on the table shows.
func (r *reading) expressionsPart() part {
	const guard = "case when c.oid in (select relation from locked) then null else "
	q := locked + `select 'g', c.oid, a.attname, 0, a.attgenerated, ` + guard + `pg_get_expr(d.adbin, c.oid) end
 from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attgenerated <> '' and not a.attisdropped join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
 where ` + r.of("c", tableKinds) + `
union all select 'p', c.oid, x.relname, 0, '', ` + guard + `pg_get_expr(i.indpred, c.oid) end
 from pg_class c join pg_index i on i.indrelid = c.oid and i.indpred is not null join pg_class x on x.oid = i.indexrelid
 where ` + r.of("c", tableKinds) + `
union all select 'e', c.oid, x.relname, k, '', ` + guard + `pg_get_indexdef(i.indexrelid, k, false) end
 from pg_class c join pg_index i on i.indrelid = c.oid and i.indexprs is not null join pg_class x on x.oid = i.indexrelid,
 generate_series(1, i.indnkeyatts) k where i.indkey[k-1] = 0 and ` + r.of("c", tableKinds) + `
union all select 'k', c.oid, x.conname, 0, '', ` + guard + `case x.contype when 'c' then pg_get_expr(x.conbin, c.oid) else pg_get_constraintdef(x.oid) end end
 from pg_class c join pg_constraint x on x.conrelid = c.oid and x.contype in ('c','x') where ` + r.of("c", tableKinds)
	return part{
		tries: 1,
		question: rows(q, 6, func(v *row) {
			t := r.tables[v.oid(1)]
			if t == nil {
				return
			}
			if v.null(5) {
				if n := t.Name.String(); !slices.Contains(r.unreadable, n) {
					r.unreadable = append(r.unreadable, n)
				}
				return
			}
			t.fill(string(v.values[0]), v.name(2), int(v.int(3)), string(v.values[4]), v.text(5))
		}),
		failed: func(f *postgres.Failure) {
			r.warn("expressions of indexes, checks and generated columns were not read: %s", f.Text)
		},
	}
}

// fill puts an expression where it belongs.
func (t *table) fill(what, name string, number int, kind, text string) {
	switch what {
	case "g":
		if c := t.Column(name); c != nil {
			c.Generated = "ALWAYS AS (" + text + ") " + map[string]string{"s": "STORED", "v": "VIRTUAL"}[kind]
		}
	case "k":
		if k := t.Constraint(name); k != nil {
			k.Expression = text
		}
	case "p", "e":
		i := t.Index(name)
		if i == nil {
			return
		}
		if what == "p" {
			i.Where = text
		} else if number >= 1 && number <= len(i.Columns) {
			i.Columns[number-1].Expression = text
		}
		i.Multiple = i.Where == unread || slices.ContainsFunc(i.Columns, func(c ecto.IndexColumn) bool { return c.Expression == unread })
	}
}
