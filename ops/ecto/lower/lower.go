// Package lower turns migrations in Elixir into operations, with the SQL that ecto_sql's PostgreSQL adapter would send
// (https://github.com/elixir-ecto/ecto_sql, lib/ecto/adapters/postgres/connection.ex and lib/ecto/migration.ex). It runs
// nothing: it goes through the syntax tree as Elixir would, with values where they can be folded. Where they cannot, a name
// or a part of the SQL stands as #{source} and the operation is Partial; a statement of which too little is known is
// Dynamic; branches that are not decided are all gone through and Conditional, loops that cannot be unrolled once and
// Repeated.
//
// Operations are in the order of the source; ecto.Sequence gives the order in which they reach the server. Codes of notes:
// parse-error, no-migration, several-migrations, unresolved-use, unread-file, dynamic-options, raises (what Ecto would
// raise at), raises-down (on the way back alone), uncalled (a function that changes the database and
// that nothing calls), too-long, irreversible.
package lower

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/elixir"
	"ops-console/ops/ecto/project"
)

// Lowering is how migrations of one repo are read. It may be used by several goroutines at once.
type Lowering struct {
	Settings project.Settings
	// Read gives the files that migrations lead to, by a path with slashes relative to the project: SQL for execute_file,
	// the modules of Settings.Macros, and others of the project's own that migrations call and that use Ecto.Migration.
	// Nil: there are none. It may be called by several goroutines at once.
	Read func(path string) ([]byte, error)

	mu    sync.Mutex
	files map[string]*source // by path; nil: there is none to follow; guarded by mu
}

// Migration reads one file with what the settings alone tell: see Lowering.
func Migration(file project.File, src []byte, s project.Settings) ecto.Migration {
	l := Lowering{Settings: s}
	return l.Migration(file, src)
}

// Migration reads one file. It never fails: what it could not read or follow is in the Notes.
func (l *Lowering) Migration(file project.File, src []byte) ecto.Migration {
	out := ecto.Migration{Path: file.Path, Version: file.Version, Name: file.Name}
	parsed, errs := newSource(file.Path, src)
	for _, e := range errs {
		at := ecto.Span{Line: int(e.Line), Column: int(e.Column)}
		text := e.Msg
		if e.In != "" {
			text = "in " + e.In + ": " + text
		}
		out.Notes = append(out.Notes, ecto.Note{At: at, Code: "parse-error", Text: text})
	}
	mod := pick(parsed, &out)
	if mod == nil {
		return out
	}
	out.Module = mod.name
	l.directions(&out, parsed, mod)
	uncalled(parsed, mod, &out)
	return out
}

// pick is the module of a file that is a migration: the first that uses Ecto.Migration, as Ecto takes it.
func pick(s *source, out *ecto.Migration) *module {
	var found []*module
	for _, mod := range s.modules {
		if isMigration(mod) {
			found = append(found, mod)
		}
	}
	switch {
	case len(found) == 0:
		at := ecto.Span{Line: 1, Column: 1}
		if len(s.modules) > 0 {
			at = span(s, s.modules[0].node.From, s.modules[0].node.Args[0].To)
		}
		out.Notes = append(out.Notes, ecto.Note{At: at, Code: "no-migration", Text: "no module in this file is a migration"})
		return nil
	case len(found) > 1:
		names := make([]string, len(found))
		for i, f := range found {
			names[i] = f.name
		}
		out.Notes = append(out.Notes, ecto.Note{
			At: span(s, found[1].node.From, found[1].node.Args[0].To), Code: "several-migrations",
			Text: "Ecto runs one module of a file: " + strings.Join(names, ", "),
		})
	}
	return found[0]
}

// isMigration says whether a module uses Ecto.Migration, or something else and has the functions of a migration.
func isMigration(mod *module) bool {
	return plainly(mod) || len(mod.uses) > 0 && (len(mod.calls("change", 0)) > 0 || len(mod.calls("up", 0)) > 0)
}

// directions fills in what the migration does up and down.
func (l *Lowering) directions(out *ecto.Migration, s *source, mod *module) {
	l.inherit(out, s, mod)
	out.DisableDDLTransaction = flag(mod, "disable_ddl_transaction")
	out.DisableMigrationLock = flag(mod, "disable_migration_lock")
	for _, name := range []string{"after_begin", "before_commit"} {
		if len(mod.calls(name, 0)) > 0 {
			out.Callbacks = append(out.Callbacks, name)
		}
	}
	has := func(name string) bool { return len(mod.calls(name, 0)) > 0 }
	up := "up"
	if !has(up) {
		up = "change"
	}
	if has(up) {
		m := l.machine(out, s, mod)
		out.Up = m.direction(up, out.DisableDDLTransaction)
		out.Notes = append(append(out.Notes, m.notes...), m.raises...)
	} else {
		out.Notes = append(out.Notes, ecto.Note{
			At: span(s, mod.node.From, mod.node.Args[0].To), Code: "raises", Text: "there is neither up/0 nor change/0",
		})
	}
	m := l.machine(out, s, mod)
	m.down = true
	switch {
	case has("down"):
		out.DownFrom, m.hasDown = "down", true
	case has("change"):
		out.DownFrom, m.backward = "change", true
	default:
		if has("up") {
			n := mod.calls("up", 0)[0].node
			out.Irreversible = append(out.Irreversible, noteOf(span(s, n.From, n.Args[0].To), "irreversible", "there is neither down/0 nor change/0: rollback raises"))
		}
		return
	}
	out.Down = m.direction(out.DownFrom, out.DisableDDLTransaction)
	slices.SortStableFunc(m.raises, func(a, b ecto.Note) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
	out.Irreversible = append(out.Irreversible, m.raises...)
	for _, n := range m.notes {
		if slices.Contains(out.Notes, n) {
			continue
		}
		if n.Code == "raises" {
			n.Code = "raises-down"
		}
		out.Notes = append(out.Notes, n)
	}
}

func (l *Lowering) machine(out *ecto.Migration, s *source, mod *module) *machine {
	return &machine{low: l, src: s, mod: mod, path: out.Path}
}

// flag is a module attribute that is set to true.
func flag(mod *module, name string) bool {
	aa := mod.attrs[name]
	if len(aa) == 0 || aa[len(aa)-1].value == nil {
		return false
	}
	yes, _ := aa[len(aa)-1].value.Bool()
	return yes
}

// direction goes through a function of the migration, and the callbacks around it.
func (m *machine) direction(name string, plain bool) []ecto.Operation {
	if !plain {
		m.run("after_begin", true)
	}
	m.run(name, false)
	if !plain && !m.stopped {
		m.run("before_commit", true)
	}
	return m.operations()
}

func (m *machine) run(name string, callback bool) {
	ff := m.mod.calls(name, 0)
	if len(ff) == 0 {
		return
	}
	if callback {
		m.callback = name
	}
	e := m.enter(&env{src: m.src, mod: m.mod}, ff[0].mod, m.useOf(ff[0].mod))
	if !ff[0].maybe {
		ff = ff[:1]
	}
	m.invoke(e, m.useOf(ff[0].mod), ff, nil, null)
	m.callback = ""
}

// inherit takes over what the modules that a migration uses give it.
func (l *Lowering) inherit(out *ecto.Migration, s *source, mod *module) {
	for _, u := range mod.uses {
		name := s.resolve(mod.name, u.module)
		if name == "Ecto.Migration" {
			continue
		}
		used := s.byName[name]
		if used == nil {
			used = l.module(out.Path, name)
		}
		if used == nil && plainly(mod) {
			continue // what else it uses is most likely no business of migrations
		}
		if used == nil {
			out.Notes = append(out.Notes, ecto.Note{
				At: span(s, u.node.From, u.node.To), Code: "unresolved-use", Text: "what use " + name + " brings is not known",
			})
			continue
		}
		for _, f := range used.calls("__using__", 1) {
			var quotes []*elixir.Node
			elixir.Walk(f.Body, func(n *elixir.Node) bool {
				if n.IsCall("quote", elixir.AnyArity) {
					quotes = append(quotes, n.Section("do").Exprs()...)
					return false
				}
				return true
			})
			brought := &module{src: used.src, name: mod.name, node: used.node, funcs: map[string][]function{}, attrs: map[string][]attribute{}}
			brought.read(quotes)
			mod.adopt(brought, u.node)
		}
	}
}

// plainly says whether a module uses Ecto.Migration itself.
func plainly(mod *module) bool {
	return slices.ContainsFunc(mod.uses, func(u use) bool { return mod.src.resolve(mod.name, u.module) == "Ecto.Migration" })
}

// adopt adds what use brought, unless the module has it itself.
func (m *module) adopt(b *module, at *elixir.Node) {
	for name, ff := range b.funcs {
		if len(m.funcs[name]) == 0 {
			m.funcs[name] = ff
		}
	}
	for name, aa := range b.attrs {
		for i := range aa {
			aa[i].from = at.From
		}
		m.attrs[name] = append(aa, m.attrs[name]...)
	}
	m.imports = append(m.imports, b.imports...)
}

// useOf is where the migration says use of what brought a function.
func (m *machine) useOf(from *module) ecto.Span {
	if from == m.mod {
		return ecto.Span{}
	}
	for _, u := range m.mod.uses {
		if m.src.resolve(m.mod.name, u.module) != "Ecto.Migration" {
			return span(m.src, u.node.From, u.node.To)
		}
	}
	return ecto.Span{Line: 1, Column: 1}
}

// module finds a module of the project that has to do with migrations, as seen from one of them: one of Settings.Macros, or
// one that stands where its name says. nil: there is none in reach.
func (l *Lowering) module(migration, name string) *module {
	if l.Read == nil {
		return nil
	}
	if path := l.Settings.Macros[name]; path != "" {
		return l.source(path, false).module(name)
	}
	for _, path := range usual(migration, name) {
		if mod := l.source(path, true).module(name); mod != nil {
			return mod
		}
	}
	return nil
}

// source is a file, read once. Of those that were only looked for, the ones that do not speak of migrations are left alone:
// following the application's own code would lead anywhere.
func (l *Lowering) source(path string, guessed bool) *source {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.files[path]
	if ok {
		return s
	}
	if src, err := l.Read(path); err == nil && (!guessed || bytes.Contains(src, []byte("Ecto.Migration"))) {
		s, _ = newSource(path, src)
	}
	if l.files == nil {
		l.files = map[string]*source{}
	}
	l.files[path] = s
	return s
}

// usual is where the source of a module is by Elixir's custom.
func usual(migration, name string) []string {
	if name == "" || strings.ContainsAny(name, ":/") {
		return nil
	}
	segments := strings.Split(name, ".")
	for i, s := range segments {
		segments[i] = underscore(s)
	}
	file := strings.Join(segments, "/") + ".ex"
	root, _, ok := strings.Cut(migration, "/priv/")
	if !ok {
		return []string{"lib/" + file}
	}
	out := []string{root + "/lib/" + file}
	if apps, _, ok := strings.Cut(root, "apps/"); ok {
		out = append(out, apps+"apps/"+segments[0]+"/lib/"+file)
	}
	return out
}

// underscore is Macro.underscore: HTTPServer is http_server.
func underscore(s string) string {
	var b strings.Builder
	upper := func(i int) bool { return i < len(s) && s[i] >= 'A' && s[i] <= 'Z' }
	for i := range len(s) {
		if upper(i) && i > 0 && s[i-1] != '_' && (!upper(i-1) || i+1 < len(s) && !upper(i+1)) {
			b.WriteByte('_')
		}
		b.WriteByte(s[i])
	}
	return strings.ToLower(b.String())
}

var errNoReader = errors.New("no files can be read")

// read is a file that a migration names.
func (l *Lowering) read(migration, file string) ([]byte, error) {
	if l.Read == nil {
		return nil, errNoReader
	}
	for _, p := range near(migration, file) {
		if !fs.ValidPath(p) {
			continue
		}
		if src, err := l.Read(p); err == nil {
			return src, nil
		}
	}
	return nil, fmt.Errorf("read %s: there is no such file in the project", file)
}
