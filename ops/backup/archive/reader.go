package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Bounds on what a stream may make this package keep: far above what any database has.
const (
	maxEntries = 20_000_000
	maxText    = 256 << 20 // one definition; large views and functions have some hundred kilobytes
	maxDepends = 1 << 20
)

// reader decodes the primitives, and knows where it is.
type reader struct {
	b       *bufio.Reader
	at      int64
	intSize int
	offSize int
	minor   int
}

// bad is the error for what was found. Where the stream itself failed, that is the error.
func (r *reader) bad(what string, args ...any) error {
	return &FormatError{Offset: r.at, What: fmt.Sprintf(what, args...)}
}

// ended makes of the end of the stream in the midst of something what it is.
func (r *reader) ended(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.bad("it ends within %s", what)
	}
	return err
}

func (r *reader) byte(what string) (byte, error) {
	c, err := r.b.ReadByte()
	if err != nil {
		return 0, r.ended(err, what)
	}
	r.at++
	return c, nil
}

// int is a byte for the sign, and intSize bytes, the lowest first.
func (r *reader) int(what string) (int, error) {
	b, err := r.b.Peek(1 + r.intSize)
	if err != nil {
		return 0, r.ended(err, what)
	}
	var n uint64
	for i := r.intSize; i >= 1; i-- {
		if n >= 1<<55 {
			return 0, r.bad("a number that is too large for %s", what)
		}
		n = n<<8 | uint64(b[i])
	}
	if n > 1<<31 {
		return 0, r.bad("a number that is too large for %s", what)
	}
	v := int(n)
	switch b[0] {
	case 0:
	case 1:
		v = -v
	default:
		return 0, r.bad("no number for %s", what)
	}
	if _, err := r.b.Discard(1 + r.intSize); err != nil {
		return 0, err
	}
	r.at += int64(1 + r.intSize)
	return v, nil
}

// text is a length and so many bytes; a negative length is no text, which is told apart where it matters.
func (r *reader) text(what string) (string, bool, error) {
	n, err := r.int(what)
	if err != nil || n < 0 {
		return "", false, err
	}
	if n > maxText {
		return "", false, r.bad("%d bytes for %s", n, what)
	}
	if n <= r.b.Buffered() {
		b, err := r.b.Peek(n)
		if err != nil {
			return "", false, r.ended(err, what)
		}
		s := string(b)
		_, err = r.b.Discard(n)
		r.at += int64(n)
		return s, true, err
	}
	// What a length claims is not given before it is there.
	var s strings.Builder
	copied, err := io.CopyN(&s, r.b, int64(n))
	r.at += copied
	if err != nil {
		return "", false, r.ended(err, what)
	}
	return s.String(), true, nil
}

const magic = "PGDMP"

// head reads up to the table of contents.
func (r *reader) head() (*Contents, error) {
	start := make([]byte, len(magic)+5)
	n, err := io.ReadFull(r.b, start)
	r.at += int64(n)
	if err != nil {
		return nil, r.ended(err, "its first bytes")
	}
	if string(start[:len(magic)]) != magic {
		r.at = 0
		return nil, r.bad("not %s", magic)
	}
	major, minor := start[5], start[6]
	if major != 1 || minor > 16 {
		return nil, fmt.Errorf("%w: %d.%d", ErrVersion, major, minor)
	}
	if minor < 12 {
		return nil, fmt.Errorf("%w: %d.%d, from before PostgreSQL 9.0", ErrVersion, major, minor)
	}
	r.minor, r.intSize, r.offSize = int(minor), int(start[8]), int(start[9])
	if r.intSize < 2 || r.intSize > 8 || r.offSize < 1 || r.offSize > 16 {
		return nil, r.bad("sizes of numbers %d and %d", r.intSize, r.offSize)
	}
	format, err := r.byte("the format")
	if err != nil {
		return nil, err
	}
	if format != 1 {
		return nil, r.bad("kind of archive %d instead of the custom one", format)
	}
	c := &Contents{Format: r.minor}
	if c.Compression, err = r.compression(); err != nil {
		return nil, err
	}
	var when [7]int
	for i := range when {
		if when[i], err = r.int("the time"); err != nil {
			return nil, err
		}
	}
	c.Created = time.Date(when[5]+1900, time.Month(when[4]+1), when[3], when[2], when[1], when[0], 0, time.UTC)
	for _, into := range []*string{&c.Database, &c.ServerVersion, &c.DumpVersion} {
		if *into, _, err = r.text("the names of database and versions"); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (r *reader) compression() (Compression, error) {
	if r.minor >= 15 {
		c, err := r.byte("the compression")
		if err == nil && c > byte(Zstd) {
			err = r.bad("compression %d", c)
		}
		return Compression(c), err
	}
	level, err := r.int("the compression")
	if level != 0 {
		return Gzip, err
	}
	return None, err
}

// contents reads head and table of contents.
func (r *reader) contents() (*Contents, error) {
	c, err := r.head()
	if err != nil {
		return nil, err
	}
	n, err := r.int("the number of entries")
	if err != nil {
		return nil, err
	}
	if n < 0 || n > maxEntries {
		return nil, r.bad("%d entries", n)
	}
	seen := make(map[int]bool, min(n, 1<<12))
	for range n {
		e, err := r.entry()
		if err != nil {
			return nil, err
		}
		if seen[e.ID] {
			return nil, r.bad("entry %d is there twice", e.ID)
		}
		seen[e.ID] = true
		c.Entries = append(c.Entries, e)
	}
	return c, nil
}

func (r *reader) entry() (e Entry, err error) {
	var had int
	number := func(into *int) func() error {
		return func() (err error) {
			*into, err = r.int("an entry")
			return err
		}
	}
	text := func(into *string) func() error {
		return func() (err error) {
			*into, _, err = r.text("an entry")
			return err
		}
	}
	var skippedNumber int
	var skipped, oids string
	none := func() error { return nil }
	tableAM, relkind := none, none
	if r.minor >= 14 {
		tableAM = text(&e.AccessMeth)
	}
	if r.minor >= 16 {
		relkind = number(&skippedNumber)
	}
	for _, field := range []func() error{
		number(&e.ID), number(&had), text(&skipped), text(&skipped), text(&e.Tag), text(&e.Desc), number(&e.Section),
		text(&e.Definition), text(&e.Drop), text(&e.Copy), text(&e.Schema), text(&e.Tablespace), tableAM, relkind, text(&e.Owner), text(&oids),
	} {
		if err := field(); err != nil {
			return e, err
		}
	}
	if e.ID <= 0 {
		return e, r.bad("entry %d", e.ID)
	}
	if e.Desc == "" {
		return e, r.bad("entry %d of no kind", e.ID)
	}
	if had != 0 && had != 1 {
		return e, r.bad("an entry with %d blocks of data", had)
	}
	if e.Depends, err = r.depends(); err != nil {
		return e, err
	}
	there, err := r.offset()
	e.HasData = there && had == 1
	return e, err
}

func (r *reader) depends() ([]int, error) {
	var all []int
	for {
		s, ok, err := r.text("what an entry depends on")
		if err != nil || !ok {
			return all, err
		}
		n := 0
		if _, err := fmt.Sscanf(s, "%d", &n); err != nil || len(all) == maxDepends {
			return nil, r.bad("%q as what an entry depends on", s[:min(len(s), 20)])
		}
		all = append(all, n)
	}
}

// offset skips where the data is in the file, which streams do not know, and says whether there can be any.
func (r *reader) offset() (bool, error) {
	const notSet, noData = 1, 3
	flag, err := r.byte("an offset")
	if err != nil {
		return false, err
	}
	if flag < notSet || flag > noData {
		return false, r.bad("kind of offset %d", flag)
	}
	if _, err := r.b.Discard(r.offSize); err != nil {
		return false, r.ended(err, "an offset")
	}
	r.at += int64(r.offSize)
	return flag != noData, nil
}
