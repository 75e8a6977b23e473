package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/schema"
)

// uses of a new enum value that PostgreSQL refuses are those that turn its text into a value at once; a function's body
// and the place of another new value are not.
var keepsText = map[ecto.Kind]bool{ecto.AddEnumValue: true, ecto.RenameEnumValue: true, ecto.CreateFunction: true, ecto.Comment: true, ecto.Flush: true}

func (s *site) enumValueSameTx() {
	o := s.Op
	if !s.InTransaction() {
		return
	}
	if t, ok := s.State.Type(o.Name); ok && t.MadeBy == s.Migration.Path {
		return // values of a type are good in the transaction that makes the type
	}
	f := Finding{
		Recipe: "add the value in a migration of its own, before the one that uses it",
		Code:   "# a migration of its own\n" + change(executeBoth(fmt.Sprintf("ALTER TYPE %s ADD VALUE IF NOT EXISTS %s", qualified(o.Name), sqlText(o.Expression)), "")),
	}
	if s.run.target.Version < 12 {
		f.Text = fmt.Sprintf("before PostgreSQL 12 ALTER TYPE … ADD VALUE cannot run inside a transaction: adding %s fails (25001)", strconv.Quote(o.Expression))
		f.Recipe = "add @disable_ddl_transaction true to the migration"
		s.Emit(f)
		return
	}
	literal := sqlText(o.Expression)
	for i := s.Index + 1; i < len(s.Ops); i++ {
		later := &s.Ops[i]
		if keepsText[later.Kind] || !slices.ContainsFunc(texts(later), func(t string) bool { return strings.Contains(t, literal) }) {
			continue
		}
		f.Text = fmt.Sprintf("%s is added to %s and used in line %d of the same transaction, which fails (55P04)", strconv.Quote(o.Expression), o.Name, later.At.Line)
		s.Emit(f)
		return
	}
}

// sqlText is a string of SQL.
func sqlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// texts is all SQL that an operation has.
func texts(o *ecto.Operation) []string {
	out := append([]string{o.Text, o.Expression, o.Where}, o.SQL...)
	if d := o.Column.Default; d != nil {
		out = append(out, d.SQL)
	}
	return out
}

func (s *site) enumRename() {
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s of %s becomes %s: running code that writes or compares the old value fails (22P02)", strconv.Quote(s.Op.Expression), s.Op.Name, strconv.Quote(s.Op.To.Name)),
		Recipe: "add the new value, deploy code that reads both, rewrite rows, and leave the old value unused",
	})
}

func (s *site) enumRemove() {
	if s.Op.Table.Name != "pg_enum" {
		return
	}
	s.Emit(Finding{
		Text:   "deleting from pg_enum leaves rows and indexes with a value that can no longer be read",
		Recipe: "make a new type without the value, change the column to it, drop the old type",
	})
}

func (s *site) enumOrder() {
	o := s.Op
	if t, ok := s.State.Type(o.Name); ok && t.MadeBy == s.Migration.Path {
		return
	}
	rest := strings.ToUpper(o.Text)
	if i := strings.LastIndex(rest, strings.ToUpper(sqlText(o.Expression))); i >= 0 {
		rest = rest[i:]
	}
	words := strings.Fields(rest)
	if !o.Raw || slices.Contains(words, "BEFORE") || slices.Contains(words, "AFTER") {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s sorts behind all other values of %s, wherever it stands in the code", strconv.Quote(o.Expression), o.Name),
		Recipe: "say BEFORE or AFTER which value it belongs if anything orders or compares by it",
	})
}

func (s *site) enumCreate() {
	if s.Op.Expression != "ENUM" {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s is an enum: values can be added and renamed, but never taken away", s.Op.Name),
		Recipe: "a text column with a check can be changed both ways",
	})
}

func (s *site) viewDepends() {
	o := s.Op
	if o.Cascade {
		return
	}
	for _, d := range s.Own().DependsOn(o.Column.Name) {
		gone := slices.ContainsFunc(s.Sites, func(b *site) bool {
			return (b.Op.Kind == ecto.DropView || b.Op.Kind == ecto.Drop || b.Op.Kind == ecto.DropTrigger) && b.Op.Name.Name == d.Name.Name
		})
		if gone {
			continue
		}
		code := "0A000"
		if o.Kind == ecto.RemoveColumn {
			code = "2BP01"
		}
		s.Emit(Finding{
			Text:   fmt.Sprintf("%s %s depends on %s.%s: the migration fails (%s)", d.Kind, d.Name, o.Table, o.Column.Name, code),
			Recipe: fmt.Sprintf("drop the %s before and create it again after, in the same transaction", d.Kind),
		})
		return
	}
}

func (s *site) rowSecurity() {
	o := s.Op
	if !strings.HasPrefix(o.Expression, "ENABLE") {
		return
	}
	if slices.ContainsFunc(s.Ops, func(x ecto.Operation) bool { return x.Kind == ecto.CreatePolicy && x.Table == o.Table }) {
		return
	}
	if t := s.Own(); t != nil && slices.ContainsFunc(t.Dependents, func(d schema.Dependent) bool { return d.Kind == "policy" }) {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s gets row level security, and this migration makes no policy: roles other than its owner see no row", o.Table),
		Recipe: "create the policies first, in the same migration",
	})
}

func (s *site) policy() {
	t := s.Own()
	if t == nil || !t.RowSecurity {
		return // it has no effect yet
	}
	if slices.ContainsFunc(s.Sites, func(b *site) bool { return b.Op.Kind == ecto.RowSecurity && b.Op.Table == s.Op.Table }) {
		return // the table's rows were open to all before this migration
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("policy %s changes at once which rows of %s running code sees, and takes ACCESS EXCLUSIVE for it", s.Op.Name.Name, s.Op.Table),
		Recipe: "set a lock_timeout, and try the policy with the application's role first",
	})
}

func (s *site) trigger() {
	o := s.Op
	var f Finding
	switch {
	case o.Kind == ecto.CreateTrigger && s.replaced(ecto.DropTrigger):
		return // its drop is reported
	case o.Kind == ecto.CreateTrigger:
		f = Finding{
			Severity: Info,
			Text:     fmt.Sprintf("creating trigger %s takes SHARE ROW EXCLUSIVE on %s: writes wait for it, and from then on pay for it", o.Name.Name, o.Table),
		}
	case o.Kind == ecto.DropTrigger:
		f = Finding{Text: fmt.Sprintf("dropping trigger %s takes ACCESS EXCLUSIVE on %s: reads and writes wait for it", o.Name.Name, o.Table)}
		if o.IfExists && s.unknownTrigger() {
			return // only to be sure, before it is made the first time
		}
	case strings.HasPrefix(o.Expression, "DISABLE"):
		f = Finding{Text: fmt.Sprintf("%s on %s also takes effect for what others write meanwhile: what the trigger keeps right is not kept", o.Expression, o.Table)}
	default:
		return
	}
	f.Recipe = "set a lock_timeout, and keep the statement alone in its transaction"
	s.Emit(f)
}

// replaced says whether the same trigger was dropped before in the same migration.
func (s *site) replaced(by ecto.Kind) bool {
	return slices.ContainsFunc(s.Sites, func(b *site) bool {
		return b.Op.Kind == by && b.Op.Name == s.Op.Name && b.Op.Table == s.Op.Table && !b.unknownTrigger()
	})
}

// unknownTrigger says that all of a table is known, and no such trigger of it.
func (s *site) unknownTrigger() bool {
	t := s.Own()
	return t != nil && t.CreatedBy != "" && !slices.Contains(t.Triggers, s.Op.Name.Name)
}

// trusted are the extensions that PostgreSQL's own distribution lets anybody with CREATE on the database install, from
// version 13 on.
var trusted = map[string]bool{
	"btree_gin": true, "btree_gist": true, "citext": true, "cube": true, "dict_int": true, "fuzzystrmatch": true, "hstore": true,
	"intarray": true, "isn": true, "lo": true, "ltree": true, "pg_trgm": true, "pgcrypto": true, "plpgsql": true, "seg": true,
	"tablefunc": true, "tcn": true, "tsm_system_rows": true, "tsm_system_time": true, "unaccent": true, "uuid-ossp": true,
}

func (s *site) extension() {
	if name := s.Op.Name.Name; !trusted[name] || s.run.target.Version < 13 {
		s.Emit(Finding{
			Text:   fmt.Sprintf("extension %s may need a superuser, and its files on the server", name),
			Recipe: "see that it can be installed on the target before the deploy, or install it there by hand",
		})
	}
}

func (s *site) role() {
	s.Emit(Finding{
		Text:   "roles and privileges are the server's: the role that migrates may not be allowed this, and other servers have other roles",
		Recipe: "keep roles and grants where the server is set up",
	})
}

func (s *site) system() {
	f := Finding{
		Text:   fmt.Sprintf("%s is set for more than this migration: it stays, and sessions that are open do not see it", s.Op.Setting),
		Recipe: "keep the server's settings where the server is set up",
	}
	if s.InTransaction() && strings.HasPrefix(strings.ToUpper(strings.TrimSpace(s.Op.Text)), "ALTER SYSTEM") {
		f.Severity, f.Mode = Error, locks.None
		f.Text = "ALTER SYSTEM cannot run inside a transaction: the migration fails (25001)"
	}
	s.Emit(f)
}
