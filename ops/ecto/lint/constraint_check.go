package lint

import (
	"cmp"
	"fmt"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/schema"
)

// constraintRules are those about constraints.
var constraintRules = []rule{
	{
		Rule:  Rule{ID: "check-validating", Title: "a check is proven on every row while reads and writes wait", Severity: Error, Group: "constraints"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddConstraint}, each: (*site).checkValidating,
	},
	{
		Rule:  Rule{ID: "validate-same-tx", Title: "a constraint is added as NOT VALID and validated in one transaction", Severity: Error, Group: "constraints"},
		eases: bySize, kinds: []ecto.Kind{ecto.Validate}, each: (*site).validateSameTx,
	},
	{
		Rule:   Rule{ID: "constraint-never-validated", Title: "a NOT VALID constraint is never validated", Severity: Warning, Group: "constraints"},
		byName: true, kinds: []ecto.Kind{ecto.AddConstraint, ecto.AddColumn, ecto.ModifyColumn}, each: (*site).neverValidated,
	},
	{
		Rule:  Rule{ID: "exclusion-constraint", Title: "an exclusion constraint is built while reads and writes wait", Severity: Warning, Group: "constraints"},
		eases: bySize, kinds: []ecto.Kind{ecto.AddConstraint}, each: (*site).exclusion,
	},
	{
		Rule:  Rule{ID: "fk-modify-swap", Title: "modify drops a foreign key and proves another one", Severity: Error, Group: "constraints"},
		eases: bySize, kinds: []ecto.Kind{ecto.ModifyColumn}, each: (*site).swapForeignKey,
	},
	{
		Rule:  Rule{ID: "fk-drop-locks-both", Title: "dropping a foreign key locks both tables", Severity: Warning, Group: "constraints"},
		eases: inUse, file: (*pass).dropForeignKeys,
	},
	{
		Rule:  Rule{ID: "fk-not-valid-partitioned", Title: "a foreign key of a partitioned table cannot be NOT VALID", Severity: Error, Group: "constraints"},
		kinds: []ecto.Kind{ecto.AddConstraint, ecto.AddColumn, ecto.ModifyColumn}, each: (*site).notValidPartitioned,
	},
	{
		Rule:   Rule{ID: "fk-reference-type", Title: "a foreign key's column has another type than the column it leads to", Severity: Warning, Group: "constraints"},
		byName: true, kinds: []ecto.Kind{ecto.AddColumn, ecto.ModifyColumn, ecto.AddConstraint}, each: (*site).referenceType,
	},
}

func (s *site) checkValidating() {
	o := s.Op
	e := s.Main()
	if o.Constraint != ecto.Check && o.Constraint != ecto.NotNull || !e.Scan || e.Mode != locks.AccessExclusive {
		return
	}
	name := constraintName(o)
	f := Finding{
		Text:   fmt.Sprintf("%s is proven on every row of %s under ACCESS EXCLUSIVE: reads and writes wait", name, o.Table),
		Recipe: "add it with validate: false, and validate it in a later migration",
	}
	if o.Name.Name != "" && o.Expression != "" && o.Constraint == ecto.Check {
		f.Code = migrations(
			change(fmt.Sprintf("create constraint(%s, %s, check: %s, validate: false%s)", atom(o.Table.Name), atom(o.Name.Name), elixirText(o.Expression), prefixOption(o.Table))),
			"# the next migration\n"+validateCode(o.Table, o.Name.Name),
		)
	}
	s.Emit(f)
}

// constraintName is constraint NAME, or what it is where it has no name.
func constraintName(o *ecto.Operation) string {
	if o.Name.Name != "" {
		return "constraint " + o.Name.Name
	}
	return "a check"
}

func prefixOption(n ecto.Name) string {
	if n.Prefix == "" {
		return ""
	}
	return ", prefix: " + elixirText(n.Prefix)
}

// validateCode is the migration that validates a constraint.
func validateCode(t ecto.Name, name string) string {
	return change(executeBoth(fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", qualified(t), ident(name)), ""))
}

func (s *site) validateSameTx() {
	if !s.InTransaction() {
		return
	}
	for _, before := range s.Sites[:len(s.Sites)-1] {
		name, notValid := before.addsNotValid()
		if !notValid || before.Op.Table != s.Op.Table || name != s.Op.Name.Name {
			continue
		}
		mode := before.Main().Mode
		s.Emit(Finding{
			Mode:   mode,
			Text:   fmt.Sprintf("constraint %s was added in the same transaction, so %s stays locked %s while every row is read: %s wait", name, s.Op.Table, mode, mode.Blocks()),
			Recipe: "validate it in a migration of its own",
			Code:   "# a migration of its own\n" + validateCode(s.Op.Table, name),
		})
		return
	}
}

// addsNotValid is the constraint that an operation adds as NOT VALID.
func (s *site) addsNotValid() (name string, ok bool) {
	o := s.Op
	if o.Kind == ecto.AddConstraint {
		return o.Name.Name, o.NotValid
	}
	if r := o.Column.References; r != nil && (o.Kind == ecto.AddColumn || o.Kind == ecto.ModifyColumn) {
		return cmp.Or(r.Constraint, o.Table.Name+"_"+o.Column.Name+"_fkey"), r.NotValid
	}
	return "", false
}

func (s *site) neverValidated() {
	name, ok := s.addsNotValid()
	if !ok || s.Down {
		return
	}
	s.Later(func(final *schema.State) {
		k := final.Table(s.Op.Table).Constraint(name)
		if k == nil || !k.NotValid {
			return
		}
		f := Finding{
			Text:   fmt.Sprintf("constraint %s of %s is NOT VALID, and no migration validates it: rows that were there before may break it", name, s.Op.Table),
			Recipe: "validate it in a later migration",
			Code:   "# a later migration\n" + validateCode(s.Op.Table, name),
		}
		if s.run.batch[s.Migration.Path] || s.Migration == &s.run.Migrations[len(s.run.Migrations)-1] {
			f.Severity, f.Why = Info, []string{"it goes out now: the migration that validates it comes after it"}
		}
		s.Emit(f)
	})
}

func (s *site) exclusion() {
	if s.Op.Constraint != ecto.Exclusion {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("the index of exclusion constraint %s is built under ACCESS EXCLUSIVE on %s: reads and writes wait", s.Op.Name.Name, s.Op.Table),
		Recipe: "there is no way to add one without the lock: do it while nobody needs the table, with a lock_timeout",
	})
}

func (s *site) swapForeignKey() {
	o := s.Op
	to := o.Column.References
	if to == nil || to.NotValid || o.From == nil || o.From.References == nil {
		return
	}
	name := cmp.Or(to.Constraint, o.Table.Name+"_"+o.Column.Name+"_fkey")
	old := cmp.Or(o.From.References.Constraint, o.Table.Name+"_"+o.Column.Name+"_fkey")
	drop := func(key string) string { return "ALTER TABLE " + qualified(o.Table) + " DROP CONSTRAINT " + ident(key) }
	make := func(key string, r *ecto.References) string {
		return fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)%s NOT VALID",
			qualified(o.Table), ident(key), ident(o.Column.Name), qualified(r.Table), ident(cmp.Or(r.Column, "id")), referential(r))
	}
	lines := []string{executeBoth(drop(old), make(old, o.From.References)), executeBoth(make(name, to), drop(name))}
	if from := o.From.References; old == name && from.Table == to.Table && from.Column == to.Column && from.OnDelete == to.OnDelete && from.OnUpdate == to.OnUpdate {
		s.Emit(Finding{
			Text:   fmt.Sprintf("the foreign key of %s stays what it is, and is dropped and proven again on every row: %s and %s are locked meanwhile", o.Column.Name, o.Table, to.Table),
			Recipe: "leave references out, and say what else is meant in SQL",
		})
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s and %s are locked while the new foreign key of %s is proven on every row", o.Table, to.Table, o.Column.Name),
		Recipe: "drop the key and add the new one as NOT VALID with SQL, and validate it in a later migration",
		Code:   migrations(change(lines...), "# the next migration\n"+validateCode(o.Table, name)),
	})
}

// referential is ON DELETE and ON UPDATE as SQL has them.
func referential(r *ecto.References) string {
	out := ""
	if a := action(r.OnDelete); a != "" {
		out += " ON DELETE " + a
	}
	if a := action(r.OnUpdate); a != "" {
		out += " ON UPDATE " + a
	}
	return out
}

func action(s string) string {
	return map[string]string{
		"delete_all": "CASCADE", "update_all": "CASCADE", "CASCADE": "CASCADE", "nilify_all": "SET NULL", "SET NULL": "SET NULL",
		"default_all": "SET DEFAULT", "SET DEFAULT": "SET DEFAULT", "restrict": "RESTRICT", "RESTRICT": "RESTRICT",
	}[s]
}
