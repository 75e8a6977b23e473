package load

import (
	"strings"

	"ops-console/ops/plaintext"
)

// starts are how pg_restore says that it begins with an entry.
var starts = []string{"creating ", "processing data for ", "executing ", "finished item ", "connecting to "}

// hear takes a line that pg_restore says. Of an error the first line is kept: those that follow show the statement, or the
// row.
func (l *loading) hear(line string) {
	said, ok := strings.CutPrefix(line, "pg_restore: ")
	if !ok {
		return
	}
	// It read the list before it said anything, and a kill leaves nothing then.
	l.close()
	for _, kind := range []string{"error: ", "fatal: "} {
		if message, ok := strings.CutPrefix(said, kind); ok {
			l.wrong(message)
			return
		}
	}
	for i, s := range starts {
		if what, ok := strings.CutPrefix(said, s); ok {
			l.tell(func(p *Progress) bool {
				if i < len(starts)-1 {
					p.Entries = min(p.Entries+1, p.OfEntries)
				}
				p.Entry = plaintext.Line(what, 120)
				return true
			})
			return
		}
	}
}

// wrong takes notice of an error. The first that does harm ends pg_restore, which would go on.
func (l *loading) wrong(message string) {
	message = plaintext.Line(strings.ReplaceAll(strings.Replace(message, "could not execute query: ERROR:", "", 1), "ERROR:  ", "ERROR: "), 300)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.o.Accept != nil && l.o.Accept(message) {
		l.accepted = append(l.accepted, message)
		return
	}
	if l.refused == nil {
		l.refused = &Refused{Message: message}
		l.cancel(l.refused)
	}
}

// Harmless says of a message of pg_restore that it comes up with every restore of a certain kind and is about no object: a
// setting of PostgreSQL 17 and later, which pg_restore sets for itself, is not known to an older server.
func Harmless(message string) bool {
	return strings.HasSuffix(message, `unrecognized configuration parameter "transaction_timeout"`)
}
