package lint

import (
	"fmt"
	"time"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/schema"
)

// size of a table, as a live database estimates it.
type size struct {
	rows, bytes *int64
}

func (s size) known() bool { return s.rows != nil || s.bytes != nil }

// empty says whether the table is known to have no rows. An estimate of none is worth little by itself: a table that was
// never analyzed has it too.
func (s size) empty() bool {
	return s.bytes != nil && *s.bytes == 0 || s.rows != nil && *s.rows == 0 && s.bytes != nil && *s.bytes <= 64<<10
}

func (s size) small(rows, bytes int64) bool {
	return s.known() && (s.rows == nil || *s.rows < rows) && (s.bytes == nil || *s.bytes < bytes)
}

// String is 2.0 M rows, 410 MB.
func (s size) String() string {
	switch {
	case s.rows != nil && s.bytes != nil:
		return rowsText(*s.rows) + ", " + bytesText(*s.bytes)
	case s.rows != nil:
		return rowsText(*s.rows)
	case s.bytes != nil:
		return bytesText(*s.bytes)
	}
	return "unknown size"
}

func rowsText(n int64) string {
	switch {
	case n >= 1_000_000_000:
		return fmt.Sprintf("%.1f G rows", float64(n)/1e9)
	case n >= 1_000_000:
		return fmt.Sprintf("%.1f M rows", float64(n)/1e6)
	case n >= 10_000:
		return fmt.Sprintf("%d k rows", n/1000)
	case n == 1:
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func bytesText(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 1000 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	if f < 10 && i > 0 {
		return fmt.Sprintf("%.1f %s", f, units[i])
	}
	return fmt.Sprintf("%.0f %s", f, units[i])
}

// size is that of a table: what the state carries along, also under a new name, or what the database says.
func (p *pass) size(n ecto.Name) size {
	if t := p.Table(n); t != nil && (t.Rows != nil || t.Bytes != nil) {
		return sizeOf(p.State, t, deepest)
	}
	if p.Live != nil && p.Live.State != nil {
		if t := p.Live.State.Table(n); t != nil {
			return sizeOf(p.Live.State, t, deepest)
		}
	}
	return size{}
}

// deepest is how many levels of partitions are counted. Operations that make no sense can make rings of them.
const deepest = 4

// sizeOf is a table's size; that of a partitioned one is its partitions'.
func sizeOf(s *schema.State, t *schema.Table, levels int) size {
	z := size{t.Rows, t.Bytes}
	if !t.Partitioned || levels == 0 {
		return z
	}
	for _, part := range s.Tables() {
		if part.PartitionOf == t.Name {
			of := sizeOf(s, part, levels-1)
			z = size{sum(z.rows, of.rows), sum(z.bytes, of.bytes)}
		}
	}
	return z
}

// sum of what is known.
func sum(a, b *int64) *int64 {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	n := *a + *b
	return &n
}

// rate is how fast a table's bytes are gone through, slowest and fastest, in megabytes a second.
type rate struct {
	lo, hi int64
	what   string
}

// Rates were measured on PostgreSQL 15 with 1,000,000 rows of about 350 MB, four indexes with them, on two shared cores
// without fsync: a scan 0.14 to 0.18 s, an index 0.8 (integers) to 2.1 s (text), a rewrite with its indexes 12 to 39 s.
// The slow ends allow for what is not in memory and for disks that are shared, the fast end of a rewrite for better ones.
var (
	scanRate    = rate{100, 2000, "read"}
	buildRate   = rate{30, 400, "read and sorted"}
	rewriteRate = rate{10, 100, "written again with its indexes"}
)

// hold estimates how long an effect's lock is held by the work done under it. It is unknown where the size is, and where
// there is no work: what follows in the same transaction is another matter.
func (p *pass) hold(e locks.Effect) Hold {
	var r rate
	switch {
	case e.Rewrite:
		r = rewriteRate
	case len(e.Build) > 0:
		r = buildRate
	case e.Scan:
		r = scanRate
	default:
		return Hold{}
	}
	s := p.size(e.Table)
	if s.bytes == nil {
		return Hold{}
	}
	n := max(int64(len(e.Build)), 1)
	if e.Rewrite {
		n = 1
	}
	at := func(mb int64) time.Duration {
		d := time.Duration(float64(*s.bytes*n) / float64(mb*1_000_000) * float64(time.Second))
		return d.Round(max(time.Millisecond, d/100))
	}
	return Hold{
		Lo: at(r.hi), Hi: at(r.lo),
		Basis: fmt.Sprintf("%s %s at %d–%d MB/s", bytesText(*s.bytes), r.what, r.lo, r.hi),
	}
}
