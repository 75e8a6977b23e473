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

// Head is where a deployment's journal stands, as it is written onto the first machine: enough for somebody without the
// journal to see what is under way, by whom, and how far it is.
type Head struct {
	Deploy  string
	Seq     int    // of the journal's latest record
	Hash    string // of that record, its first 16 hex digits
	Phase   Phase
	Session int
	Holder  string
	Image   string // that goes out
}

// String is the metadata value.
func (h Head) String() string {
	return strings.Join([]string{"1", h.Deploy, strconv.Itoa(h.Seq), h.Hash, string(h.Phase), strconv.Itoa(h.Session), h.Holder, h.Image}, " ")
}

// ParseHead reads it back.
func ParseHead(s string) (h Head, ok bool) {
	f := strings.Split(s, " ")
	if len(f) != 8 || f[0] != "1" || f[1] == "" {
		return Head{}, false
	}
	seq, err1 := strconv.Atoi(f[2])
	session, err2 := strconv.Atoi(f[5])
	if err1 != nil || err2 != nil || seq < 0 || session < 0 {
		return Head{}, false
	}
	return Head{Deploy: f[1], Seq: seq, Hash: f[3], Phase: Phase(f[4]), Session: session, Holder: f[6], Image: f[7]}, true
}
