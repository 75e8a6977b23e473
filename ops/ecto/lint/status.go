package lint

import "time"

// Status is one migration as a database has it: what mix ecto.migrations says of it, and a little more.
type Status struct {
	Version    int64
	Path       string // empty: there is no file
	Name       string // of the file; empty: there is none
	State      State
	InsertedAt time.Time // when it ran; zero: it did not, or nobody says
}

// State is whether a migration has run.
type State string

// The states.
const (
	Up           State = "up"             // it ran
	Down         State = "down"           // it is pending
	FileNotFound State = "file_not_found" // it ran, and there is no file of that version
	OutOfOrder   State = "out_of_order"   // it is pending, and a later one ran already
)
