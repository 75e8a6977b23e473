// Package ops is the domain of the console: what can be wrong with an application, and the packages that find out.
//
//	config       what --app NAME means
//	session      one application, connected: its network, its platform client, its feeds
//	fly          the platform's API client; flysim beneath it is the simulated platform
//	health       the instances: platform, DNS and direct probes, merged; do they agree
//	postgres     the nodes of the database: found and asked; pgcluster beneath it starts real ones
//	replication  how far the replicas are behind, and why
//	ecto         what migrations do to a database
//	feed         reading something again and again
//	plaintext    text from outside made safe to show
//
// Nothing in ops knows a terminal. This package itself holds what all of them share: the conditions that can hold
// for an application, and the problems a snapshot reports.
package ops

import (
	"cmp"
	"slices"
	"time"
)

// Severity orders problems.
type Severity string

// The severities. Critical needs a human now, Warning will need one. Unknown is not a problem of the application but
// of what can be found out about it: it is never healthy, and never red.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Unknown  Severity = "unknown"
)

var rank = map[Severity]int{Critical: 0, Warning: 1, Unknown: 2}

// Condition is something that can be wrong, declared once by the package that can tell.
type Condition struct {
	Code      string        // stable, dotted, e.g. instance.check_failing
	Severity  Severity      //
	Title     string        // a few words, lower case, that follow the subject
	Hint      string        // what to do next
	After     time.Duration // how long it has to hold before it is shown
	DependsOn []string      // codes that, while they hold for the same or no subject, explain this one away
}

// Subject is what a problem is about. The zero value is the whole application.
type Subject struct {
	Region   string `json:"region,omitempty"`
	Instance string `json:"instance,omitempty"`
	Path     string `json:"path,omitempty"`
}

// Problem is a Condition that holds.
type Problem struct {
	Code     string    `json:"code"`
	Severity Severity  `json:"severity"`
	Subject  Subject   `json:"subject"`
	Title    string    `json:"title"`
	Detail   string    `json:"detail,omitempty"` // the likely cause, in figures
	Hint     string    `json:"hint,omitempty"`
	Since    time.Time `json:"since"` // zero: unknown
}

// Of is the problem of c for a subject.
func (c Condition) Of(s Subject, since time.Time, detail string) Problem {
	return Problem{Code: c.Code, Severity: c.Severity, Subject: s, Title: c.Title, Detail: detail, Hint: c.Hint, Since: since}
}

// SortProblems puts what needs a human first: by severity, then the longest standing, then by subject.
func SortProblems(pp []Problem) {
	slices.SortStableFunc(pp, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(rank[a.Severity], rank[b.Severity]),
			a.Since.Compare(b.Since),
			cmp.Compare(a.Subject.Region, b.Subject.Region),
			cmp.Compare(a.Subject.Instance, b.Subject.Instance),
			cmp.Compare(a.Code, b.Code),
		)
	})
}
