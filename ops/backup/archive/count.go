package archive

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"ops-console/ops/backup"
)

// Counts is what an archive held.
type Counts struct {
	Contents *Contents
	// Tables are those with data, empty ones too, in the order of the archive. Rows is -1 where the data is not of COPY; Est
	// is 0, and which of them are partitions is not known.
	Tables       []backup.Table
	LargeObjects int64
	LargeBytes   int64
	Bytes        int64 // of the archive
}

// Options of Count.
type Options struct {
	// Contents is called once, before any data is read; an error of it ends the reading. nil: nobody is told.
	Contents func(*Contents) error
	// Table is called when the data of a table was read. nil: nobody is told.
	Table func(backup.Table)
}

// ReadContents reads the table of contents alone, and of r perhaps some more.
func ReadContents(r io.Reader) (*Contents, error) {
	in := &reader{b: bufio.NewReaderSize(r, 1<<16)}
	return in.contents()
}

// Count reads an archive to its end. An error of r is given as it is; what is no whole archive is ErrMalformed.
func Count(r io.Reader, o Options) (*Counts, error) {
	in := &reader{b: bufio.NewReaderSize(r, 1<<18)}
	contents, err := in.contents()
	if err != nil {
		return nil, err
	}
	if contents.Compression != None {
		return nil, ErrCompressed
	}
	if o.Contents != nil {
		if err := o.Contents(contents); err != nil {
			return nil, err
		}
	}
	c := &counting{reader: in, counts: &Counts{Contents: contents}, missing: map[int]*Entry{}, table: o.Table}
	for i := range contents.Entries {
		if e := &contents.Entries[i]; e.HasData {
			c.missing[e.ID] = e
		}
	}
	for {
		more, err := c.block()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	for i := range contents.Entries {
		if e := &contents.Entries[i]; c.missing[e.ID] != nil {
			return nil, in.bad("it ends before the data of %s %q", e.Desc, Name(e.Schema, e.Tag))
		}
	}
	c.counts.Bytes = in.at
	return c.counts, nil
}

// counting is one pass over the data.
type counting struct {
	*reader
	counts  *Counts
	missing map[int]*Entry // whose data did not come yet
	table   func(backup.Table)
}

// The kinds of blocks.
const (
	blockData  = 1
	blockBlobs = 3
)

// block reads one block of data; more is false at the end of the archive.
func (c *counting) block() (more bool, err error) {
	kind, err := c.b.ReadByte()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.at++
	if kind != blockData && kind != blockBlobs {
		return false, c.bad("a block of kind %d", kind)
	}
	id, err := c.int("a block")
	if err != nil {
		return false, err
	}
	e := c.missing[id]
	if e == nil {
		return false, c.bad("a block of data of entry %d, which wants none", id)
	}
	delete(c.missing, id)
	if (kind == blockBlobs) != e.LargeObjects() {
		return false, c.bad("a block of kind %d for %s", kind, e.Desc)
	}
	if kind == blockBlobs {
		return true, c.blobs()
	}
	return true, c.rows(e)
}

// rows reads the data of a table. In the text format of COPY each row is one line, and no row holds a line's end.
func (c *counting) rows(e *Entry) error {
	const end = "\\.\n\n\n"
	var lines int64
	var tail [len(end)]byte // the last bytes
	n, err := c.chunks(func(b []byte) {
		lines += int64(bytes.Count(b, []byte{'\n'}))
		if len(b) >= len(tail) {
			copy(tail[:], b[len(b)-len(tail):])
			return
		}
		copy(tail[:], tail[len(b):])
		copy(tail[len(tail)-len(b):], b)
	})
	if err != nil || !e.TableData() {
		return err
	}
	t := backup.Table{Name: tableName(e), Rows: -1, Bytes: n}
	if e.Copy != "" {
		if n < int64(len(end)) || string(tail[:]) != end {
			return c.bad("the data of %q does not end as COPY's does", t.Name)
		}
		t.Rows, t.Bytes = lines-int64(bytes.Count([]byte(end), []byte{'\n'})), n-int64(len(end))
	}
	c.counts.Tables = append(c.counts.Tables, t)
	if c.table != nil {
		c.table(t)
	}
	return nil
}

// blobs reads large objects, each with its number before it.
func (c *counting) blobs() error {
	for {
		oid, err := c.int("a large object")
		if err != nil || oid == 0 {
			return err
		}
		n, err := c.chunks(nil)
		if err != nil {
			return err
		}
		c.counts.LargeObjects++
		c.counts.LargeBytes += n
	}
}

// chunks reads pieces, each with its length before it, up to one of none.
func (c *counting) chunks(see func([]byte)) (int64, error) {
	var all int64
	for {
		n, err := c.int("data")
		if err != nil || n == 0 {
			return all, err
		}
		if n < 0 {
			return all, c.bad("%d bytes of data", n)
		}
		all += int64(n)
		for n > 0 {
			// Whatever is there already is looked at where it lies.
			have := min(n, max(c.b.Buffered(), 1))
			b, err := c.b.Peek(have)
			if err != nil {
				return all, c.ended(err, "data")
			}
			b = b[:min(n, c.b.Buffered())]
			if see != nil {
				see(b)
			}
			if _, err := c.b.Discard(len(b)); err != nil {
				return all, err
			}
			n -= len(b)
			c.at += int64(len(b))
		}
	}
}
