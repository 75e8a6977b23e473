package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"github.com/xeipuuv/gojsonschema"
	"pgregory.net/rapid"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/lint"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/project"
)

// written is what a format makes of a report.
func written(t testing.TB, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFormats(t *testing.T) {
	text := func(o Options) func(io.Writer) error {
		return func(w io.Writer) error { return Text(w, fixture(), o) }
	}
	plain := func(f func(io.Writer, *Report) error) func(io.Writer) error {
		return func(w io.Writer) error { return f(w, fixture()) }
	}
	rule := lint.Rule{
		ID: "set-not-null", Title: "every row is looked at for a null under an exclusive lock", Severity: lint.Error, Group: "columns",
		Doc: lint.Doc{
			Lock: "ACCESS EXCLUSIVE on the table, while every row is read", Blocks: "reads and writes", Versions: "from 12 on a valid check spares the reading",
			Why: "PostgreSQL proves that no row has a null.\n\nWith a valid check that says so, SET NOT NULL takes a millisecond; but not through modify, which has the check proven again.",
			Bad: "modify :slug, :text, null: false", Good: "create constraint(:posts, :slug_not_null,\n  check: \"slug IS NOT NULL\", validate: false)",
			Steps: []string{"add the check, not validated", "fill the rows that have none in batches, as many at a time as the database takes without anybody feeling it"},
			See:   []string{"https://www.postgresql.org/docs/current/sql-altertable.html"},
		},
	}
	second := lint.Rule{ID: "json-column", Title: "json has no equality", Severity: lint.Off, Group: "style"}
	for name, write := range map[string]func(io.Writer) error{
		"findings-80.txt":     text(Options{Width: 80}),
		"findings-40.txt":     text(Options{Width: 40}),
		"findings-wide.txt":   text(Options{Suppressed: true}),
		"findings-colour.txt": text(Options{Width: 100, Color: true}),
		"findings.json":       plain(JSON),
		"findings.sarif":      plain(SARIF),
		"findings.github":     plain(GitHub),
		"findings.gitlab":     plain(GitLab),
		"nothing.txt":         func(w io.Writer) error { return Text(w, &Report{}, Options{}) },
		"nothing.json":        func(w io.Writer) error { return JSON(w, &Report{}) },
		"explain-80.txt":      func(w io.Writer) error { return Explain(w, rule, Options{Width: 80}) },
		"explain.json":        func(w io.Writer) error { return ExplainJSON(w, rule) },
		"rules-60.txt":        func(w io.Writer) error { return Rules(w, []lint.Rule{rule, second}, Options{Width: 60}) },
		"rules.json":          func(w io.Writer) error { return RulesJSON(w, []lint.Rule{rule, second}) },
		"migrations-80.txt":   func(w io.Writer) error { return MigrationsText(w, states(), Options{Width: 80}) },
		"migrations-wide.txt": func(w io.Writer) error { return MigrationsText(w, states(), Options{}) },
		"migrations.json":     func(w io.Writer) error { return MigrationsJSON(w, states()) },
		"unread.txt": func(w io.Writer) error {
			m := states()
			m.Node, m.Err = "", errors.New("connect to db-1: no route")
			for i := range m.Repos {
				m.Repos[i].Live = nil
			}
			return MigrationsText(w, m, Options{Width: 80})
		},
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, written(t, write)) })
	}
}

// TestSARIFIsValid has the standard's own schema judge it.
func TestSARIFIsValid(t *testing.T) {
	schema, err := gojsonschema.NewSchema(gojsonschema.NewStringLoader(sarifSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	empty := &Report{Repos: []Repo{{Result: &lint.Result{}}}}
	for name, r := range map[string]*Report{"findings": fixture(), "nothing": {}, "no findings": empty} {
		out := written(t, func(w io.Writer) error { return SARIF(w, r) })
		res, err := schema.Validate(gojsonschema.NewBytesLoader(out))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Errors() {
			t.Errorf("%s: %s", name, e)
		}
	}
	const bad = `{"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [{"level": "grave", "message": {"text": "x"}}]}]}`
	if res, err := schema.Validate(gojsonschema.NewStringLoader(bad)); err != nil || res.Valid() {
		t.Errorf("a level that there is not is valid (%v): the schema judges nothing", err)
	}
}

// sarifSchema is the standard's schema, as the source of a package for SARIF has it.
func sarifSchema(t *testing.T) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", reflect.TypeFor[sarif.Report]().PkgPath()).Output()
	if err != nil {
		t.Fatalf("find the schema: %v", err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING && len(l.Value) > len(text) {
			text = l.Value
		}
		return true
	})
	if text, err = strconv.Unquote(text); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSARIFPlacesResultsInRules(t *testing.T) {
	var log sarifLog
	if err := json.Unmarshal(written(t, func(w io.Writer) error { return SARIF(w, fixture()) }), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Results) != len(findings()) {
		t.Errorf("%d results of %d findings", len(run.Results), len(findings()))
	}
	for _, r := range run.Results {
		if got := run.Tool.Driver.Rules[r.RuleIndex].ID; got != r.RuleID {
			t.Errorf("%s has the index of %s", r.RuleID, got)
		}
	}
}

// TestEveryFieldIsDocumented keeps docs/lint-json.md in step with the types.
func TestEveryFieldIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/lint-json.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if seen[typ] || typ.PkgPath() != reflect.TypeFor[Counts]().PkgPath() {
			return
		}
		seen[typ] = true
		for f := range typ.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if key != "" && !bytes.Contains(doc, []byte("`"+key+"`")) {
				t.Errorf("docs/lint-json.md does not mention `%s` of %s", key, typ.Name())
			}
			walk(f.Type)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[reportJSON](), reflect.TypeFor[migrationsJSON](), reflect.TypeFor[ruleJSON]()} {
		walk(typ)
	}
}

func TestVerdictFollowsFailOn(t *testing.T) {
	warning := func() *Report {
		return &Report{Repos: []Repo{{Result: &lint.Result{Findings: []lint.Finding{{Rule: "r", Severity: lint.Warning}}}}}}
	}
	for _, tt := range []struct {
		name string
		make func(*Report)
		want bool
	}{
		{"error", func(r *Report) { r.FailOn = lint.Error }, false},
		{"warning", func(r *Report) { r.FailOn = lint.Warning }, true},
		{"info", func(r *Report) { r.FailOn = lint.Info }, true},
		{"suppressed", func(r *Report) {
			r.FailOn = lint.Info
			r.Repos[0].Result.Findings[0].Suppressed = &lint.Suppression{Reason: "x"}
		}, false},
		{"a rehearsed statement failed", func(r *Report) {
			r.FailOn = lint.Error
			r.Repos[0].Rehearsal = fixture().Repos[0].Rehearsal
		}, true},
	} {
		r := warning()
		tt.make(r)
		if r.Bad() != tt.want {
			t.Errorf("%s: bad %t, want %t", tt.name, r.Bad(), tt.want)
		}
	}
}

func TestFingerprintsSurviveLinesAbove(t *testing.T) {
	of := func(r *Report) []string {
		known := newFingerprints()
		var out []string
		for i := range r.Repos[0].Result.Findings {
			out = append(out, known.of(&r.Repos[0], &r.Repos[0].Result.Findings[i]))
		}
		return out
	}
	before := of(fixture())
	if distinct := slices.Compact(slices.Sorted(slices.Values(before))); len(distinct) != len(before) {
		t.Errorf("two findings have one fingerprint: %q", before)
	}
	moved := fixture()
	p := &moved.Repos[0]
	p.Input.Sources = map[string][]byte{}
	for path, src := range sources {
		p.Input.Sources[path] = append([]byte("# a line\n# another\n"), src...)
	}
	for i := range p.Result.Findings {
		if at := &p.Result.Findings[i].At; at.Line > 0 {
			at.Line += 2
			at.EndLine += 2
		}
	}
	if diff := cmp.Diff(before, of(moved)); diff != "" {
		t.Errorf("two lines above change fingerprints:\n%s", diff)
	}
}

// undo reads a workflow command as the runner does.
func undo(line string) (name string, properties map[string]string, text string, ok bool) {
	m := regexp.MustCompile(`^::([a-z]+)(?: ([^:]*))?::(.*)$`).FindStringSubmatch(line)
	if m == nil {
		return "", nil, "", false
	}
	properties = map[string]string{}
	for p := range strings.SplitSeq(m[2], ",") {
		key, value, _ := strings.Cut(p, "=")
		properties[key] = strings.NewReplacer("%25", "%", "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",").Replace(value)
	}
	return m[1], properties, strings.NewReplacer("%25", "%", "%0D", "\r", "%0A", "\n").Replace(m[3]), true
}

func TestWorkflowCommandsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file, text := rapid.StringN(1, 40, -1).Draw(t, "file"), rapid.String().Draw(t, "text")
		line := command("error", [][2]string{{"file", file}, {"line", ""}, {"title", "x"}}, text)
		if strings.Count(line, "\n") != 1 || strings.ContainsRune(line, '\r') {
			t.Fatalf("not one line: %q", line)
		}
		name, properties, got, ok := undo(strings.TrimSuffix(line, "\n"))
		if !ok || name != "error" || got != text || properties["file"] != file || properties["title"] != "x" {
			t.Fatalf("%q comes back as %s %q %q", line, name, properties, got)
		}
		if _, ok := properties["line"]; ok {
			t.Fatal("a property without a value is written")
		}
	})
}

// TestTextKeepsTheWidth holds that lines are as wide as is allowed, apart from paths and code, which are there to be copied.
func TestTextKeepsTheWidth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(30, 140).Draw(t, "width")
		words := rapid.SliceOfN(rapid.StringMatching(`[a-zü漢]{1,8}`), 0, 40)
		prose := func(name string) string { return strings.Join(words.Draw(t, name), " ") }
		line := prose("source")
		column := rapid.IntRange(1, len([]rune(line))+1).Draw(t, "column")
		f := lint.Finding{
			Rule: "r", Severity: rapid.SampledFrom([]lint.Severity{lint.Info, lint.Warning, lint.Error}).Draw(t, "severity"), Path: "a.exs",
			At:   ecto.Span{Line: 1, Column: column, EndLine: rapid.IntRange(1, 2).Draw(t, "end"), EndColumn: column + rapid.IntRange(0, 20).Draw(t, "length")},
			Text: prose("text"), Why: []string{prose("why"), prose("another")}, Recipe: prose("recipe"), Mode: locks.Share, Table: ecto.Name{Name: "t"},
		}
		var b bytes.Buffer
		r := &Report{Repos: []Repo{{
			Input:  lint.Input{Sources: map[string][]byte{"a.exs": []byte(line + "\n" + prose("second line"))}},
			Result: &lint.Result{Findings: []lint.Finding{f}},
		}}}
		if err := Text(&b, r, Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(b.String()) {
			if l = strings.TrimSuffix(l, "\n"); cells(l) > width && !strings.Contains(l, "migrations: ") {
				t.Fatalf("%d cells of %d: %q", cells(l), width, l)
			}
		}
	})
}

// FuzzFormats holds that nothing of a migration or its path can be more than text in any format.
func FuzzFormats(f *testing.F) {
	f.Add("a/1_b.exs", "create index(:a)", "text", "code", 1, 1, 1, 5, 80)
	f.Add("::error::,%0A", "\x1b]0;x\a\n\u202e", "::warning file=x::y\n::stop-commands::z", "\n\n", 2, -1, 1, 0, 20)
	f.Add("../é:x.exs", strings.Repeat("漢", 100), "\xff\xfe", "\t|", 1, 50, 9, 2, 3)
	f.Fuzz(func(t *testing.T, path, src, text, code string, line, column, endLine, endColumn, width int) {
		at := ecto.Span{Line: line, Column: column, EndLine: endLine, EndColumn: endColumn}
		finding := lint.Finding{
			Rule: "set-not-null", Severity: lint.Error, Path: path, At: at, Text: text, Table: ecto.Name{Name: text}, Mode: locks.Share, Why: []string{code, text},
			Recipe: code, Code: code, SQL: []string{src}, Suppressed: nil,
		}
		quiet := finding
		quiet.Suppressed = &lint.Suppression{Reason: text, Path: path, Line: line}
		r := &Report{Tool: text, Repos: []Repo{{
			Prefix: code, Input: lint.Input{Repo: project.Repo{Module: text}, Sources: map[string][]byte{path: []byte(src)}},
			Notes:  []project.Note{{Path: path, Note: ecto.Note{At: at, Text: text}}},
			Result: &lint.Result{Findings: []lint.Finding{finding, quiet}, Checked: 1},
		}}}
		out := written(t, func(w io.Writer) error { return Text(w, r, Options{Width: min(max(width, 0), 500), Suppressed: true}) })
		if i := bytes.IndexFunc(out, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x202e }); i >= 0 || !utf8.Valid(out) {
			t.Errorf("the text has a control character at %d: %q", i, out)
		}
		for l := range strings.Lines(string(written(t, func(w io.Writer) error { return GitHub(w, r) }))) {
			name, _, _, ok := undo(strings.TrimSuffix(l, "\n"))
			if (!ok || name != "error") && !strings.HasPrefix(l, "ops-console: 1 migration: ") {
				t.Errorf("a line is no command of ours: %q", l)
			}
		}
		for _, write := range []func(io.Writer, *Report) error{JSON, SARIF, GitLab} {
			if out := written(t, func(w io.Writer) error { return write(w, r) }); !json.Valid(out) {
				t.Errorf("no JSON: %q", out)
			}
		}
	})
}
