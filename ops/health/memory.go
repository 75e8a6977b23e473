package health

import (
	"maps"
	"slices"
	"time"

	"ops-console/ops"
)

// steady is how long a condition has to be gone before its next appearance counts as new.
const steady = 2 * time.Minute

// memory is what the merges so far saw of each condition: since when it holds, also across short gaps.
type memory struct {
	held map[key]held
}

// key tells problems apart. For a problem about one instance it is that instance, at whichever path.
type key struct {
	code    string
	subject ops.Subject
}

type held struct {
	since time.Time // as shown
	seen  time.Time // when it last held
}

func keyOf(p ops.Problem) key {
	k := key{code: p.Code, subject: p.Subject}
	if p.Subject.Instance != "" {
		k.subject.Path = ""
	}
	return k
}

// next is a copy without what is long gone.
func (m memory) next(now time.Time) memory {
	out := memory{held: make(map[key]held, len(m.held))}
	maps.Copy(out.held, m.held)
	maps.DeleteFunc(out.held, func(_ key, h held) bool { return now.Sub(h.seen) > steady })
	return out
}

// judge remembers what was found and says what of it is shown: what has held long enough and is not explained by
// something else that holds. held are those that count for their instance, also where their region explains them.
func (m memory) judge(found []ops.Problem, now time.Time, oneShot bool) (shown, held []ops.Problem) {
	holds := map[key]bool{}
	for _, p := range found {
		holds[key{p.Code, p.Subject}] = true
	}
	shown = []ops.Problem{}
	for _, p := range found {
		c := condition(p.Code)
		// At a single look only the source can say since when.
		if !oneShot {
			p.Since = m.since(p, now)
			if now.Sub(p.Since) < c.After {
				continue
			}
		}
		if explained(c, p.Subject, holds) {
			continue
		}
		held = append(held, p)
		down := holds[key{codeRegionDown, ops.Subject{Region: p.Subject.Region}}]
		if down && p.Subject.Instance != "" && slices.Contains(downCodes, p.Code) {
			continue
		}
		shown = append(shown, p)
	}
	ops.SortProblems(shown)
	return shown, held
}

// since is when a problem began: what the source says, or when it was first seen, and not later than it was said to
// have begun before.
func (m memory) since(p ops.Problem, now time.Time) time.Time {
	k := keyOf(p)
	h, known := m.held[k]
	if !known {
		h.since = now
	}
	if !p.Since.IsZero() && p.Since.Before(h.since) {
		h.since = p.Since
	}
	h.seen = now
	m.held[k] = h
	return h.since
}

// explained tells whether something that c depends on holds for the same subject, or for the whole application.
func explained(c ops.Condition, s ops.Subject, holds map[key]bool) bool {
	return slices.ContainsFunc(c.DependsOn, func(code string) bool {
		return holds[key{code, ops.Subject{}}] || s != ops.Subject{} && holds[key{code, s}]
	})
}
