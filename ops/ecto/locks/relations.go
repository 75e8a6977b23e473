package locks

import (
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/schema"
)

func (p *prediction) createIndex() {
	o := p.o
	t := p.table()
	partitioned := t != nil && t.Partitioned
	switch {
	case o.Concurrent && partitioned && !o.Only:
		p.on(ShareUpdateExclusive, "create index").Fails = "an index of a partitioned table cannot be built concurrently"
	case o.Concurrent:
		e := p.on(ShareUpdateExclusive, "build index "+o.Name.Name)
		e.Scan, e.Waits, e.Build = true, true, []string{o.Name.Name}
	case partitioned && o.Only:
		p.on(Share, "create index on the parent only")
	default:
		e := p.on(Share, "build index "+o.Name.Name)
		e.Scan, e.Build = !partitioned, []string{o.Name.Name}
		for _, part := range p.s.Tables() {
			if part.PartitionOf == o.Table && partitioned {
				p.add(Effect{Table: part.Name, Mode: Share, Scan: true, Build: []string{o.Name.Name}, Why: "build the partition's index"})
			}
		}
	}
}

// indexed is the table that an index is of: the one the operation names, or the one known to have it.
func (p *prediction) indexed() ecto.Name {
	if p.o.Table.Name != "" {
		return p.o.Table
	}
	if t, _ := p.s.Index(p.o.Name); t != nil {
		return t.Name
	}
	return ecto.Name{}
}

func (p *prediction) dropIndex() {
	e := Effect{Table: p.indexed(), Mode: AccessExclusive, Why: "drop index " + p.o.Name.Name}
	if p.o.Concurrent {
		e.Mode, e.Waits = ShareUpdateExclusive, true
	}
	p.add(e)
}

// renameIndex leaves the table alone; before version 12 it locked the index against reads.
func (p *prediction) renameIndex() {
	if p.t.version() < 12 {
		p.add(Effect{Table: p.indexed(), Mode: AccessExclusive, Why: "rename index"})
	}
}

func (p *prediction) reindex() {
	e := Effect{Table: p.indexed(), Mode: Share, Scan: true, Why: "build indexes again"}
	if n := p.o.Name.Name; n != "" {
		e.Build = []string{n}
	} else if t := p.table(); t != nil {
		for _, i := range t.AllIndexes() {
			e.Build = append(e.Build, i.Name)
		}
	}
	if p.o.Concurrent {
		e.Mode, e.Waits = ShareUpdateExclusive, true
	}
	p.add(e)
}

func (p *prediction) addConstraint() {
	o := p.o
	switch o.Constraint {
	case ecto.ForeignKey:
		if t := p.table(); o.NotValid && t != nil && t.Partitioned && p.t.version() < 18 {
			p.on(ShareRowExclusive, "foreign key").Fails = "before version 18 a foreign key of a partitioned table cannot be NOT VALID"
			return
		}
		p.foreignKey(o.To, !o.NotValid)
	case ecto.Check, ecto.NotNull:
		e := p.on(AccessExclusive, "constraint "+o.Name.Name)
		if e.Scan = !o.NotValid; e.Scan {
			e.Why = "every row is checked"
		}
	case ecto.PrimaryKey, ecto.UniqueKey:
		p.key()
	case ecto.Exclusion:
		e := p.on(AccessExclusive, "build the index of an exclusion constraint")
		e.Scan, e.Build = true, []string{o.Name.Name}
	}
}

// key is PRIMARY KEY and UNIQUE, which are an index that is built or one that is there.
func (p *prediction) key() {
	o, t := p.o, p.table()
	e := p.on(AccessExclusive, "build the index of a key")
	columns := o.Columnset
	if o.UsingIndex == "" {
		name := o.Name.Name
		if name == "" && o.Constraint == ecto.PrimaryKey {
			name = o.Table.Name + "_pkey"
		}
		e.Scan, e.Build = true, []string{name}
		return
	}
	e.Why = "take an index that is there as a key"
	if o.Constraint != ecto.PrimaryKey {
		return
	}
	if i := t.Index(o.UsingIndex); i != nil {
		for _, c := range i.Columns {
			columns = append(columns, c.Name)
		}
	}
	for _, name := range columns {
		c := t.Column(name)
		switch {
		case c == nil || c.NotNull == nil:
			e.Maybe = "whether " + name + " is NOT NULL: if not, every row is looked at"
		case !*c.NotNull:
			e.Scan, e.Why = true, name+" is not NOT NULL yet: every row is looked at"
		}
	}
	if len(columns) == 0 {
		e.Maybe = "the columns of " + o.UsingIndex
	}
}

func (p *prediction) dropConstraint() {
	p.on(AccessExclusive, "drop constraint "+p.o.Name.Name)
	k := p.table().Constraint(p.o.Name.Name)
	if k == nil {
		if strings.HasSuffix(p.o.Name.Name, "_fkey") {
			p.out[0].Maybe = "which table the foreign key leads to: it is locked too"
		}
		return
	}
	if k.Kind == ecto.ForeignKey && k.To != p.o.Table {
		p.add(Effect{Table: k.To, Mode: AccessExclusive, Why: "constraint " + k.Name + " leads to it"})
	}
	if k.Kind != ecto.PrimaryKey && k.Kind != ecto.UniqueKey || !p.o.Cascade {
		return
	}
	for _, r := range p.s.References(p.o.Table) {
		p.add(Effect{Table: r.From.Name, Mode: AccessExclusive, Why: "constraint " + r.Constraint.Name + " is dropped too"})
	}
}

func (p *prediction) validate() {
	e := p.on(ShareUpdateExclusive, "every row is checked")
	e.Scan = true
	k := p.table().Constraint(p.o.Name.Name)
	if k == nil {
		return
	}
	e.Scan = k.NotValid
	if k.Kind == ecto.ForeignKey && k.To != p.o.Table {
		p.add(Effect{Table: k.To, Mode: RowShare, Why: "rows are looked up there"})
	}
}

// gentle are the other subcommands that readers and writers do not feel (AlterTableGetLockLevel).
var gentle = map[string]bool{"SET ()": true, "RESET ()": true, "CLUSTER ON": true, "DropCluster": true, "DETACH PARTITION FINALIZE": true}

func (p *prediction) alterTable() {
	m := AccessExclusive
	if gentle[p.o.Expression] {
		m = ShareUpdateExclusive
	}
	p.on(m, "alter table "+strings.ToLower(p.o.Expression))
}

func (p *prediction) rewriteTable() {
	e := p.on(AccessExclusive, strings.ToLower(p.o.Expression)+" writes the table again")
	e.Rewrite = true
	if p.o.Expression != "SET UNLOGGED" {
		return
	}
	for _, r := range p.s.References(p.o.Table) {
		if r.From.Name != p.o.Table {
			e.Fails = "a logged table, " + r.From.Name.String() + ", refers to it"
		}
	}
}

func (p *prediction) attachPartition() {
	m := ShareUpdateExclusive
	if p.t.version() < 12 {
		m = AccessExclusive
	}
	p.on(m, "attach partition")
	part := p.s.Table(p.o.To)
	e := Effect{Table: p.o.To, Mode: AccessExclusive, Scan: true, Why: "every row is checked against the bounds"}
	if part != nil && hasCheck(part) {
		e.Scan, e.Maybe = false, "whether a check of it proves the bounds: if not, every row is checked"
	}
	p.add(e)
}

// hasCheck says whether a table has a valid check, which may spare the scan.
func hasCheck(t *schema.Table) bool {
	for _, k := range t.Constraints {
		if k.Kind == ecto.Check && !k.NotValid {
			return true
		}
	}
	return false
}

func (p *prediction) detachPartition() {
	if p.o.Concurrent {
		p.on(ShareUpdateExclusive, "detach partition").Waits = true
		p.add(Effect{Table: p.o.To, Mode: ShareUpdateExclusive, Why: "detached"})
		return
	}
	p.on(AccessExclusive, "detach partition")
	p.add(Effect{Table: p.o.To, Mode: AccessExclusive, Why: "detached"})
}

func (p *prediction) refresh() {
	e := Effect{Table: p.o.Name, Mode: AccessExclusive, Rewrite: true, Why: "the view is filled again"}
	if p.o.Concurrent {
		e.Mode, e.Rewrite, e.Scan = Exclusive, false, true
	}
	p.add(e)
}

// dropView is of interest where the view has rows of its own, and so is known as a table.
func (p *prediction) dropView() {
	if p.s.Table(p.o.Name) != nil {
		p.add(Effect{Table: p.o.Name, Mode: AccessExclusive, Why: "drop view"})
	}
}

// descends is what is done to the partitions of a table as it is done to the table.
var descends = map[ecto.Kind]bool{
	ecto.AddColumn: true, ecto.ModifyColumn: true, ecto.AlterType: true, ecto.RemoveColumn: true, ecto.RenameColumn: true,
	ecto.SetDefault: true, ecto.DropDefault: true, ecto.SetNotNull: true, ecto.DropNotNull: true, ecto.AddIdentity: true,
	ecto.AddConstraint: true, ecto.DropConstraint: true, ecto.RenameConstr: true, ecto.Validate: true,
	ecto.DropTable: true, ecto.Truncate: true, ecto.CreateTrigger: true, ecto.DropTrigger: true, ecto.DropIndex: true,
}

// common is what cannot be done to a partition alone.
var common = map[ecto.Kind]bool{
	ecto.AddColumn: true, ecto.RemoveColumn: true, ecto.RenameColumn: true, ecto.ModifyColumn: true, ecto.AlterType: true,
}

// partitions adds what happens to partitions. The table itself has no rows that could be read or written again.
func (p *prediction) partitions() {
	base := p.o.Table
	if p.o.Kind == ecto.DropIndex {
		base = p.indexed()
	}
	t := p.s.Table(base)
	if t != nil && t.PartitionOf.Name != "" && common[p.o.Kind] && len(p.out) > 0 && p.out[0].Fails == "" {
		p.out[0].Fails = "it is a partition of " + t.PartitionOf.String() + ", whose columns are all its partitions'"
	}
	if !descends[p.o.Kind] || p.o.Only || t == nil || !t.Partitioned {
		return
	}
	if p.o.Kind == ecto.CreateTrigger && !strings.Contains(strings.ToLower(p.o.Text), "each row") {
		return
	}
	parents := []ecto.Name{t.Name}
	all := p.s.Tables()
	for len(parents) > 0 {
		parent := parents[0]
		parents = parents[1:]
		for _, part := range all {
			if part.PartitionOf != parent {
				continue
			}
			if part.Partitioned {
				parents = append(parents, part.Name)
			}
			for _, e := range slices.Clone(p.out) {
				if e.Table != base {
					continue
				}
				if part.Partitioned {
					e.Rewrite, e.Scan, e.Build = false, false, nil
				}
				e.Table, e.Fails, e.Why = part.Name, "", "as its parent: "+e.Why
				p.add(e)
			}
		}
	}
	for i := range p.out {
		if e := &p.out[i]; e.Table == base {
			e.Rewrite, e.Scan, e.Build = false, false, nil
		}
	}
}
