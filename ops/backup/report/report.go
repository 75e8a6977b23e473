// Package report writes what is known of backups for people who read it without the console: as text, and as JSON for
// scripts. It decides nothing: which backups may go, and what is wrong, it is told.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/retain"
	"ops-console/ops/page"
)

// Options of the texts.
type Options struct {
	Width int
	Color bool
	ASCII bool
	Now   time.Time
}

func (o Options) page() *page.Page {
	return page.New(page.Options{Width: o.Width, Color: o.Color, ASCII: o.ASCII})
}

// List is what `backup list` tells.
type List struct {
	At       time.Time
	Store    string // as it may be shown
	Source   backup.Source
	Listing  catalog.Listing
	Kept     []retain.Decision
	Problems []ops.Problem
}

// Bad says whether somebody has to do something.
func (l *List) Bad() bool {
	return slices.ContainsFunc(l.Problems, func(p ops.Problem) bool { return p.Severity == ops.Critical })
}

// ListText writes problems first, then the backups, newest first, then what else lies in the store.
func ListText(w io.Writer, l *List, o Options) error {
	p := o.page()
	verdict := page.Word{Text: "no backup", Level: "critical"}
	if n := len(l.Listing.Records); n > 0 {
		newest := &l.Listing.Records[0]
		age := page.Ago(o.Now.Sub(retain.When(newest)))
		verdict = page.Word{Text: "newest " + age + " old, " + proven(newest), Level: "ok"}
		if len(l.Problems) > 0 {
			verdict.Level = string(l.Problems[0].Severity)
		}
	}
	p.Head(l.Source.App+" "+l.Source.Database, verdict, fmt.Sprintf("%d in %s", len(l.Listing.Records), l.Store), page.Stamp(l.At))
	p.Problems(l.Problems, o.Now)
	if len(l.Listing.Records) > 0 {
		p.Section("BACKUPS", "")
		t := page.NewTable(page.Column{Title: "BACKUP"}, page.Column{Title: "AGE", Right: true}, page.Column{Title: "TAKEN", Drop: 1},
			page.Column{Title: "SIZE", Right: true}, page.Column{Title: "PROVEN"}, page.Column{Title: "WHY", Drop: 3}, page.Column{Title: "KEPT AS", Drop: 2})
		kept := decisions(l.Kept)
		for i := range l.Listing.Records {
			r := &l.Listing.Records[i]
			m := &r.Manifest
			t.Row(string(m.ID), page.Ago(o.Now.Sub(retain.When(r))), page.Stamp(retain.When(r)), page.Size(m.Stored()), provenAgo(r, o.Now), why(m), kept[m.ID].Brief())
			if v, broken := r.Broken(); broken {
				t.Note("BROKEN: " + v.Failure)
			}
			if r.Pin != nil {
				t.Note(fmt.Sprintf("pinned by %s: %s", r.Pin.By, r.Pin.Why))
			}
		}
		p.Table(t)
	}
	failures(p, l.Listing.Failures, o.Now)
	lying(p, l.Listing.Problems)
	return write(p, w)
}

// why is the reason with the deploy it was for.
func why(m *backup.Manifest) string {
	s := string(m.Reason)
	if m.DeployID != "" {
		s += " " + m.DeployID
	}
	return s
}

func proven(r *backup.Record) string {
	if _, broken := r.Broken(); broken {
		return "BROKEN"
	}
	v, ok := r.Proven()
	if !ok {
		return "not verified"
	}
	return v.Level.String()
}

func provenAgo(r *backup.Record, now time.Time) string {
	v, ok := r.Proven()
	if !ok {
		return proven(r)
	}
	return v.Level.String() + ", " + page.Ago(now.Sub(v.At)) + " ago"
}

func decisions(dd []retain.Decision) map[backup.ID]retain.Decision {
	m := make(map[backup.ID]retain.Decision, len(dd))
	for _, d := range dd {
		m[d.ID] = d
	}
	return m
}

// failures are listed as far as nothing succeeded after them, and a few before.
func failures(p *page.Page, ff []backup.Failure, now time.Time) {
	if len(ff) == 0 {
		return
	}
	p.Section("FAILED RUNS", "")
	const shown = 5
	for i, f := range ff {
		if i == shown {
			p.Line(2, fmt.Sprintf("and %d before", len(ff)-shown))
			break
		}
		where := ""
		if f.Remote != "" {
			where = " on " + f.Remote
		}
		p.Wrapped(2, fmt.Sprintf("%s, %s ago (%s%s): %s", page.Stamp(f.At), page.Ago(now.Sub(f.At)), f.Reason, where, f.Why))
	}
}

// lying is what lies in the store and is no good backup.
func lying(p *page.Page, pp []catalog.Problem) {
	if len(pp) == 0 {
		return
	}
	p.Section("ALSO IN THE STORE", "")
	for _, x := range pp {
		size := ""
		if x.Bytes > 0 {
			size = ", " + page.Size(x.Bytes)
		}
		p.Wrapped(2, fmt.Sprintf("%s %s%s: %s", cmp.Or(string(x.ID), x.Source.Database), x.Kind, size, x.Detail))
	}
}

// Backup is one backup in JSON, as docs/backups.md describes it.
type Backup struct {
	ID         backup.ID             `json:"id"`
	At         time.Time             `json:"at"`
	AgeS       int64                 `json:"age_s"`
	Reason     backup.Reason         `json:"reason"`
	DeployID   string                `json:"deploy_id,omitempty"`
	Remote     string                `json:"remote,omitempty"`
	Bytes      int64                 `json:"bytes"`     // stored
	RawBytes   int64                 `json:"raw_bytes"` // of the dump
	Encrypted  bool                  `json:"encrypted"`
	Server     string                `json:"server_version"`
	Migration  int64                 `json:"last_migration"`
	Level      *backup.Level         `json:"level"` // proven; null: none
	VerifiedAt *time.Time            `json:"verified_at"`
	Broken     string                `json:"broken,omitempty"`
	Pin        *backup.Pin           `json:"pin"`
	Keep       *bool                 `json:"keep"` // what retention decides; null: it was not asked
	Reasons    []string              `json:"reasons"`
	Tables     int                   `json:"tables"`
	Checks     []backup.Verification `json:"verifications,omitempty"`
}

// NewBackup is the JSON form of a record. d may be the zero value.
func NewBackup(r *backup.Record, d retain.Decision, now time.Time) Backup {
	m := &r.Manifest
	dump, _ := m.Dump()
	b := Backup{
		ID: m.ID, At: retain.When(r), AgeS: int64(now.Sub(retain.When(r)).Seconds()), Reason: m.Reason, DeployID: m.DeployID, Remote: m.Remote,
		Bytes: m.Stored(), RawBytes: dump.Raw.Bytes, Encrypted: dump.Age != nil, Server: m.Server.Version, Migration: m.Server.Migrations.Max,
		Pin: r.Pin, Reasons: append([]string{}, d.Reasons...), Tables: len(m.Tables),
	}
	if v, ok := r.Proven(); ok {
		b.Level, b.VerifiedAt = &v.Level, &v.At
	}
	if v, broken := r.Broken(); broken {
		b.Broken = v.Failure
	}
	if d.ID != "" {
		b.Keep = &d.Keep
	}
	return b
}

// ListJSON writes the list as docs/backups.md describes it.
func ListJSON(w io.Writer, l *List) error {
	kept := decisions(l.Kept)
	bb := []Backup{}
	for i := range l.Listing.Records {
		r := &l.Listing.Records[i]
		bb = append(bb, NewBackup(r, kept[r.Manifest.ID], l.At))
	}
	return encode(w, struct {
		Format   int               `json:"format"`
		At       time.Time         `json:"at"`
		Store    string            `json:"store"`
		App      string            `json:"app"`
		Database string            `json:"db"`
		Backups  []Backup          `json:"backups"`
		Failures []backup.Failure  `json:"failures"`
		Lying    []catalog.Problem `json:"also_in_store"`
		Problems []ops.Problem     `json:"problems"`
	}{
		1, l.At, l.Store, l.Source.App, l.Source.Database, bb, append([]backup.Failure{}, l.Listing.Failures...),
		append([]catalog.Problem{}, l.Listing.Problems...), append([]ops.Problem{}, l.Problems...),
	})
}

// PruneText says what stays, what goes or would go, and why.
func PruneText(w io.Writer, policy string, dd []retain.Decision, sizes map[backup.ID]int64, dry bool, o Options) error {
	p := o.page()
	going, bytes, frozen := 0, int64(0), ""
	for _, d := range dd {
		switch {
		case d.Frozen != "":
			frozen = d.Frozen
		case !d.Keep:
			going++
			bytes += sizes[d.ID]
		}
	}
	verb := "removed"
	if dry {
		verb = "would go"
	}
	verdict := page.Word{Text: fmt.Sprintf("%d %s, %s", going, verb, page.Size(bytes)), Level: "ok"}
	if frozen != "" {
		verdict = page.Word{Text: "nothing goes: " + frozen, Level: "warning"}
	}
	p.Head("retention", verdict, fmt.Sprintf("%d stay", len(dd)-going), policy)
	t := page.NewTable(page.Column{Title: "BACKUP"}, page.Column{Title: "TAKEN", Drop: 1}, page.Column{Title: "AGE", Right: true}, page.Column{Title: "SIZE", Right: true, Drop: 2},
		page.Column{Title: ""}, page.Column{Title: "WHY"})
	for _, d := range dd {
		word, why := "stays", d.Brief()
		switch {
		case d.Frozen != "":
			word, why = "frozen", "no rule keeps it"
		case d.Keep:
		case dry:
			word, why = "would go", strings.Join(d.Reasons, ", ")
		default:
			word, why = "removed", strings.Join(d.Reasons, ", ")
		}
		t.Row(string(d.ID), page.Stamp(d.At), page.Ago(o.Now.Sub(d.At)), page.Size(sizes[d.ID]), word, why)
	}
	p.Table(t)
	return write(p, w)
}

// PruneJSON writes the decisions.
func PruneJSON(w io.Writer, policy string, dd []retain.Decision, sizes map[backup.ID]int64, dry bool) error {
	type decision struct {
		retain.Decision
		Bytes int64 `json:"bytes"`
	}
	out := []decision{}
	for _, d := range dd {
		out = append(out, decision{d, sizes[d.ID]})
	}
	return encode(w, struct {
		Format  int        `json:"format"`
		DryRun  bool       `json:"dry_run"`
		Policy  string     `json:"policy"`
		Backups []decision `json:"backups"`
	}{1, dry, policy, out})
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write backups: %w", err)
	}
	return nil
}

func write(p *page.Page, w io.Writer) error {
	if _, err := p.WriteTo(w); err != nil {
		return fmt.Errorf("write backups: %w", err)
	}
	return nil
}
