package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
)

// filled says whether a new column has a value in the rows that are there.
func filled(c *ecto.Column) bool { return c.Default != nil && !c.Default.Null }

// rewritten is what a rewrite means for a table, for a sentence to end with.
func rewritten(table ecto.Name) string {
	return fmt.Sprintf("%s is written again with all its indexes under an ACCESS EXCLUSIVE lock, and reads and writes wait", table)
}

// becauseOfDefault says whether an effect's rewrite comes from the default and from nothing else.
func (s *site) becauseOfDefault() bool {
	c := &s.Op.Column
	return filled(c) && !locks.Serial(c.Type) && !c.Identity && c.Generated == ""
}

func (s *site) addVolatileDefault() {
	c := &s.Op.Column
	e := s.Main()
	if !s.becauseOfDefault() || !c.Default.Expression || s.target.Version < 11 {
		return
	}
	v, names := locks.VolatilityOf(c.Default.SQL)
	f := Finding{
		Text:   fmt.Sprintf("the default of %s calls %s, which differs by row: %s", c.Name, strings.Join(names, ", "), rewritten(s.Op.Table)),
		Recipe: "add the column without a default, set the default for new rows, fill the old ones in batches",
		Code:   s.defaultLater(),
	}
	switch {
	case v == locks.NotVolatile:
		return
	case v == locks.UnknownVolatility:
		known, volatile := s.asked(names)
		if known && !volatile {
			return
		}
		if !known {
			f.Severity = Warning
			f.Text = fmt.Sprintf("if %s is volatile, as functions are unless they say otherwise, %s", strings.Join(names, ", "), rewritten(s.Op.Table))
			f.Why = append(f.Why, "whether "+strings.Join(names, ", ")+" is volatile is not known")
		}
		again := *e
		again.Rewrite = true
		f.Hold = s.hold(again)
	case !e.Rewrite:
		return
	}
	s.Emit(f)
}

// asked is what the live database says of functions: whether it knows them all, and whether one is volatile.
func (p *pass) asked(names []string) (known, volatile bool) {
	if p.Live == nil {
		return false, false
	}
	known = true
	for _, n := range names {
		v, ok := p.Live.Volatile[n]
		if !ok {
			v, ok = p.Live.Volatile["public."+n]
		}
		known = known && ok
		volatile = volatile || v == 'v'
	}
	return known || volatile, volatile
}

// defaultLater is the steps that give a column a default without writing the table again.
func (s *site) defaultLater() string {
	o := s.Op
	column, table := ident(o.Column.Name), qualified(o.Table)
	d := defaultSQL(o.Column.Default)
	bare := o.Column
	bare.Default, bare.Null = nil, nil
	return migrations(
		change(alterTo(o.Table, add(&bare)),
			executeBoth(fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s", table, column, d),
				fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", table, column))),
		fmt.Sprintf("# then fill the old rows, a few thousand at a time, outside of a migration's transaction:\n# UPDATE %s SET %s = %s WHERE id > $1 AND id <= $2 AND %s IS NULL",
			table, column, d, column),
	)
}

func (s *site) addDefaultPG10() {
	c := &s.Op.Column
	if s.target.Version >= 11 || !s.becauseOfDefault() || !s.Main().Rewrite {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("PostgreSQL %d writes the default of %s to every row: %s", s.target.Version, c.Name, rewritten(s.Op.Table)),
		Recipe: "add the column without a default, set the default for new rows, fill the old ones in batches",
		Code:   s.defaultLater(),
	})
}

func (s *site) addSerial() {
	c := &s.Op.Column
	if !s.Main().Rewrite || !locks.Serial(c.Type) && !c.Identity {
		return
	}
	what := c.Type
	if c.Identity {
		what = "an identity"
	}
	table, column := qualified(s.Op.Table), ident(c.Name)
	sequence := ident(s.Op.Table.Name + "_" + c.Name + "_seq")
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s is %s, a new number for every row: %s", c.Name, what, rewritten(s.Op.Table)),
		Recipe: "add a plain column with a sequence as its default for new rows, and number the old ones in batches",
		Code: change(
			alterTo(s.Op.Table, fmt.Sprintf("add %s, %s", atom(c.Name), bigOrNot(c.Type))),
			executeBoth("CREATE SEQUENCE "+sequence+" OWNED BY "+table+"."+column, "DROP SEQUENCE "+sequence),
			executeBoth(fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT nextval('%s')", table, column, sequence),
				fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", table, column)),
		),
	})
}

// bigOrNot is the plain type of a serial one.
func bigOrNot(serial string) string {
	switch strings.ToLower(serial) {
	case "serial", "serial4", "smallserial", "serial2":
		return ":integer"
	}
	return ":bigint"
}

func (s *site) addGenerated() {
	c := &s.Op.Column
	if c.Generated == "" || !s.Main().Rewrite {
		return
	}
	f := Finding{
		Text:   fmt.Sprintf("%s is computed and stored for every row: %s", c.Name, rewritten(s.Op.Table)),
		Recipe: "add a plain column, keep it up to date by a trigger, and fill the old rows in batches",
	}
	if s.target.Version >= 18 {
		f.Recipe = "make it VIRTUAL, which is computed when it is read; or a plain column with a trigger"
		f.Code = change(alterTo(s.Op.Table, fmt.Sprintf("add %s, %s, generated: %s", atom(c.Name), ectoType(c),
			elixirText(strings.TrimSpace(strings.TrimSuffix(c.Generated, "STORED"))+" VIRTUAL"))))
	}
	s.Emit(f)
}

func (s *site) addDomain() {
	c := &s.Op.Column
	d, ok := s.State.Type(domainName(c.Type))
	if !ok || !d.Domain || !d.Check || !s.Main().Rewrite || locks.Serial(c.Type) || c.Identity || c.Generated != "" {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s is of domain %s, which has a check: %s", c.Name, c.Type, rewritten(s.Op.Table)),
		Recipe: "give the column the domain's base type and a check constraint with validate: false, and validate it later",
	})
}

// domainName is the name of a type that is not PostgreSQL's own.
func domainName(t string) ecto.Name {
	prefix, name, ok := strings.Cut(t, ".")
	if !ok {
		return ecto.Name{Name: t}
	}
	return ecto.Name{Prefix: prefix, Name: name}
}

func (s *site) addNotNull() {
	o := s.Op
	if s.Main().Fails == "" || s.emptied() || !s.firstHere() {
		return
	}
	var columns, adds, checks []string
	for _, c := range s.siblings() {
		columns = append(columns, c.Name)
		adds = append(adds, s.addKey(c))
		checks = append(checks, fmt.Sprintf("create constraint(%s, %s, check: %s, validate: false)",
			atom(o.Table.Name), atom(o.Table.Name+"_"+c.Name+"_not_null"), elixirText(ident(c.Name)+" IS NOT NULL")))
	}
	s.Remark(Finding{
		Mode:   s.Main().Mode,
		Text:   fmt.Sprintf("%s NOT NULL without a default: if %s has a row, the migration fails (23502)", areOrIs(columns), o.Table),
		Recipe: "let it be null first, fill the old rows, then add a check that is validated later; or give it a default",
		Code: migrations(change(alterTo(o.Table, adds...)),
			"# fill the old rows, then, in another migration:\n"+change(checks...)),
	})
}

func areOrIs(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	return enumerate(names) + " are"
}

// siblings are the columns that the same call adds, as timestamps() does two.
func (s *site) siblings() []*ecto.Column {
	var out []*ecto.Column
	for i := range s.Ops {
		o := &s.Ops[i]
		if o.Kind == ecto.AddColumn && o.At == s.Op.At && o.Table == s.Op.Table && o.Column.Null != nil && !*o.Column.Null {
			out = append(out, &o.Column)
		}
	}
	return out
}

// firstHere says whether the operation is the first of its kind that stands at its place. Loops and calls make several.
func (s *site) firstHere() bool {
	return !slices.ContainsFunc(s.Ops[:s.Index], func(o ecto.Operation) bool {
		return o.Kind == s.Op.Kind && o.At == s.Op.At && o.Table == s.Op.Table
	})
}

// addReferences is about foreign keys that are proven when they are made: of a new column, of one that is there, or in SQL.
// Where modify changes one that it names in from:, another rule says so.
func (s *site) addReferences() {
	o := s.Op
	r := s.newKey()
	if r == nil || r.NotValid || o.From != nil && o.From.References != nil {
		return
	}
	i := slices.IndexFunc(s.Effects, func(e locks.Effect) bool {
		return e.Table == o.Table && e.Mode == locks.ShareRowExclusive && e.Scan
	})
	if i < 0 {
		return
	}
	f := Finding{
		Text: fmt.Sprintf("every row of %s is checked for foreign key %s under an ACCESS EXCLUSIVE lock: reads and writes of it wait%s",
			o.Table, r.Constraint, alsoWrites(o.Table, r.Table)),
		Recipe: "add it with validate: false, and validate the constraint in a later migration",
		Hold:   s.hold(s.Effects[i]),
	}
	switch o.Kind {
	case ecto.AddColumn:
		f.Code = migrations(
			change(alterTo(o.Table, s.addKey(&o.Column))),
			"# in a later migration:\n"+validateCode(o.Table, r.Constraint),
		)
	case ecto.ModifyColumn:
		f.Recipe = "add it as NOT VALID with SQL, for modify changes the type too, and validate it in a later migration"
		f.Code = s.keyInSQL(r, []string{o.Column.Name}, []string{cmp.Or(r.Column, "id")})
	default:
		f.Text = fmt.Sprintf("every row of %s is checked for foreign key %s under a SHARE ROW EXCLUSIVE lock: writes to it wait%s",
			o.Table, r.Constraint, alsoWrites(o.Table, r.Table))
		f.Recipe = "add it as NOT VALID, and validate it in a later migration"
		f.Code = s.keyInSQL(r, o.Columnset, o.ToColumns)
	}
	s.Emit(f)
}

// newKey is the foreign key that the operation makes, with its name; nil: none.
func (s *site) newKey() *ecto.References {
	o := s.Op
	r := ecto.References{Table: o.To, Constraint: o.Name.Name, NotValid: o.NotValid, OnDelete: o.OnDelete, OnUpdate: o.OnUpdate}
	switch {
	case o.Column.References != nil:
		r = *o.Column.References
	case o.Kind != ecto.AddConstraint || o.Constraint != ecto.ForeignKey:
		return nil
	}
	if r.Constraint == "" {
		r.Constraint = strings.Join(append(append([]string{o.Table.Name}, cmp.Or(o.Column.Name, strings.Join(o.Columnset, "_"))), "fkey"), "_")
	}
	return &r
}

// keyInSQL is the migrations that add a foreign key and validate it later.
func (s *site) keyInSQL(r *ecto.References, from, to []string) string {
	table := qualified(s.Op.Table)
	target := qualified(r.Table)
	if len(to) > 0 {
		target += " (" + idents(to) + ")"
	}
	return migrations(
		change(executeBoth(fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s%s NOT VALID",
			table, ident(r.Constraint), idents(from), target, referential(r)),
			fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", table, ident(r.Constraint)))),
		"# in a later migration:\n"+validateCode(s.Op.Table, r.Constraint),
	)
}

func idents(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = ident(n)
	}
	return strings.Join(out, ", ")
}

func alsoWrites(from, to ecto.Name) string {
	if from == to {
		return ""
	}
	return fmt.Sprintf(", and writes to %s", to)
}

// addKey is the call that adds a column with its foreign key, which is not validated.
func (p *pass) addKey(c *ecto.Column) string {
	if c.References == nil {
		return add(c)
	}
	return fmt.Sprintf("add %s, %s", atom(c.Name), p.referencesCall(c))
}

// referencesCall is references(…) of a key that is not validated.
func (p *pass) referencesCall(c *ecto.Column) string {
	r, usual := c.References, p.Repo.Settings.ForeignKey
	s := "references(" + atom(r.Table.Name)
	option := func(key, value string) { s += ", " + key + ": " + value }
	if r.Table.Prefix != "" {
		option("prefix", elixirText(r.Table.Prefix))
	}
	if r.Column != "" && r.Column != cmp.Or(usual.Name, "id") {
		option("column", atom(r.Column))
	}
	if t := ectoType(c); strings.Trim(t, `:"`) != cmp.Or(usual.EctoType, "bigint") && c.EctoType != "" {
		option("type", t)
	}
	if len(r.With) > 0 {
		var with []string
		for i := 0; i+1 < len(r.With); i += 2 {
			with = append(with, r.With[i]+": "+atom(r.With[i+1]))
		}
		option("with", "["+strings.Join(with, ", ")+"]")
	}
	if r.Constraint != "" && len(r.With) == 0 && !strings.HasSuffix(r.Constraint, "_"+c.Name+"_fkey") {
		option("name", atom(r.Constraint))
	}
	if a := onDelete[strings.ToUpper(r.OnDelete)]; a != "" {
		option("on_delete", a)
	}
	if a := onUpdate[strings.ToUpper(r.OnUpdate)]; a != "" {
		option("on_update", a)
	}
	return s + ", validate: false)"
}

// onUpdate are the DSL's words for what PostgreSQL does to referencing rows when a key changes.
var onUpdate = map[string]string{"CASCADE": ":update_all", "SET NULL": ":nilify_all", "RESTRICT": ":restrict"}

// onDelete are the DSL's words for what PostgreSQL does to referencing rows.
var onDelete = map[string]string{"CASCADE": ":delete_all", "SET NULL": ":nilify_all", "RESTRICT": ":restrict"}

// createTableReferences is about the locks that a new table's foreign keys take on those they lead to: held for a moment,
// unless the transaction goes on to do work.
func (p *pass) createTableReferences() {
	if !p.InTransaction() {
		return
	}
	for i, s := range p.Sites {
		if s.Op.Kind != ecto.CreateTable && s.Op.Kind != ecto.CreatePartition {
			continue
		}
		p.newTable(s.Op.Table, p.Sites[i+1:])
	}
}

// newTable looks at the foreign keys of a table that the migration makes.
func (p *pass) newTable(table ecto.Name, sites []*site) {
	var first *site
	var parents []string
	work := ""
	for _, s := range sites {
		to := s.foreignKey()
		e := s.Effect(to)
		if s.Op.Table != table || to == table || e == nil || e.New || e.Mode != locks.ShareRowExclusive || slices.Contains(parents, to.String()) {
			continue
		}
		w := p.workAfter(s)
		if w == "" && !p.big(to) || p.Fresh(to) {
			continue
		}
		if first == nil || p.big(to) && !p.big(first.foreignKey()) {
			first = s
		}
		parents = append(parents, to.String())
		work = cmp.Or(work, w)
	}
	if first == nil {
		return
	}
	f := Finding{
		Table: first.foreignKey(),
		Text: fmt.Sprintf("foreign keys of the new table %s lock writes out of %s (SHARE ROW EXCLUSIVE) until the migration ends",
			table, enumerate(parents)),
		Recipe: "keep the migration to the new table alone, with a short lock_timeout",
	}
	if work != "" {
		f.Why = append(f.Why, "the same transaction goes on to "+work)
	} else {
		f.Severity = Info
	}
	first.Emit(f)
}

// foreignKey is the table that a foreign key of the operation leads to.
func (s *site) foreignKey() ecto.Name {
	switch o := s.Op; {
	case o.Column.References != nil:
		return o.Column.References.Table
	case o.Constraint == ecto.ForeignKey:
		return o.To
	}
	return ecto.Name{}
}

// big says whether a table is known to be large.
func (p *pass) big(n ecto.Name) bool {
	z := p.size(n)
	return z.known() && !z.small(p.rows, p.bytes)
}

// workAfter is what the transaction does behind a site that takes time by the size of tables that are there; empty:
// nothing that is known.
func (p *pass) workAfter(after *site) string {
	for _, s := range p.Sites {
		if s.Index <= after.Index {
			continue
		}
		switch s.Op.Kind {
		case ecto.Update, ecto.Delete:
			if !p.Fresh(s.Op.Table) {
				return fmt.Sprintf("change rows of %s", s.Op.Table)
			}
		case ecto.RepoCall, ecto.Function:
			return "run code of its own"
		}
		for _, e := range s.Effects {
			if !e.New && (e.Rewrite || e.Scan || len(e.Build) > 0) {
				return fmt.Sprintf("read all of %s", e.Table)
			}
		}
	}
	return ""
}
