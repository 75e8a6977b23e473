package lint

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/app"
	"ops-console/ops/ecto/catalog"
	"ops-console/ops/ecto/lower"
	"ops-console/ops/ecto/pgsql"
	"ops-console/ops/ecto/project"
	"ops-console/ops/ecto/schema"
)

// A fixture is a migration, NAME.exs, or several files, NAME.txtar: migrations named VERSION_NAME.exs, the application's
// own code under lib/, live.sql, the statements that make what the live database is, and structure.sql, a dump. They stand in
// testdata/GROUP/RULE, and every finding in them has to be expected:
//
//	create index(:posts, [:title]) # expect: index-not-concurrent error, another-rule warning
//
// A comment alone on its line is about the next line. "expect-down" is for findings of the way back. Settings are said in
// the first lines of the first file, or in the comment of an archive:
//
//	# with: target=10 lock=advisory timeout=none down check=20240102000000
//	# severity: index-too-wide=info
//	# live: posts rows=2000000 bytes=410000000
//	# applied: 20240101000000
//	# dumped: 20240101000000
//
// Without timeout= the rule about a missing lock_timeout is off, or every fixture would have to expect it.

// fixture is one of them, read.
type fixture struct {
	in   Input
	want []string
}

var (
	expectation = regexp.MustCompile(`#\s*expect(-down)?:\s*(.+?)\s*$`)
	directive   = regexp.MustCompile(`(?m)^\s*(?:#|--)\s*(with|severity|live|applied|dumped):\s*(.+?)\s*$`)
)

// expected are the findings that the comments of a file ask for, one a line.
func expected(name string, src []byte) []string {
	var out []string
	for n, line := range strings.Split(string(src), "\n") {
		m := expectation.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		number := n + 1
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			number++
		}
		for one := range strings.SplitSeq(m[2], ",") {
			out = append(out, fmt.Sprintf("%s:%d: %s%s", name, number, strings.TrimSpace(one), strings.Replace(m[1], "-", " ", 1)))
		}
	}
	return out
}

// found is the findings in the same form.
func found(ff []Finding) []string {
	var out []string
	for _, f := range ff {
		if f.Suppressed != nil || f.Path == "" {
			continue
		}
		down := ""
		if f.Down {
			down = " down"
		}
		out = append(out, fmt.Sprintf("%s:%d: %s %s%s", path.Base(f.Path), f.At.Line, f.Rule, f.Severity, down))
	}
	return out
}

// file is one of an archive.
type file struct {
	name string
	data []byte
}

// archive takes text apart that has files in it as Go's txtar has them: each behind a line -- NAME --.
func archive(src []byte) (head []byte, files []file) {
	for line := range bytes.Lines(src) {
		name, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("-- "))
		if name, ends := bytes.CutSuffix(name, []byte(" --")); ok && ends {
			files = append(files, file{name: string(name)})
			continue
		}
		if len(files) == 0 {
			head = append(head, line...)
			continue
		}
		last := &files[len(files)-1]
		last.data = append(last.data, line...)
	}
	return head, files
}

func readFixture(t testing.TB, name string) fixture {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, files := []byte(nil), []file{{"20240101000000_" + filepath.Base(name), src}}
	if strings.HasSuffix(name, ".txtar") {
		head, files = archive(src)
	}
	f := fixture{in: Input{
		Repo:    project.Repo{Module: "Demo.Repo", App: "demo", Root: ".", Settings: project.DefaultSettings()},
		Sources: map[string][]byte{}, Options: Options{Severity: map[string]Severity{"missing-lock-timeout": Off}},
	}}
	lib := false
	dir := t.TempDir()
	live := ""
	for _, file := range files {
		switch {
		case strings.HasPrefix(file.name, "lib/"):
			lib = true
			target := filepath.Join(dir, filepath.FromSlash(file.name))
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(target, file.data, 0o644); err != nil {
				t.Fatal(err)
			}
		case file.name == "live.sql":
			live = string(file.data)
		case file.name == "structure.sql":
			if f.in.Dump, err = readDump(file.name, file.data); err != nil {
				t.Fatal(err)
			}
		default:
			base := path.Base(file.name)
			digits, rest, _ := strings.Cut(base, "_")
			version, err := strconv.ParseInt(digits, 10, 64)
			if err != nil {
				t.Fatalf("%s: %s: neither lib/ nor live.sql nor VERSION_NAME.exs", name, file.name)
			}
			f.in.Repo.Files = append(f.in.Repo.Files, project.File{
				Path: "priv/repo/migrations/" + base, Version: version, Name: strings.TrimSuffix(rest, ".exs"),
			})
			f.in.Sources["priv/repo/migrations/"+base] = file.data
			f.want = append(f.want, expected(base, file.data)...)
		}
	}
	f.set(t, slices.Concat(head, []byte("\n"), files[0].data), live)
	for _, file := range f.in.Repo.Files {
		f.in.Migrations = append(f.in.Migrations, lower.Migration(file, f.in.Sources[file.Path], f.in.Repo.Settings))
	}
	if lib {
		if f.in.App, err = app.Read(t.Context(), dir, "lib"); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// set follows the directives.
func (f *fixture) set(t testing.TB, head []byte, live string) {
	t.Helper()
	o := &f.in.Options
	if live != "" {
		f.live(t, live)
	}
	for _, m := range directive.FindAllSubmatch(head, -1) {
		words := strings.Fields(string(m[2]))
		if string(m[1]) == "live" {
			f.live(t, live)
			f.size(t, words[0], words[1:])
			continue
		}
		for _, w := range words {
			key, value, _ := strings.Cut(w, "=")
			number, _ := strconv.ParseInt(value, 10, 64)
			switch string(m[1]) + " " + key {
			case "with target":
				o.Target = int(number)
			case "with lock":
				f.in.Repo.Settings.Lock = project.Lock(value)
			case "with strict":
				f.in.Repo.Settings.StrictVersionOrder = true
			case "with timeout":
				delete(o.Severity, "missing-lock-timeout")
				if value != "none" {
					o.LockTimeout = value
				}
			case "with down":
				o.Down = true
			case "with check":
				from := number
				o.Check = func(v int64) bool { return v >= from }
			default:
				switch string(m[1]) {
				case "severity":
					s, err := ParseSeverity(value)
					if err != nil {
						t.Fatal(err)
					}
					o.Severity[key] = s
				case "dumped":
					number, _ = strconv.ParseInt(key, 10, 64)
					f.in.Repo.Dumped = append(f.in.Repo.Dumped, number)
				case "applied":
					f.live(t, live)
					number, _ = strconv.ParseInt(key, 10, 64)
					f.in.Live.Applied = append(f.in.Live.Applied, catalog.Applied{Version: number})
				default:
					t.Fatalf("directive %s: %s is not known", m[1], w)
				}
			}
		}
	}
}

// live makes the snapshot of a database, once.
func (f *fixture) live(t testing.TB, sql string) {
	t.Helper()
	if f.in.Live != nil {
		return
	}
	s := &schema.State{Complete: true}
	oo, err := pgsql.Parse(sql)
	if err != nil {
		t.Fatalf("live.sql: %v", err)
	}
	for _, o := range oo {
		s.Apply("", o)
	}
	f.in.Live = &catalog.Snapshot{Version: 150000, State: s, TimeZone: "UTC"}
}

// size is live: TABLE rows=N bytes=N invalid=INDEX.
func (f *fixture) size(t testing.TB, table string, words []string) {
	t.Helper()
	state := f.in.Live.State
	n := ecto.Name{Name: table}
	if prefix, name, ok := strings.Cut(table, "."); ok {
		n = ecto.Name{Prefix: prefix, Name: name}
	}
	if state.Table(n) == nil {
		state.Add(&schema.Table{Name: n})
	}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		number, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "rows":
			state.Table(n).Rows = &number
		case "bytes":
			state.Table(n).Bytes = &number
		case "invalid":
			state.Table(n).Index(value).Invalid = true
		case "view":
			state.Table(n).Dependents = append(state.Table(n).Dependents,
				schema.Dependent{Kind: "view", Name: ecto.Name{Name: table + "_view"}, Columns: []string{value}})
		default:
			t.Fatalf("live: %s is not known", w)
		}
	}
}

// TestFixtures runs all rules on every fixture.
func TestFixtures(t *testing.T) {
	var names []string
	err := filepath.WalkDir("testdata", func(p string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(p); err == nil && !d.IsDir() && (ext == ".exs" || ext == ".txtar") {
			names = append(names, p)
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimPrefix(filepath.ToSlash(name), "testdata/"), func(t *testing.T) {
			f := readFixture(t, name)
			res, err := Run(t.Context(), f.in)
			if err != nil {
				t.Fatal(err)
			}
			got, want := found(res.Findings), f.want
			slices.Sort(got)
			slices.Sort(want)
			if d := gocmp.Diff(want, got); d != "" {
				t.Errorf("findings (-want +got):\n%s%s", d, described(res.Findings))
			}
			for _, f := range res.Findings {
				sound(t, f)
			}
		})
	}
}

// sound says what is wrong with a finding's form.
func sound(t testing.TB, f Finding) {
	t.Helper()
	r, ok := Find(f.Rule)
	switch {
	case !ok:
		t.Errorf("%s: no such rule", f.Rule)
	case f.Severity <= Off || f.Severity > Error:
		t.Errorf("%s: severity %s", f.Rule, f.Severity)
	case f.Text == "" || f.Recipe == "":
		t.Errorf("%s: text %q, recipe %q", f.Rule, f.Text, f.Recipe)
	case strings.HasSuffix(f.Text, ".") || strings.HasSuffix(f.Recipe, ".") || strings.Contains(f.Text+f.Recipe, "  "):
		t.Errorf("%s: a full stop or two blanks: %q, %q", f.Rule, f.Text, f.Recipe)
	case f.Path != "" && (f.At.Line < 1 || f.At.Column < 1):
		t.Errorf("%s: at %s", f.Rule, f.At)
	case r.ID != f.Rule:
		t.Errorf("%s: found as %s", f.Rule, r.ID)
	}
	for _, line := range strings.Split(f.Code, "\n") {
		if strings.TrimRight(line, " ") != line {
			t.Errorf("%s: blanks at a line's end of %q", f.Rule, f.Code)
		}
	}
	if f.Hold.Lo > f.Hold.Hi {
		t.Errorf("%s: held from %s to %s", f.Rule, f.Hold.Lo, f.Hold.Hi)
	}
}

// described is what findings say, for whoever looks at a failure.
func described(ff []Finding) string {
	var b bytes.Buffer
	for _, f := range ff {
		fmt.Fprintf(&b, "%s:%s: %s: %s %v\n", f.Path, f.At, f.Rule, f.Text, f.Why)
	}
	return b.String()
}

// TestEveryRuleHasAFixtureThatItFiresOn and one that it leaves alone.
func TestEveryRuleHasAFixtureThatItFiresOn(t *testing.T) {
	for _, r := range Rules() {
		if r.Group == "live" || r.ID == "filename" {
			continue // of what is no migration's text: TestLiveRules, TestFilesThatEctoIgnores
		}
		files, err := filepath.Glob(filepath.Join("testdata", "*", r.ID, "*"))
		if err != nil {
			t.Fatal(err)
		}
		fires, quiet := false, false
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(src, []byte(": "+r.ID+" ")) || bytes.Contains(src, []byte(", "+r.ID+" ")) {
				fires = true
			} else {
				quiet = true
			}
		}
		if !fires || !quiet {
			t.Errorf("%s: of %d fixtures in testdata/%s/%s one has to expect it, one not", r.ID, len(files), cmp.Or(r.Group, "?"), r.ID)
		}
	}
}
