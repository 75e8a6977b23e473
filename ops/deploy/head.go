package deploy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/plaintext"
)

// Head is where a deployment's journal stands, as it is written onto the first machine: enough for somebody without the
// journal to see what is under way, by whom, and how far it is. With the plan's copy beside it somebody else can take the
// deployment over: see Adopt.
type Head struct {
	Deploy  string
	Seq     int    // of the journal's latest record
	Hash    string // of that record, its first 16 hex digits
	Phase   Phase
	Session int
	Holder  string
	Image   string // that goes out
	Plan    string // Plan.Hash; empty in a head of an older version, with which nobody can take over
	Facts
}

// Facts are what has happened so far and cannot be seen on the machines, or not for ever. What is not said is not known.
type Facts struct {
	Run      string         // machine of the release command that was started, or is about to be; empty: none was
	Record   *ReleaseRecord // without its status; nil: not known
	Halt     Halt           // it stands still
	RunCode  int            // of a release command that ended badly
	RunBad   bool
	RunsOn   bool // it stands still because the release command still runs
	RunLeft  bool
	Migrated bool
	Soaked   bool
	Canaries bool // they were well, and are gone
	CutOver  bool // or about to be
	Commit   bool
	Back     bool
	Force    bool
	Why      string // it goes back, or stands still
}

// flag is a letter for one of the Facts that are yes or no.
type flag struct {
	letter byte
	of     func(*Facts) *bool
}

// flags are in the order in which they are written.
var flags = []flag{
	{'m', func(f *Facts) *bool { return &f.Migrated }},
	{'x', func(f *Facts) *bool { return &f.RunBad }},
	{'o', func(f *Facts) *bool { return &f.RunsOn }},
	{'l', func(f *Facts) *bool { return &f.RunLeft }},
	{'s', func(f *Facts) *bool { return &f.Soaked }},
	{'k', func(f *Facts) *bool { return &f.Canaries }},
	{'t', func(f *Facts) *bool { return &f.CutOver }},
	{'c', func(f *Facts) *bool { return &f.Commit }},
	{'b', func(f *Facts) *bool { return &f.Back }},
	{'f', func(f *Facts) *bool { return &f.Force }},
}

// maxWhy bounds what a head says of why: a mark is no journal.
const maxWhy = 200

const none = "-"

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

func notNone(s string) string {
	if s == none {
		return ""
	}
	return s
}

// String is the metadata value.
func (h Head) String() string {
	letters := none
	for _, x := range flags {
		if *x.of(&h.Facts) {
			letters += string(x.letter)
		}
	}
	record := none
	if r := h.Record; r != nil && r.ID != "" && !strings.ContainsAny(r.ID, " /") {
		record = r.ID + "/" + strconv.Itoa(r.Version)
	}
	return strings.Join([]string{
		"2", h.Deploy, strconv.Itoa(h.Seq), orNone(h.Hash), string(h.Phase), strconv.Itoa(h.Session), orNone(h.Holder), h.Image,
		orNone(h.Plan), letters, orNone(h.Run), record, strconv.Itoa(h.RunCode), orNone(string(h.Halt)), plaintext.Line(h.Why, maxWhy),
	}, " ")
}

// Fields of a head, by the version that it begins with.
const (
	fieldsFirst = 8
	fieldsNow   = 15
)

// maxSessions is more than there ever are.
const maxSessions = 100_000

// ParseHead reads it back.
func ParseHead(s string) (h Head, ok bool) {
	f := strings.SplitN(s, " ", fieldsNow)
	switch {
	case len(f) == fieldsFirst && f[0] == "1", len(f) == fieldsNow && f[0] == "2":
	default:
		return Head{}, false
	}
	seq, err1 := strconv.Atoi(f[2])
	session, err2 := strconv.Atoi(f[5])
	// Whoever can write metadata can write anything: the ID names a file here, and each session takes memory.
	if f[1] == "" || strings.ContainsAny(f[1], `/\`) || err1 != nil || err2 != nil || seq < 0 || session < 0 || session > maxSessions {
		return Head{}, false
	}
	h = Head{Deploy: f[1], Seq: seq, Hash: notNone(f[3]), Phase: Phase(f[4]), Session: session, Holder: notNone(f[6]), Image: f[7]}
	if len(f) == fieldsFirst {
		return h, true
	}
	h.Plan, h.Run, h.Halt, h.Why = notNone(f[8]), notNone(f[10]), Halt(notNone(f[13])), plaintext.Line(f[14], maxWhy)
	if !h.Facts.parse(f[9], f[11], f[12]) {
		return Head{}, false
	}
	return h, true
}

// parse reads the fields that are no words.
func (f *Facts) parse(letters, record, code string) bool {
	letters, ok := strings.CutPrefix(letters, none)
	if !ok {
		return false
	}
	for _, c := range []byte(letters) {
		i := slices.IndexFunc(flags, func(x flag) bool { return x.letter == c })
		if i < 0 {
			return false // something that a later version knows, and that may matter
		}
		*flags[i].of(f) = true
	}
	var err error
	if f.RunCode, err = strconv.Atoi(code); err != nil {
		return false
	}
	if record == none {
		return true
	}
	id, version, ok := strings.Cut(record, "/")
	n, err := strconv.Atoi(version)
	if !ok || err != nil || id == "" {
		return false
	}
	f.Record = &ReleaseRecord{ID: id, Version: n}
	return true
}

// facts are those of a state.
func (s *State) facts() Facts {
	f := Facts{
		Halt: s.Halt, RunCode: s.RunCode, RunBad: s.RunBad, RunsOn: s.Halt != "" && s.runsOn, RunLeft: s.RunLeft, Migrated: s.Migrated, Soaked: s.Soaked,
		CutOver: s.CutOver, Commit: s.Commit, Back: s.Back != "", Force: s.Force, Why: s.Back,
		Canaries: s.Plan.Strategy == StrategyCanary && s.all(roleCanary),
	}
	if s.Halt != "" {
		f.Why = s.Reason
	}
	if s.runBegun() {
		f.Run = s.runner
	}
	if s.Record != nil {
		f.Record = &ReleaseRecord{ID: s.Record.ID, Version: s.Record.Version}
	}
	return f
}

// name is somebody's name as leases and marks carry it: without spaces, which part what they say.
func name(holder string) string {
	return strings.ReplaceAll(plaintext.Line(holder, 80), " ", "_")
}

// Whose says whose a deployment is, for people.
func (h Head) Whose() string {
	if h.Holder == "" {
		return "deployment " + plaintext.Line(h.Deploy, 40)
	}
	return fmt.Sprintf("deployment %s of %s", plaintext.Line(h.Deploy, 40), plaintext.Line(h.Holder, 80))
}
