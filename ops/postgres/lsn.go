package postgres

import (
	"fmt"
	"strconv"
	"strings"
)

// LSN is a position in the write-ahead log, in bytes since its beginning. The zero value is no position, as in
// PostgreSQL's InvalidXLogRecPtr.
type LSN uint64

// ParseLSN reads the text form, two hexadecimal numbers of up to eight digits: 16/B374D848.
func ParseLSN(s string) (LSN, error) {
	hi, lo, ok := strings.Cut(s, "/")
	h, err1 := strconv.ParseUint(hi, 16, 32)
	l, err2 := strconv.ParseUint(lo, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("LSN %q: want two hexadecimal numbers with a slash between", s)
	}
	return LSN(h<<32 | l), nil
}

// String is the text form.
func (l LSN) String() string { return fmt.Sprintf("%X/%X", uint32(l>>32), uint32(l)) }

// MarshalText implements encoding.TextMarshaler.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *LSN) UnmarshalText(b []byte) error {
	v, err := ParseLSN(string(b))
	*l = v
	return err
}

// Sub is how far l is ahead of o, in bytes; negative where it is behind.
func (l LSN) Sub(o LSN) int64 { return int64(l - o) }

// Sizes of the log's pages and of their headers, on every platform that aligns to eight bytes (xlog_internal.h: XLOG_BLCKSZ,
// SizeOfXLogShortPHD, SizeOfXLogLongPHD).
const (
	pageSize    = 8192
	shortHeader = 24 // of every page
	longHeader  = 40 // of the first page of a segment
)

// End is where the log before l ends. pg_current_wal_insert_lsn gives where the next record will begin: after a page that
// is full that is behind the header of the next one (XLogBytePosToRecPtr in xlog.c), a position that nothing is written up
// to, and no standby replays, before there is another record. The end of what was written is the beginning of that page
// (XLogBytePosToEndRecPtr). Positions of other functions end records already, and stay as they are. segment is
// wal_segment_size in bytes; 0: 16 MB.
func (l LSN) End(segment uint64) LSN {
	if segment == 0 {
		segment = 16 << 20
	}
	switch {
	case uint64(l)%segment == longHeader:
		return l - longHeader
	case uint64(l)%pageSize == shortHeader && uint64(l)%segment != shortHeader:
		return l - shortHeader
	}
	return l
}
