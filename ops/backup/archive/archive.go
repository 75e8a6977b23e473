// Package archive reads what pg_dump writes in its custom format: the table of
// contents, and how many rows each table's data has. It reads a stream once from
// its beginning to its end, in little memory, and takes nothing on trust: an
// archive that was cut anywhere, or whose parts do not fit together, is an error.
//
// It never restores anything, and knows nothing of stores, compression around
// the archive, or servers. Formats 1.12 (PostgreSQL 9.0) to 1.16 (17 and 18) are
// read. Data that pg_dump compressed itself is not counted; its table of contents
// can be had.
//
// The layout is that of ReadHead, ReadToc and _LoadLOs in pg_backup_archiver.c
// and pg_backup_custom.c.
package archive

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// ErrMalformed says that it is no archive, or that one was cut or changed.
	ErrMalformed = errors.New("not a whole archive of pg_dump")
	// ErrVersion says that the archive was written by a later pg_dump than this program knows.
	ErrVersion = errors.New("a format of pg_dump that this version of ops-console does not know")
	// ErrCompressed says that pg_dump compressed the data itself.
	ErrCompressed = errors.New("the data was compressed by pg_dump: its rows are not counted")
)

// FormatError is where an archive was found not to be one. errors.Is finds ErrMalformed in it.
type FormatError struct {
	Offset int64  // bytes from the beginning
	What   string // what was expected there
}

// Error implements error.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%v: %s at byte %d", ErrMalformed, e.What, e.Offset)
}

// Unwrap gives ErrMalformed.
func (e *FormatError) Unwrap() error { return ErrMalformed }

// Compression is how pg_dump compressed the data.
type Compression int

// The kinds, as the archive numbers them.
const (
	None Compression = iota
	Gzip
	LZ4
	Zstd
)

// Contents is the head and the table of contents. Texts are as they stand in the archive: not safe to show.
type Contents struct {
	Format        int // minor version of the format: 14 of 1.14
	Compression   Compression
	Created       time.Time // by the clock of who dumped, which zone is not said: taken as UTC
	Database      string
	ServerVersion string // "15.18 (Debian 15.18-0+deb12u1)"
	DumpVersion   string // of pg_dump
	Entries       []Entry
}

// Entry is one line of the table of contents.
type Entry struct {
	ID         int
	HasData    bool   // a block of data follows the table of contents
	Desc       string // kind of the object: "TABLE", "TABLE DATA", "BLOBS"
	Tag        string // name of the object, or what it is about
	Section    int    // 2: before the data; 3: data; 4: after it; 1: none
	Definition string // SQL
	Drop       string
	Copy       string // "COPY public.t (a, b) FROM stdin;\n" of TABLE DATA; empty: INSERTs
	Schema     string // empty: in none
	Tablespace string
	AccessMeth string // of a table
	Owner      string
	Depends    []int // IDs
}

// The kinds of entries that are looked for by name.
const (
	descTableData   = "TABLE DATA"
	descBlobs       = "BLOBS"
	descExtension   = "EXTENSION"
	descSequenceSet = "SEQUENCE SET"
)

// TableData says that the entry is the rows of a table.
func (e *Entry) TableData() bool { return e.Desc == descTableData }

// LargeObjects says that the entry is the contents of large objects.
func (e *Entry) LargeObjects() bool { return e.Desc == descBlobs }

// Extensions are the names of the extensions that the archive creates.
func (c *Contents) Extensions() []string {
	var all []string
	for i := range c.Entries {
		if e := &c.Entries[i]; e.Desc == descExtension {
			all = append(all, e.Tag)
		}
	}
	return all
}

// Owners are the roles that own what the archive creates, each once, in the order of the archive.
func (c *Contents) Owners() []string {
	var all []string
	seen := map[string]bool{"": true}
	for i := range c.Entries {
		if o := c.Entries[i].Owner; !seen[o] {
			seen[o] = true
			all = append(all, o)
		}
	}
	return all
}

// Sequences are the statements that set sequences to where they were, by the sequence's name as Name gives it.
func (c *Contents) Sequences() map[string]string {
	all := map[string]string{}
	for i := range c.Entries {
		if e := &c.Entries[i]; e.Desc == descSequenceSet {
			all[Name(e.Schema, e.Tag)] = strings.TrimSpace(e.Definition)
		}
	}
	return all
}

// Major of a version as servers and tools say it: 15 of "15.18 (Debian …)"; 0: it is none.
func Major(version string) int {
	n := 0
	for _, c := range version {
		if c < '0' || c > '9' || n > 1000 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}
