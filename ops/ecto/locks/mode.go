// Package locks predicts what operations do to the tables of a running database: which locks they take, whether they
// rewrite or scan, and when they fail. The rules are those of PostgreSQL's ALTER TABLE and of explicit locking
// (https://www.postgresql.org/docs/current/explicit-locking.html), and were measured on a real server. It asks none.
package locks

// Mode is a lock on a table, weakest first. The zero value is no lock.
type Mode int

// The modes that matter to readers and writers.
const (
	None Mode = iota
	AccessShare
	RowShare
	RowExclusive
	ShareUpdateExclusive
	Share
	ShareRowExclusive
	Exclusive
	AccessExclusive
)

var modeNames = [...]string{
	"", "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE",
}

// String is what PostgreSQL's manual calls it.
func (m Mode) String() string {
	if m < 0 || int(m) >= len(modeNames) {
		return ""
	}
	return modeNames[m]
}

// ParseMode reads what the manual calls it.
func ParseMode(s string) Mode {
	for m, name := range modeNames {
		if name == s {
			return Mode(m)
		}
	}
	return None
}

// conflicts has a bit for every mode that a mode conflicts with: table 13.2 of the manual.
var conflicts = [...]uint16{
	AccessShare:          1 << AccessExclusive,
	RowShare:             1<<Exclusive | 1<<AccessExclusive,
	RowExclusive:         1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	ShareUpdateExclusive: 1<<ShareUpdateExclusive | 1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	Share:                1<<RowExclusive | 1<<ShareUpdateExclusive | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	ShareRowExclusive:    1<<RowExclusive | 1<<ShareUpdateExclusive | 1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	Exclusive:            1<<RowShare | 1<<RowExclusive | 1<<ShareUpdateExclusive | 1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
	AccessExclusive:      1<<AccessShare | 1<<RowShare | 1<<RowExclusive | 1<<ShareUpdateExclusive | 1<<Share | 1<<ShareRowExclusive | 1<<Exclusive | 1<<AccessExclusive,
}

// Conflicts says whether two sessions cannot hold these modes on one table at once.
func (m Mode) Conflicts(o Mode) bool { return int(m) < len(conflicts) && conflicts[m]&(1<<o) != 0 }

// BlocksReads says whether SELECT waits.
func (m Mode) BlocksReads() bool { return m.Conflicts(AccessShare) }

// BlocksWrites says whether INSERT, UPDATE and DELETE wait.
func (m Mode) BlocksWrites() bool { return m.Conflicts(RowExclusive) }

// Blocks is what waits, in words; empty: nothing but other changes of the schema.
func (m Mode) Blocks() string {
	switch {
	case m.BlocksReads():
		return "reads and writes"
	case m.BlocksWrites():
		return "writes"
	}
	return ""
}
