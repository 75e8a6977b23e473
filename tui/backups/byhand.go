package backups

import (
	"net/url"
	"strings"

	"ops-console/ops/backup"
	"ops-console/themes"
	"ops-console/tui/page"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// step is a line for a shell, and a word for what it does.
type step struct {
	what, line string
}

// steps get a backup back with stock programs, beside the original. docs/backups.md says more about each.
func steps(store string, r *row) []step {
	m := &r.Manifest
	d, ok := m.Dump()
	if !ok {
		return nil
	}
	dir := backup.Dir(m.Source, m.ID)
	target := m.Database + "_restored"
	pipe := "zstd -d < " + quote(d.Key)
	if d.Age != nil {
		pipe = "age -d -i key.txt " + quote(d.Key) + " | zstd -d"
	}
	encoding := ""
	if m.Server.Encoding != "" {
		encoding = " --encoding=" + quote(m.Server.Encoding)
	}
	return []step{
		{"fetch it", fetch(store, dir)},
		{"read it through: this writes nothing", "set -o pipefail; " + pipe + " | pg_restore --file=/dev/null"},
		{"make a database beside the original", "createdb --template=template0" + encoding + " " + quote(target)},
		{"restore into it", "set -o pipefail; " + pipe + " | pg_restore --exit-on-error --no-subscriptions --dbname=" + quote(target)},
	}
}

// fetch is how the objects come to a machine with nothing but stock programs.
func fetch(store, dir string) string {
	u, err := url.Parse(store)
	if err != nil || u.Scheme != "s3" {
		return "cd " + quote(strings.TrimSuffix(store, "/")+"/"+dir)
	}
	endpoint := ""
	if e := u.Query().Get("endpoint"); e != "" {
		endpoint = " --endpoint-url " + quote(e)
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return "aws s3 cp" + endpoint + " --recursive " + quote("s3://"+u.Host+"/"+prefix+dir+"/") + " ."
}

// quote is a word for a shell.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// byHand is how it is got back without this program.
func (p *Pane) byHand(g *page.Page, r *row) {
	ss := steps(p.feed.Value.Store, r)
	if len(ss) == 0 {
		return
	}
	g.Heading("BY HAND", paint.Part{Role: themes.Muted, Text: "y copies it; nothing of this is run here"})
	for _, s := range ss {
		g.Text(themes.Muted, 2, paint.Part{}, s.what, 2)
		g.Text(themes.String, 4, paint.Part{}, s.line, 4)
	}
}

// Copies are what else can be copied: how the backup under the cursor is got back, and the commands for it.
func (p *Pane) Copies() []pane.Copy {
	r := p.selected()
	if r == nil {
		return nil
	}
	id := string(r.Manifest.ID)
	out := []pane.Copy{
		{What: "where it lies", Text: backup.Dir(r.Manifest.Source, r.Manifest.ID)},
		{What: "the command that restores it", Text: p.command("backup restore " + id)},
		{What: "the command that proves it", Text: p.command("backup verify " + id + " --level restored")},
	}
	var all []string
	for _, s := range steps(p.feed.Value.Store, r) {
		out = append(out, pane.Copy{What: "by hand: " + s.what, Text: s.line})
		all = append(all, "# "+s.what, s.line)
	}
	if len(all) > 0 {
		out = append(out, pane.Copy{What: "by hand: all of it", Text: strings.Join(all, "\n")})
	}
	if r.broken != "" {
		out = append(out, pane.Copy{What: "why it is broken", Text: r.broken})
	}
	switch j := p.job(); {
	case j == nil:
	case j.Err != nil:
		out = append(out, pane.Copy{What: "why the last job failed", Text: j.Err.Error()})
	case j.Outcome != "":
		out = append(out, pane.Copy{What: "what came of the last job", Text: j.Outcome})
	}
	return out
}
