package locks

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
)

// Effect is what an operation does to one table that is there already.
type Effect struct {
	Table   ecto.Name
	Mode    Mode
	New     bool     // the same migration created the table: nobody else sees it yet
	Rewrite bool     // writes the table again, with every index
	Scan    bool     // reads all rows while the lock is held
	Build   []string // indexes that are built, or built again
	Waits   bool     // also waits for all transactions that are older, as CONCURRENTLY does
	Fails   string   // why it fails; empty: it does not
	Maybe   string   // what had to be assumed, for something is not known
	Why     string   // what of the operation it comes from, in a few words
}

// Target is the server for which effects are predicted.
type Target struct {
	Version int  // major; 0: 15
	NotUTC  bool // the session's time zone is another than UTC
	Empty   bool // tables have no rows: nothing fails for want of values
}

func (t Target) version() int {
	if t.Version == 0 {
		return 15
	}
	return t.Version
}

// Predict gives the effects of one operation on a database that is as s says. by is what was given to s.Apply for the
// operations of the same transaction before: what that created is New. Tables come with the strongest effect first; one
// table may have several.
func Predict(o ecto.Operation, s *schema.State, by string, t Target) []Effect {
	f, ok := effects[o.Kind]
	if !ok {
		return nil
	}
	p := &prediction{o: o, s: s, t: t, by: by}
	f(p)
	p.partitions()
	slices.SortStableFunc(p.out, func(a, b Effect) int { return int(b.Mode) - int(a.Mode) })
	return p.out
}

// prediction is one call of Predict.
type prediction struct {
	o   ecto.Operation
	s   *schema.State
	t   Target
	by  string
	out []Effect
}

// add notes an effect on a table. What it gives is good until the next one is noted.
func (p *prediction) add(e Effect) *Effect {
	if e.Table.Name == "" {
		return &Effect{}
	}
	if t := p.s.Table(e.Table); t != nil && t.CreatedBy != "" && t.CreatedBy == p.by {
		e.New = true
	}
	p.out = append(p.out, e)
	return &p.out[len(p.out)-1]
}

// on is an effect on the operation's own table.
func (p *prediction) on(m Mode, why string) *Effect {
	return p.add(Effect{Table: p.o.Table, Mode: m, Why: why})
}

// table is what is known of the operation's own one; nil: nothing.
func (p *prediction) table() *schema.Table { return p.s.Table(p.o.Table) }

// takes is an operation that takes a lock for a moment.
func takes(m Mode, why string) func(*prediction) {
	return func(p *prediction) { p.on(m, why) }
}

// effects is what each kind of operation does; what is not in it touches no table that is there.
var effects = map[ecto.Kind]func(*prediction){
	ecto.AddColumn:       (*prediction).addColumn,
	ecto.ModifyColumn:    (*prediction).modifyColumn,
	ecto.AlterType:       (*prediction).alterType,
	ecto.RemoveColumn:    (*prediction).removeColumn,
	ecto.RenameColumn:    takes(AccessExclusive, "rename column"),
	ecto.SetDefault:      takes(AccessExclusive, "set default"),
	ecto.DropDefault:     takes(AccessExclusive, "drop default"),
	ecto.SetNotNull:      func(p *prediction) { p.setNotNull(p.on(AccessExclusive, "set not null")) },
	ecto.DropNotNull:     takes(AccessExclusive, "drop not null"),
	ecto.AddIdentity:     takes(AccessExclusive, "add identity"),
	ecto.AlterColumn:     (*prediction).alterColumn,
	ecto.RenameTable:     takes(AccessExclusive, "rename table"),
	ecto.SetSchema:       takes(AccessExclusive, "set schema"),
	ecto.DropTable:       (*prediction).dropTable,
	ecto.Truncate:        (*prediction).truncate,
	ecto.CreateIndex:     (*prediction).createIndex,
	ecto.DropIndex:       (*prediction).dropIndex,
	ecto.RenameIndex:     (*prediction).renameIndex,
	ecto.Reindex:         (*prediction).reindex,
	ecto.AddConstraint:   (*prediction).addConstraint,
	ecto.DropConstraint:  (*prediction).dropConstraint,
	ecto.RenameConstr:    takes(AccessExclusive, "rename constraint"),
	ecto.Validate:        (*prediction).validate,
	ecto.AlterTable:      (*prediction).alterTable,
	ecto.RewriteTable:    (*prediction).rewriteTable,
	ecto.CreatePartition: func(p *prediction) { p.add(Effect{Table: p.o.To, Mode: AccessExclusive, Why: "new partition"}) },
	ecto.AttachPartition: (*prediction).attachPartition,
	ecto.DetachPartition: (*prediction).detachPartition,
	ecto.CreateTrigger:   takes(ShareRowExclusive, "create trigger"),
	ecto.DropTrigger:     takes(AccessExclusive, "drop trigger"),
	ecto.SetTrigger:      takes(ShareRowExclusive, "enable or disable trigger"),
	ecto.RowSecurity:     takes(AccessExclusive, "row level security"),
	ecto.CreatePolicy:    takes(AccessExclusive, "create policy"),
	ecto.RefreshMatview:  (*prediction).refresh,
	ecto.DropView:        (*prediction).dropView,
	ecto.Insert:          takes(RowExclusive, "insert"),
	ecto.Copy:            takes(RowExclusive, "copy"),
	ecto.Update:          (*prediction).dml,
	ecto.Delete:          (*prediction).dml,
	ecto.LockTable:       func(p *prediction) { p.on(ParseMode(p.o.Expression), "lock table") },
	ecto.Comment:         takes(ShareUpdateExclusive, "comment"),
	ecto.DropType:        (*prediction).dropType,
	ecto.Vacuum:          takes(ShareUpdateExclusive, "vacuum"),
	ecto.Analyze:         takes(ShareUpdateExclusive, "analyze"),
}

func (p *prediction) addColumn() {
	c := p.o.Column
	e := p.on(AccessExclusive, "add column "+c.Name)
	d := c.Default
	filled := d != nil && !d.Null
	switch domain, isOwn := p.s.Type(typeNamed(c.Type)); {
	case Serial(c.Type):
		e.Rewrite, e.Why = true, "a "+c.Type+" column takes a new number for every row"
	case c.Identity:
		e.Rewrite, e.Why = true, "an identity column takes a new number for every row"
	case c.Generated != "" && !strings.Contains(strings.ToUpper(c.Generated), "VIRTUAL"):
		e.Rewrite, e.Why = true, "a stored generated column is computed for every row"
	case isOwn && domain.Domain && domain.Check:
		e.Rewrite, e.Why = true, "a domain with a constraint is checked for every row"
	case filled && p.t.version() < 11:
		e.Rewrite, e.Why = true, "before version 11 a default is written to every row"
	case filled && d.Expression:
		switch v, names := VolatilityOf(d.SQL); v {
		case Volatile:
			e.Rewrite, e.Why = true, "the default calls "+strings.Join(names, ", ")+", which gives another value for every row"
		case UnknownVolatility:
			e.Maybe = "whether " + strings.Join(names, ", ") + " is volatile: if so, the table is rewritten"
		}
	}
	if c.Null != nil && !*c.Null && !filled && !e.Rewrite && !c.PrimaryKey && !p.t.Empty && !e.New {
		e.Fails = "rows that are there would have no value in a column that is NOT NULL"
		e.Scan = true
	}
	if c.PrimaryKey && !e.New {
		e.Build = append(e.Build, p.o.Table.Name+"_pkey")
	}
	p.references(c, filled)
}

// references is the foreign key of a column.
func (p *prediction) references(c ecto.Column, filled bool) {
	r := c.References
	if r == nil {
		return
	}
	// A new column without values is not scanned where the key stands in its own definition, but is where the key is added
	// as a constraint of its own.
	scan := !r.NotValid && (!r.Inline || filled)
	p.foreignKey(r.Table, scan)
}

func (p *prediction) foreignKey(to ecto.Name, scan bool) {
	p.add(Effect{Table: p.o.Table, Mode: ShareRowExclusive, Scan: scan, Why: "foreign key to " + to.String()})
	if to != p.o.Table {
		p.add(Effect{Table: to, Mode: ShareRowExclusive, Why: "foreign key of " + p.o.Table.String()})
	}
}

// typeNamed is the name of a type that is not PostgreSQL's own.
func typeNamed(s string) ecto.Name {
	prefix, name, ok := strings.Cut(s, ".")
	if !ok {
		return ecto.Name{Name: s}
	}
	return ecto.Name{Prefix: prefix, Name: name}
}

// modifyColumn is what ecto_sql makes of modify: always ALTER COLUMN TYPE, and the rest after it.
func (p *prediction) modifyColumn() {
	e := p.on(AccessExclusive, "alter column type")
	from := ""
	if p.o.From != nil {
		from = p.o.From.Type
	}
	p.changeType(e, from, "")
	if n := p.o.Column.Null; n != nil && !*n {
		// A check that would spare the scan does not: the change of type has every check proven again.
		p.setNotNull(e)
	}
	if f := p.o.From; f != nil && f.References != nil && f.References.Table != p.o.Table {
		p.add(Effect{Table: f.References.Table, Mode: AccessExclusive, Why: "the foreign key is dropped"})
	}
	p.references(p.o.Column, true)
	p.referencing()
}

func (p *prediction) alterType() {
	p.changeType(p.on(AccessExclusive, "alter column type"), "", p.o.Using)
	p.referencing()
}

// changeType fills in what a change of type does. from is what the migration says of it, if anything.
func (p *prediction) changeType(e *Effect, from, using string) {
	t, name := p.table(), p.o.Column.Name
	if c := t.Column(name); c != nil && c.Type != "" {
		from = c.Type
	}
	if why := p.held(t); why != "" {
		e.Fails = why
		return
	}
	change := p.change(from, using)
	switch change {
	case TypeRewrite:
		e.Rewrite, e.Why = true, from+" to "+p.o.Column.Type+" writes every row again"
		return
	case TypeRefused:
		e.Fails = fmt.Sprintf("%s cannot become %s without USING", from, p.o.Column.Type)
		return
	case TypeUnknown:
		e.Maybe = "the type before"
		if from != "" {
			e.Maybe = "whether " + from + " and " + p.o.Column.Type + " are the same bytes"
		}
	}
	if t == nil {
		return
	}
	for _, i := range t.AllIndexes() {
		if rebuilt(i, name, change) {
			e.Build = append(e.Build, i.Name)
			e.Scan = true
		}
	}
	for _, k := range t.Constraints {
		if k.Kind == ecto.Check && !k.NotValid && mentions(k.Expression, name) {
			e.Scan, e.Why = true, "the change of type has constraint "+k.Name+" checked again"
		}
	}
}

// rebuilt says whether an index is built again when the type of a column changes and the table is not written again. One
// with a condition or an expression always is, whichever of its columns that is (CheckIndexCompatible in
// src/backend/commands/indexcmds.c).
func rebuilt(i schema.Index, column string, change TypeChange) bool {
	plain, computed := false, i.Where != ""
	touched := mentions(i.Where, column)
	for _, c := range i.Columns {
		plain = plain || c.Name == column
		computed = computed || c.Expression != ""
		touched = touched || c.Expression != "" && mentions(c.Expression, column)
	}
	return plain && change == TypeReindex || (plain || touched) && computed
}

// held is why a column's type cannot be changed whatever it is; empty: nothing known holds it.
func (p *prediction) held(t *schema.Table) string {
	name := p.o.Column.Name
	if dd := t.DependsOn(name); len(dd) > 0 {
		return fmt.Sprintf("%s %s depends on column %s", dd[0].Kind, dd[0].Name, name)
	}
	if t == nil {
		return ""
	}
	for _, c := range t.Columns {
		if c.Generated != "" && mentions(c.Generated, name) {
			return fmt.Sprintf("generated column %s depends on column %s", c.Name, name)
		}
	}
	return ""
}

func (p *prediction) change(from, using string) TypeChange {
	to := p.o.Column.Type
	if cast, ok := plainCast(using, p.o.Column.Name); ok {
		// USING with nothing but the cast: as without, but that every cast will do.
		c := Change(from, to, false, !p.t.NotUTC)
		if c == TypeRefused || !ParseType(cast).same(ParseType(to)) {
			return TypeRewrite
		}
		return c
	}
	c := Change(from, to, using != "", !p.t.NotUTC)
	if t, ok := p.s.Type(typeNamed(from)); c == TypeUnknown && ok && t.Enum && ParseType(to).text() {
		// The values of an enum are numbers.
		return TypeRewrite
	}
	return c
}

// plainCast is the type that an expression casts a column to, if it does nothing else.
func plainCast(using, column string) (string, bool) {
	s := strings.TrimSpace(using)
	if before, after, ok := strings.Cut(s, "::"); ok && strings.Trim(strings.TrimSpace(before), `"`) == column && !strings.ContainsAny(after, ":+-*/|'") {
		return after, true
	}
	if len(s) > 5 && strings.EqualFold(s[:5], "cast(") && strings.HasSuffix(s, ")") {
		words := strings.Fields(s[5 : len(s)-1])
		if len(words) >= 3 && strings.Trim(words[0], `"`) == column && strings.EqualFold(words[1], "as") {
			return strings.Join(words[2:], " "), true
		}
	}
	return "", false
}

// referencing is the locks on tables whose foreign keys the column is part of, on either side: they are made again.
func (p *prediction) referencing() {
	name := p.o.Column.Name
	if t := p.table(); t != nil {
		for _, k := range t.Constraints {
			if k.Kind == ecto.ForeignKey && slices.Contains(k.Columns, name) && k.To != p.o.Table {
				p.add(Effect{Table: k.To, Mode: AccessExclusive, Why: "constraint " + k.Name + " is made again"})
			}
		}
	}
	for _, r := range p.s.References(p.o.Table) {
		if slices.Contains(r.Constraint.ToColumns, name) && r.From.Name != p.o.Table {
			p.add(Effect{Table: r.From.Name, Mode: AccessExclusive, Why: "constraint " + r.Constraint.Name + " is made again"})
		}
	}
}

// mentions says whether an expression has a word in it.
func mentions(expression, word string) bool {
	for f := range strings.FieldsFuncSeq(expression, func(r rune) bool {
		return r != '_' && r != '$' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r < 0x80
	}) {
		if strings.EqualFold(f, word) {
			return true
		}
	}
	return false
}

// setNotNull fills in what proving that there is no null does.
func (p *prediction) setNotNull(e *Effect) {
	name := p.o.Column.Name
	t := p.table()
	if c := t.Column(name); c != nil && c.NotNull != nil && *c.NotNull {
		return
	}
	if k := t.NotNullCheck(name); k != nil && !k.NotValid && p.t.version() >= 12 && p.o.Kind == ecto.SetNotNull {
		return
	}
	e.Scan = true
	if e.Why == "" || p.o.Kind == ecto.SetNotNull {
		e.Why = "every row is looked at for a null"
	}
}

// alterColumn: statistics and options are of no interest to readers and writers (AlterTableGetLockLevel).
func (p *prediction) alterColumn() {
	switch p.o.Expression {
	case "SetStatistics", "SetOptions", "ResetOptions":
		p.on(ShareUpdateExclusive, "alter column")
	default:
		p.on(AccessExclusive, "alter column")
	}
}

func (p *prediction) removeColumn() {
	e := p.on(AccessExclusive, "drop column "+p.o.Column.Name)
	if dd := p.table().DependsOn(p.o.Column.Name); len(dd) > 0 && !p.o.Cascade {
		e.Fails = fmt.Sprintf("%s %s depends on column %s", dd[0].Kind, dd[0].Name, p.o.Column.Name)
	}
	if t := p.table(); t != nil {
		for _, k := range t.Constraints {
			if k.Kind == ecto.ForeignKey && slices.Contains(k.Columns, p.o.Column.Name) && k.To != p.o.Table {
				p.add(Effect{Table: k.To, Mode: AccessExclusive, Why: "constraint " + k.Name + " is dropped with the column"})
			}
		}
	}
}

func (p *prediction) dropTable() {
	p.on(AccessExclusive, "drop table")
	if t := p.table(); t != nil {
		for _, k := range t.Constraints {
			if k.Kind == ecto.ForeignKey && k.To != p.o.Table {
				p.add(Effect{Table: k.To, Mode: AccessExclusive, Why: "constraint " + k.Name + " is dropped with the table"})
			}
		}
	}
	for _, r := range p.s.References(p.o.Table) {
		if r.From.Name == p.o.Table {
			continue
		}
		if !p.o.Cascade {
			p.out[0].Fails = "constraint " + r.Constraint.Name + " of " + r.From.Name.String() + " depends on it"
			return
		}
		p.add(Effect{Table: r.From.Name, Mode: AccessExclusive, Why: "constraint " + r.Constraint.Name + " is dropped with the table"})
	}
}

func (p *prediction) truncate() {
	p.on(AccessExclusive, "truncate")
	for _, r := range p.s.References(p.o.Table) {
		if r.From.Name == p.o.Table {
			continue
		}
		if !p.o.Cascade {
			p.out[0].Fails = "constraint " + r.Constraint.Name + " of " + r.From.Name.String() + " refers to it"
			return
		}
		p.add(Effect{Table: r.From.Name, Mode: AccessExclusive, Why: "truncated too, for it refers to the table"})
	}
}

// dropType is of interest where it fails.
func (p *prediction) dropType() {
	for _, t := range p.s.Tables() {
		for _, c := range t.Columns {
			if n := typeNamed(strings.TrimSuffix(c.Type, "[]")); n == p.o.Name && !p.o.Cascade {
				p.add(Effect{Table: t.Name, Fails: "column " + c.Name + " of " + t.Name.String() + " has the type"})
				return
			}
		}
	}
}

func (p *prediction) dml() {
	e := p.on(RowExclusive, string(p.o.Kind))
	e.Scan = p.o.Where == ""
}
