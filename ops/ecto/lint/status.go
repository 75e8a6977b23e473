package lint

import (
	"cmp"
	"slices"
	"time"
)

// Status is one migration as a database has it: what mix ecto.migrations says of it, and a little more.
type Status struct {
	Version    int64
	Path       string // empty: there is no file
	Name       string // of the file; empty: there is none
	State      State
	InsertedAt time.Time // when it ran; zero: it did not, or nobody says
	// Dumped says that there is no file, and need not be: a structure dump contains the version.
	Dumped bool
}

// State is whether a migration has run; empty: not known.
type State string

// The states.
const (
	Up           State = "up"             // it ran
	Down         State = "down"           // it is pending
	FileNotFound State = "file_not_found" // it ran, and there is no file of that version
	OutOfOrder   State = "out_of_order"   // it is pending, and a later one ran already
)

// Statuses is every version that has a file or that ran, ascending. Without a database, or one whose versions could not be
// read, or of a tenants' repo, whose versions are recorded in each tenant's schema, no State is known and it is empty; where there is no table of versions yet, all are pending.
func Statuses(in Input) []Status {
	known := in.Live != nil && in.Live.Unread == "" && !in.Repo.Tenant
	ran := map[int64]time.Time{}
	var last int64
	if known {
		for _, a := range in.Live.Applied {
			ran[a.Version] = a.InsertedAt
			last = max(last, a.Version)
		}
	}
	filed := map[int64]bool{}
	var out []Status
	for i := range in.Migrations {
		m := &in.Migrations[i]
		s := Status{Version: m.Version, Path: m.Path, Name: m.Name}
		filed[m.Version] = true
		at, up := ran[m.Version]
		switch {
		case !known:
		case up:
			s.State, s.InsertedAt = Up, at
		case m.Version < last:
			s.State = OutOfOrder
		default:
			s.State = Down
		}
		out = append(out, s)
	}
	for v, at := range ran {
		if filed[v] {
			continue
		}
		s := Status{Version: v, State: FileNotFound, InsertedAt: at}
		if slices.Contains(in.Repo.Dumped, v) {
			s.State, s.Dumped = Up, true
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Path, b.Path))
	})
	return out
}
