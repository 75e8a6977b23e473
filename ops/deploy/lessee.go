package deploy

import (
	"fmt"
	"strconv"
	"strings"
)

// Lessee is who holds a lease of ours, as others read it in the lease's description.
type Lessee struct {
	Deploy  string // ID of the plan
	Session int    // of Run, from 1: each start of a deployment that goes on is another
	Holder  string // user@host
}

const lesseePrefix = "ops-console deploy "

// String is the description.
func (l Lessee) String() string {
	return fmt.Sprintf("%s%s/%d by %s", lesseePrefix, l.Deploy, l.Session, l.Holder)
}

// ParseLessee reads a description; ok is false for one that no deployment of ours wrote.
func ParseLessee(s string) (l Lessee, ok bool) {
	rest, ok := strings.CutPrefix(s, lesseePrefix)
	if !ok {
		return Lessee{}, false
	}
	id, holder, ok := strings.Cut(rest, " by ")
	if !ok {
		return Lessee{}, false
	}
	deploy, session, ok := strings.Cut(id, "/")
	n, err := strconv.Atoi(session)
	if !ok || err != nil || n < 1 || deploy == "" {
		return Lessee{}, false
	}
	return Lessee{Deploy: deploy, Session: n, Holder: holder}, true
}
