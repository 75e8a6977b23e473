// Package journal keeps a file of records that survives being killed: each is on disk before Append returns, each is
// chained to the one before, and what a power cut tore off is told from what somebody changed.
//
// A line is the CRC-32C of the JSON that follows it, in eight hex digits, a space, and the JSON:
//
//	1f2e3d4c {"seq":3,"t":"2026-01-02T15:04:05.678Z","ev":"intent","d":{…},"prev":"<sha256 of line 2>"}
//
// It knows nothing of what is recorded. It never rewrites a line, and never writes after damage.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"
)

// Entry is one record.
type Entry struct {
	Seq  int       // from 0
	At   time.Time // UTC, whole milliseconds
	Kind string
	Data json.RawMessage
	Hash string // SHA-256 of the line without its newline, in hex
}

// Stamp is t as it is written: UTC, whole milliseconds, without a monotonic reading.
func Stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond).Round(0) }

const (
	timeFormat = "2006-01-02T15:04:05.000Z"
	sumLen     = 8
	maxLine    = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Chain encodes records one after the other. Its zero value is the beginning of a journal.
type Chain struct {
	next int
	prev string
}

// After is the chain as it goes on behind e.
func After(e Entry) Chain { return Chain{next: e.Seq + 1, prev: e.Hash} }

// Head is the number and hash of the latest record; -1 and empty before the first.
func (c *Chain) Head() (seq int, hash string) { return c.next - 1, c.prev }

// Append adds the line of a record to dst and moves on.
func (c *Chain) Append(dst []byte, at time.Time, kind string, data any) ([]byte, Entry, error) {
	d, err := json.Marshal(data)
	if err != nil {
		return dst, Entry{}, fmt.Errorf("encode record %d (%s): %w", c.next, kind, err)
	}
	e := Entry{Seq: c.next, At: Stamp(at), Kind: kind, Data: d}
	start := len(dst)
	dst = append(dst, "00000000 {\"seq\":"...)
	dst = strconv.AppendInt(dst, int64(e.Seq), 10)
	dst = append(dst, `,"t":"`...)
	dst = e.At.AppendFormat(dst, timeFormat)
	dst = append(dst, `","ev":`...)
	dst = strconv.AppendQuote(dst, kind)
	dst = append(dst, `,"d":`...)
	dst = append(dst, d...)
	dst = append(dst, `,"prev":"`...)
	dst = append(dst, c.prev...)
	dst = append(dst, `"}`...)
	line := dst[start:]
	if len(line) > maxLine {
		return dst[:start], Entry{}, fmt.Errorf("record %d (%s) has %d bytes: more than a journal takes", c.next, kind, len(line))
	}
	sum := crc32.Checksum(line[sumLen+1:], castagnoli)
	for i := range sumLen {
		line[i] = "0123456789abcdef"[sum>>(28-4*i)&15]
	}
	h := sha256.Sum256(line)
	e.Hash = hex.EncodeToString(h[:])
	c.next, c.prev = e.Seq+1, e.Hash
	return append(dst, '\n'), e, nil
}

// ErrDamaged says that a journal was changed, or lost something in its middle: what follows cannot be trusted.
var ErrDamaged = errors.New("the journal is damaged")

// DamageError says where.
type DamageError struct {
	Line int // from 1
	Why  string
}

// Error names the line and what to do.
func (e *DamageError) Error() string {
	return fmt.Sprintf("%v in line %d: %s: it can be read up to there, and nothing is written to it any more", ErrDamaged, e.Line, e.Why)
}

// Unwrap is ErrDamaged.
func (*DamageError) Unwrap() error { return ErrDamaged }

// Decode reads a journal. good is the length of the part that is whole: what is behind it, without a newline, was torn
// off while it was written, and nothing was ever done because of it. A DamageError comes with what is before the damage.
func Decode(data []byte) (entries []Entry, good int, err error) {
	var c Chain
	for good < len(data) {
		n := bytes.IndexByte(data[good:], '\n')
		if n < 0 {
			return entries, good, nil
		}
		e, why := c.read(data[good : good+n])
		if why != "" {
			return entries, good, &DamageError{Line: len(entries) + 1, Why: why}
		}
		entries = append(entries, e)
		good += n + 1
	}
	return entries, good, nil
}

// read takes one line into the chain, or says why it does not fit.
func (c *Chain) read(line []byte) (Entry, string) {
	if len(line) < sumLen+2 || line[sumLen] != ' ' {
		return Entry{}, "it does not begin with a checksum"
	}
	sum, err := strconv.ParseUint(string(line[:sumLen]), 16, 32)
	if err != nil {
		return Entry{}, "it does not begin with a checksum"
	}
	body := line[sumLen+1:]
	if crc32.Checksum(body, castagnoli) != uint32(sum) {
		return Entry{}, "its checksum is wrong"
	}
	var v struct {
		Seq  *int            `json:"seq"`
		At   string          `json:"t"`
		Kind string          `json:"ev"`
		Data json.RawMessage `json:"d"`
		Prev *string         `json:"prev"`
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return Entry{}, "it is not JSON"
	}
	at, err := time.Parse(timeFormat, v.At)
	switch {
	case v.Seq == nil || *v.Seq != c.next:
		return Entry{}, fmt.Sprintf("record %d is missing", c.next)
	case v.Prev == nil || *v.Prev != c.prev:
		return Entry{}, "it does not follow the line before"
	case err != nil:
		return Entry{}, "its time is not one"
	}
	h := sha256.Sum256(line)
	e := Entry{Seq: *v.Seq, At: at, Kind: v.Kind, Data: v.Data, Hash: hex.EncodeToString(h[:])}
	c.next, c.prev = e.Seq+1, e.Hash
	return e, ""
}
