package overview

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"ops-console/ops"
	backups "ops-console/ops/backup/watch"
	"ops-console/ops/health"
	"ops-console/ops/replication"
	"ops-console/tui/ident"
)

// foldAt is how many instances of a region with the same problem become one entry. Two can still be read one by one;
// a failed region must not push everything else off the screen.
const foldAt = 3

// problem is one entry of the list of what needs attention: one problem, or several of the same kind in one region.
type problem struct {
	key      string   // stays the same as long as the problem holds
	members  []string // keys of the problems it stands for
	severity ops.Severity
	code     string
	subject  string
	title    string
	detail   string
	hint     string
	since    time.Time
	address  string // where it can be looked at; empty: nowhere
}

// problemKey names a problem across snapshots.
func problemKey(p ops.Problem) string {
	return p.Code + "\x00" + p.Subject.Region + "\x00" + p.Subject.Instance + "\x00" + p.Subject.Path
}

// problems are the entries for the snapshots of the instances, and of the database and the backups, which may be nil, and for
// what is wrong with deployments: what needs a human first.
func problems(s *health.Snapshot, db *replication.Snapshot, bb *backups.Snapshot, deploys []ops.Problem, names ident.Names) []problem {
	all, elsewhere := joined(s, db, bb, deploys)
	type kind struct {
		code, region string
		severity     ops.Severity
	}
	kindOf := func(p ops.Problem) kind {
		return kind{p.Code, cmp.Or(p.Subject.Region, names.Region(p.Subject.Instance)), p.Severity}
	}
	count := map[kind]int{}
	for _, p := range all {
		if _, ok := elsewhere[problemKey(p)]; p.Subject.Instance != "" && !ok {
			count[kindOf(p)]++
		}
	}
	var (
		out    []problem
		folded = map[kind]int{} // index in out
		total  = map[string]int{}
	)
	for i := range s.Regions {
		total[s.Regions[i].Code] = s.Regions[i].Total
	}
	for _, p := range all {
		if of, ok := elsewhere[problemKey(p)]; ok {
			out = append(out, of(single(p, s.App, names), p.Subject, s.App))
			continue
		}
		k := kindOf(p)
		if p.Subject.Instance == "" || count[k] < foldAt {
			out = append(out, single(p, s.App, names))
			continue
		}
		i, ok := folded[k]
		if !ok {
			i = len(out)
			folded[k] = i
			e := single(p, s.App, names)
			e.key = p.Code + "\x00" + k.region + "\x00*"
			e.members = nil
			e.subject = cmp.Or(k.region, s.App)
			e.title = strconv.Itoa(count[k]) + of(total[k.region]) + " machines: " + p.Title
			e.detail = names.Short(p.Subject.Instance)
			if p.Detail != "" {
				e.detail += ": " + p.Detail
			}
			e.address = ident.To("instances", "region", k.region, "filter", p.Code)
			out = append(out, e)
		}
		out[i].members = append(out[i].members, problemKey(p))
		if !p.Since.IsZero() && (out[i].since.IsZero() || p.Since.Before(out[i].since)) {
			out[i].since = p.Since
		}
	}
	return out
}

// of is " of 8"; nothing where the whole is not known.
func of(n int) string {
	if n == 0 {
		return ""
	}
	return " of " + strconv.Itoa(n)
}

func single(p ops.Problem, app string, names ident.Names) problem {
	e := problem{
		key: problemKey(p), severity: p.Severity, code: p.Code,
		subject: names.Subject(p.Subject, app), title: p.Title, detail: p.Detail, hint: p.Hint, since: p.Since,
	}
	e.members = []string{e.key}
	switch s := p.Subject; {
	case s.Instance != "":
		e.address = ident.To("instances", "id", s.Instance)
	case s.Path != "":
		e.address = ident.To("instances", "view", "agreement", "path", s.Path)
	case s.Region != "":
		e.address = ident.To("instances", "region", s.Region)
	}
	return e
}

// acks remembers which problems somebody has seen, each at the severity it had then.
type acks map[string]ops.Severity

// holds is true where every problem of an entry was seen as it is now.
func (a acks) holds(p problem) bool {
	return !slices.ContainsFunc(p.members, func(k string) bool { return a[k] != p.severity })
}

// toggle marks an entry as seen, or takes that back.
func (a acks) toggle(p problem) {
	seen := a.holds(p)
	for _, k := range p.members {
		if seen {
			delete(a, k)
		} else {
			a[k] = p.severity
		}
	}
}

// prune forgets what does not hold any more, so that a problem that comes back is shown as a new one.
func (a acks) prune(pp []problem) {
	now := map[string]ops.Severity{}
	for _, p := range pp {
		for _, k := range p.members {
			now[k] = p.severity
		}
	}
	for k, severity := range a {
		if now[k] != severity {
			delete(a, k)
		}
	}
}
