package lint

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// groups are what the documentation calls them, in its order.
var groups = []struct{ name, title string }{
	{"indexes", "Indexes"},
	{"columns", "Columns"},
	{"constraints", "Constraints"},
	{"tables", "Tables and other objects"},
	{"transactions", "Transactions"},
	{"data", "Rows"},
	{"structure", "Files, and what Ecto makes of them"},
	{"live", "What only a database tells"},
	{"style", "Style"},
}

// TestDocsOfTheRules keeps docs/migration-rules.md in step with the rules; UPDATE_GOLDEN rewrites it.
func TestDocsOfTheRules(t *testing.T) {
	const path = "../../../docs/migration-rules.md"
	var b bytes.Buffer
	b.WriteString(`# Rules for migrations

What ` + "`ops-console lint`" + ` looks for. Ids are stable. Severities are those in the worst case: a table that the migration itself
makes is left out, one that goes out together with the migration or is small in the live database makes a finding a remark.
A rule that is off is on where it is asked for. ` + "[migrations.md](migrations.md)" + ` says how to use them.

This file is generated: ` + "`make docs`" + `.
`)
	listed := 0
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n\n| rule | severity | what |\n|---|---|---|\n", g.title)
		for _, r := range Rules() {
			if r.Group == g.name {
				fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", r.ID, r.ID, r.Severity, r.Title)
				listed++
			}
		}
	}
	if listed != len(Rules()) {
		t.Errorf("%d of %d rules are in the groups", listed, len(Rules()))
	}
	for _, g := range groups {
		for _, r := range Rules() {
			if r.Group == g.name {
				section(&b, r)
			}
		}
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("docs/migration-rules.md (-file +rules); make docs writes it:\n%s", diff)
	}
}

func section(b *bytes.Buffer, r Rule) {
	d := r.Doc
	fmt.Fprintf(b, "\n### %s\n\n%s%s.\n\n", r.ID, strings.ToUpper(r.Title[:1]), r.Title[1:])
	fmt.Fprintf(b, "- severity: %s\n- lock: %s\n- blocks: %s\n- versions: %s\n\n%s\n", r.Severity, d.Lock, d.Blocks, d.Versions, d.Why)
	if d.Bad != "" {
		fmt.Fprintf(b, "\nInstead of\n\n```elixir\n%s\n```\n", d.Bad)
	}
	if d.Good != "" {
		fmt.Fprintf(b, "\nwrite\n\n```elixir\n%s\n```\n", d.Good)
	}
	if len(d.Steps) > 0 {
		b.WriteString("\nDeploys, one after the other:\n\n")
		for i, s := range d.Steps {
			fmt.Fprintf(b, "%d. %s\n", i+1, s)
		}
	}
	for i, s := range d.See {
		if i == 0 {
			b.WriteString("\nSee ")
		} else {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "<%s>", s)
	}
	if len(d.See) > 0 {
		b.WriteString("\n")
	}
}
