package health

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops"
	"ops-console/ops/config"
	"ops-console/ops/plaintext"
)

const (
	// maxBody is how much of a page is compared.
	maxBody = 4 << 20
	// bodiesAtOnce bounds the memory of a comparison.
	bodiesAtOnce = 32
	bodyTimeout  = 15 * time.Second
)

// page is what one instance served for a path.
type page struct {
	status          int
	hash, etag, age string
	bytes           int
	title, err      string
	refused         bool      // nothing listens there
	since           time.Time // of the same status and hash
}

// same tells whether two pages have the same content.
func (p page) same(q page) bool { return p.status == q.status && p.hash == q.hash && p.err == q.err }

// agreementFacts is what the instances served for a path. pages are by instance.
type agreementFacts struct {
	path   string
	at     time.Time
	pages  map[string]page
	answer Agreement // pages, grouped
}

// readAgreement fetches every chosen path from every instance.
func (c *collector) readAgreement(ctx context.Context) error {
	if c.prober == nil || len(c.o.Agree) == 0 || !c.networkUp() {
		return nil
	}
	targets := c.targets()
	if len(targets) == 0 {
		c.learn(func(f *facts) { f.agreement = nil })
		return nil
	}
	known := c.known()
	was := known.agreement
	out := make([]agreementFacts, len(c.o.Agree))
	for i, pages := range c.fetchAll(ctx, targets) {
		f := agreementFacts{path: plaintext.Line(c.o.Agree[i].Path, 200), at: c.o.Now(), pages: pages}
		for id, p := range f.pages {
			if !known.oneShot {
				p.since = f.at
			}
			if i < len(was) {
				if old, ok := was[i].pages[id]; ok && old.same(p) {
					p.since = old.since
				}
			}
			f.pages[id] = p
		}
		f.answer = f.agreement()
		out[i] = f
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	c.learn(func(f *facts) { f.agreement = out })
	return nil
}

// fetchAll fetches every path from every target; the pages are by path, then by instance. An instance that refuses, and
// of which nobody says that it serves HTTP, has no pages: it may be a worker.
func (c *collector) fetchAll(ctx context.Context, targets []target) []map[string]page {
	pages := make([]page, len(c.o.Agree)*len(targets))
	var g errgroup.Group
	g.SetLimit(bodiesAtOnce)
	for i, a := range c.o.Agree {
		for j, t := range targets {
			g.Go(func() error {
				pages[i*len(targets)+j] = c.prober.fetch(ctx, t, a, c.normalisers[i])
				return nil
			})
		}
	}
	_ = g.Wait() // none returns an error
	out := make([]map[string]page, len(c.o.Agree))
	for i := range out {
		out[i] = make(map[string]page, len(targets))
		for j, t := range targets {
			if p := pages[i*len(targets)+j]; !p.refused || !t.guessed {
				out[i][t.id] = p
			}
		}
	}
	return out
}

// fetch gets one page and hashes it without its volatile parts.
func (p *prober) fetch(ctx context.Context, t target, a config.AgreePath, n *normaliser) page {
	patience := t.patience(bodyTimeout)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := p.request(ctx, t.address, a.Path, a.Headers)
	if err != nil {
		return page{err: plaintext.Line(err.Error(), maxLine)}
	}
	// What has not begun to answer by then does not answer: all others wait for it.
	begins := min(patience, 2*p.o.Timeout)
	late := time.AfterFunc(begins, cancel)
	res, err := p.transport.RoundTrip(req)
	if !late.Stop() {
		if err == nil {
			res.Body.Close()
		}
		return page{err: "no answer within " + begins.String()}
	}
	if err != nil {
		state, text := p.failed(ctx, err, patience)
		return page{err: text, refused: state == ProbeRefused}
	}
	defer res.Body.Close()
	out := page{
		status: res.StatusCode,
		etag:   plaintext.Line(res.Header.Get("ETag"), 80),
		age:    plaintext.Line(age(res.Header), 80),
	}
	h := sha256.New()
	size, head, err := n.copy(h, io.LimitReader(res.Body, maxBody), textual(res.Header))
	if err != nil {
		_, text := p.failed(ctx, err, patience)
		return page{err: "body: " + text}
	}
	out.bytes = size
	out.hash = hex.EncodeToString(h.Sum(nil))[:12]
	out.title = title(head)
	return out
}

func age(h http.Header) string {
	if s := h.Get("Last-Modified"); s != "" {
		return s
	}
	if s := h.Get("Age"); s != "" {
		return s + " s"
	}
	return ""
}

func textual(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (strings.HasPrefix(t, "text/") || strings.HasSuffix(t, "json") || strings.HasSuffix(t, "xml") || strings.HasSuffix(t, "javascript"))
}

// agreements is what each path's comparison said.
func agreements(ff []agreementFacts) []Agreement {
	var out []Agreement
	for _, f := range ff {
		out = append(out, f.answer)
	}
	return out
}

// agreement groups the instances by what they served.
func (f agreementFacts) agreement() Agreement {
	a := Agreement{Path: f.path, At: f.at, Groups: groups(f.pages)}
	answered := 0
	for _, g := range a.Groups {
		if g.Error == "" {
			answered++
		}
	}
	a.Agree = answered <= 1
	return a
}

// groups are the largest first; those without an answer last.
func groups(pages map[string]page) []Group {
	type content struct {
		status    int
		hash, err string
	}
	byContent := map[content]*Group{}
	for id, p := range pages {
		k := content{p.status, p.hash, p.err}
		g, ok := byContent[k]
		if !ok {
			g = &Group{Status: p.status, Hash: p.hash, Error: p.err, Since: p.since}
			byContent[k] = g
		}
		g.Instances = append(g.Instances, id)
		g.Since = earlier(g.Since, p.since)
	}
	out := make([]Group, 0, len(byContent))
	for _, g := range byContent {
		slices.Sort(g.Instances)
		// These may differ where the content does not; the first instance's stand for all.
		p := pages[g.Instances[0]]
		g.Bytes, g.ETag, g.Age, g.Title = p.bytes, p.etag, p.age, p.title
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(
			cmp.Compare(rankError(a), rankError(b)),
			cmp.Compare(len(b.Instances), len(a.Instances)),
			cmp.Compare(a.Instances[0], b.Instances[0]),
		)
	})
	return out
}

func rankError(g Group) int { return min(len(g.Error), 1) }

// agreementFindings name the instances that serve other content than most others of their release. Content that
// differs only between releases is explained by those. Paths at which the same instances stand out are one problem.
func (v *view) agreementFindings(s *Snapshot) []ops.Problem {
	if v.deploying {
		return nil
	}
	at := make(map[string]*member, len(v.members))
	for _, b := range v.members {
		at[b.ID] = b
	}
	var all []disagreement
	for _, a := range s.Agreement {
		d, ok := disagree(a, at)
		if !ok {
			continue
		}
		i := slices.IndexFunc(all, func(e disagreement) bool { return slices.Equal(e.minority, d.minority) })
		if i < 0 {
			all = append(all, d)
			continue
		}
		all[i].paths = append(all[i].paths, a.Path)
		all[i].since = earlier(all[i].since, d.since)
	}
	var pp []ops.Problem
	for _, d := range all {
		pp = append(pp, d.problem(at))
	}
	return pp
}

// disagreement is what is wrong with the content of one or more paths.
type disagreement struct {
	paths    []string
	minority []string // ids of those that are not in the largest group, sorted
	tie      bool     // no group is larger than all others
	detail   string   // of the first path
	since    time.Time
}

func (d disagreement) problem(at map[string]*member) ops.Problem {
	var subject ops.Subject
	if len(d.minority) == 1 && !d.tie {
		subject.Instance = d.minority[0]
		if b, ok := at[subject.Instance]; ok {
			subject.Region = b.Region
		}
	}
	detail := d.detail
	if len(d.paths) == 1 || subject.Instance == "" {
		subject.Path = d.paths[0]
	}
	if len(d.paths) > 1 {
		detail = "at " + strings.Join(d.paths, ", ") + ": " + detail
	}
	return condition(codeContentDisagrees).Of(subject, d.since, plaintext.Line(detail, maxLine))
}

// disagree tells whether instances of one release serve different content for a path.
func disagree(a Agreement, at map[string]*member) (disagreement, bool) {
	d := disagreement{paths: []string{a.Path}}
	byRelease := map[int]int{} // in how many groups there are instances of it
	var answered []Group
	for _, g := range a.Groups {
		if g.Error != "" {
			continue
		}
		answered = append(answered, g)
		seen := map[int]bool{}
		for _, id := range g.Instances {
			if b, ok := at[id]; ok && !seen[b.Release] {
				seen[b.Release] = true
				byRelease[b.Release]++
			}
		}
	}
	split := false
	for _, n := range byRelease {
		split = split || n > 1
	}
	if len(answered) < 2 || !split {
		return d, false
	}
	most, others := answered[0], answered[1:]
	d.tie = len(others[0].Instances) == len(most.Instances)
	total := len(most.Instances)
	var parts []string
	for _, g := range others {
		total += len(g.Instances)
		d.minority = append(d.minority, g.Instances...)
		d.since = earlier(d.since, g.Since)
		parts = append(parts, stranger(g, at))
	}
	slices.Sort(d.minority)
	d.detail = fmt.Sprintf("%d of %d serve the same; otherwise %s", len(most.Instances), total, strings.Join(parts, "; "))
	return d, true
}

// stranger describes a group that is not the largest: who, and what they serve.
func stranger(g Group, at map[string]*member) string {
	var who []string
	for i, id := range g.Instances {
		if i == 3 {
			who = append(who, fmt.Sprintf("%d more", len(g.Instances)-3))
			break
		}
		if b, ok := at[id]; ok && b.Region != "" {
			id += " (" + b.Region + ")"
		}
		who = append(who, id)
	}
	out := strings.Join(who, ", ")
	if g.Status != http.StatusOK {
		out += fmt.Sprintf(" status %d", g.Status)
	}
	if g.Title != "" {
		out += fmt.Sprintf(" %q", g.Title)
	}
	if g.Age != "" {
		out += ", from " + g.Age
	}
	return out
}
