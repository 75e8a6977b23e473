package take

import (
	"context"
	"math"
	"sync"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/stream"
)

// Stage is what a run is doing.
type Stage string

const (
	Choosing   Stage = "choosing"   // a node
	Checking   Stage = "checking"   // whether it can be dumped now
	Dumping    Stage = "dumping"    // pg_dump runs
	Storing    Stage = "storing"    // the last of it is on its way; the database is free again
	Roles      Stage = "roles"      // roles and tablespaces
	Committing Stage = "committing" // the manifest
	Done       Stage = "done"
	Failed     Stage = "failed"
)

// Progress is how far a run is. It is never changed once it was given away.
type Progress struct {
	ID      backup.ID     `json:"id"`
	Stage   Stage         `json:"stage"`
	Node    string        `json:"node,omitempty"`
	At      time.Time     `json:"at"`
	Elapsed time.Duration `json:"elapsed_ns"`
	// Fraction of the dump's bytes as far as they can be known beforehand: it never falls, and is 1 only once the backup
	// exists.
	Fraction float64       `json:"fraction"`
	ETA      time.Duration `json:"eta_ns"` // until the dump ends; 0: not known
	Rate     float64       `json:"rate"`   // bytes of pg_dump a second, over the last seconds
	Bytes    Bytes         `json:"bytes"`
	Table    string        `json:"table,omitempty"`  // the one that is being dumped
	Tables   []TableState  `json:"tables,omitempty"` // in the order of the dump
	Blocked  int           `json:"blocked"`          // sessions that wait because of the run
	Snapshot time.Duration `json:"snapshot_ns"`      // how long it has been held; 0: it is not
}

// Bytes that came out of each stage.
type Bytes struct {
	Raw    int64 `json:"raw"`
	Zstd   int64 `json:"zstd"`
	Stored int64 `json:"stored"`
}

// TableState is one table of a run.
type TableState struct {
	Name   string `json:"n"`
	Bytes  int64  `json:"bytes"`
	Rows   int64  `json:"rows"`   // -1: not known before it is done
	Expect int64  `json:"expect"` // bytes, as far as that can be known
	Done   bool   `json:"done"`
}

// largeObjects is the table that large objects are counted as.
const largeObjects = "pg_catalog.pg_largeobject"

// track follows a run. Its methods may be called from anywhere.
type track struct {
	o     Options
	began time.Time // monotonic
	tell  sync.Mutex

	mu      sync.Mutex // guards the fields below
	p       Progress
	held    time.Time
	weights map[string]int64
	tables  []TableState
	now     int   // index of the one that is being dumped
	base    int64 // raw bytes when it began
	done    int64 // weights of those that are done
	total   int64
	counts  func() stream.Counts
	rates   []sample // of the last seconds, the oldest first
}

type sample struct {
	at  time.Time
	raw int64
	f   float64
}

func newTrack(o Options) *track {
	return &track{o: o, began: time.Now(), p: Progress{ID: o.ID, Stage: Choosing}, counts: func() stream.Counts { return stream.Counts{} }}
}

func (t *track) application() string { return application + string(t.o.ID) }

// tellEvery is how often progress is told.
const tellEvery = 250 * time.Millisecond

// watch tells of the progress until the function that it gives is called, which tells of it once more.
func (t *track) watch(ctx context.Context) func() {
	if t.o.Progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				t.publish()
			}
		}
	}()
	return func() { cancel(); <-done; t.publish() }
}

// publish tells of it, one at a time.
func (t *track) publish() {
	if t.o.Progress == nil {
		return
	}
	t.tell.Lock()
	defer t.tell.Unlock()
	t.o.Progress(t.read(time.Now()))
}

func (t *track) stage(s Stage) {
	t.mu.Lock()
	t.p.Stage = s
	if s != Dumping && s != Checking {
		t.held = time.Time{}
	}
	t.mu.Unlock()
	t.publish()
}

func (t *track) node(name string) {
	t.mu.Lock()
	t.p.Node = name
	t.mu.Unlock()
}

// before says which backup is the newest.
func (t *track) before(p *backup.Record) {
	t.mu.Lock()
	t.o.Prev = p
	t.mu.Unlock()
}

func (t *track) blocked(n int) {
	t.mu.Lock()
	t.p.Blocked = n
	t.mu.Unlock()
}

// expect takes what the database says of its tables for how much they will be: what the last dump had of each, in
// proportion to its rows now and then, else its size.
func (t *track) expect(h *snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := map[string]backup.Table{}
	if p := t.o.Prev; p != nil {
		for _, b := range p.Manifest.Tables {
			before[archive.Key(b.Name)] = b
		}
	}
	t.held = h.began
	t.weights = map[string]int64{}
	for _, s := range h.tables {
		key := archive.Key(archive.Name(s.Schema, s.Name))
		t.weights[key] = weight(s, before[key])
	}
}

// weight of a table in bytes of a dump, never 0. A table's text is about nine tenths of what it takes on the disk.
func weight(now table, before backup.Table) int64 {
	w := float64(now.Bytes) * 0.9
	if before.Bytes > 0 {
		w = float64(before.Bytes)
		if rows := float64(before.Rows); rows > 0 && now.Est > 0 {
			w *= min(10, max(0.1, now.Est/rows))
		}
	}
	return max(1, int64(w))
}

func (t *track) follow(w *stream.Writer) {
	t.mu.Lock()
	t.counts = w.Counts
	t.mu.Unlock()
}

// contents gets the table of contents, whose order is that of the data.
func (t *track) contents(c *archive.Contents) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range c.Entries {
		e := &c.Entries[i]
		name := archive.Name(e.Schema, e.Tag)
		switch {
		case !e.HasData:
			continue
		case e.LargeObjects():
			name = largeObjects
		case !e.TableData():
			continue
		}
		w := max(1, t.weights[archive.Key(name)])
		t.tables = append(t.tables, TableState{Name: name, Rows: -1, Expect: w})
		t.total += w
	}
	t.base = t.counts().Raw
	return nil
}

// table gets one that is done.
func (t *track) table(b backup.Table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := t.now; i < len(t.tables); i++ {
		s := &t.tables[i]
		if !archive.Same(s.Name, b.Name) {
			continue
		}
		s.Bytes, s.Rows, s.Done = b.Bytes, b.Rows, true
		for _, passed := range t.tables[t.now : i+1] {
			t.done += passed.Expect
		}
		t.now, t.base = i+1, t.counts().Raw
		return
	}
}

// maxETA is the longest time that is worth telling; what is said to take longer has only just begun.
const maxETA = 100 * time.Hour

// rateOver is the time that rates are of.
const rateOver = 5 * time.Second

// read is how far it is.
func (t *track) read(now time.Time) Progress {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts()
	t.p.At, t.p.Elapsed = t.o.Now().UTC(), now.Sub(t.began)
	t.p.Bytes = Bytes{c.Raw, c.Zstd, c.Stored}
	t.p.Snapshot = 0
	if !t.held.IsZero() {
		t.p.Snapshot = now.Sub(t.held)
	}
	t.p.Fraction = max(t.p.Fraction, t.fraction(c.Raw))
	t.p.Table = ""
	p := t.p
	p.Tables = append([]TableState(nil), t.tables...)
	if p.Stage == Dumping && t.now < len(p.Tables) {
		p.Tables[t.now].Bytes = max(0, c.Raw-t.base)
		p.Table = p.Tables[t.now].Name
	}
	t.speed(&p, now)
	return p
}

// fraction of what is expected. The last hundredth is for what follows the dump.
func (t *track) fraction(raw int64) float64 {
	switch t.p.Stage {
	case Done:
		return 1
	case Storing, Roles, Committing:
		return 0.99
	}
	if t.total == 0 {
		return 0
	}
	sum := float64(t.done)
	if t.now < len(t.tables) {
		w := float64(t.tables[t.now].Expect)
		sum += w * approach(float64(raw-t.base)/w)
	}
	return 0.99 * min(1, sum/float64(t.total))
}

// approach is how much of a table is taken for done that has x times its expected bytes: the same up to four fifths, and
// from there on ever less, so that one that is larger than expected still moves and never fills its place.
func approach(x float64) float64 {
	const straight = 0.8
	if x <= straight {
		return max(0, x)
	}
	return straight + (1-straight)*(1-math.Exp(-(x-straight)/(1-straight)))
}

// speed fills in rate and remaining time, from the last seconds.
func (t *track) speed(p *Progress, now time.Time) {
	if p.Stage != Dumping {
		t.rates = nil
		return
	}
	t.rates = append(t.rates, sample{now, p.Bytes.Raw, p.Fraction})
	for len(t.rates) > 2 && now.Sub(t.rates[0].at) > rateOver {
		t.rates = t.rates[1:]
	}
	first := t.rates[0]
	seconds := now.Sub(first.at).Seconds()
	if seconds < 0.5 {
		return
	}
	p.Rate = float64(p.Bytes.Raw-first.raw) / seconds
	if moved := p.Fraction - first.f; moved > 0 {
		if left := (0.99 - p.Fraction) / (moved / seconds); left < maxETA.Seconds() {
			p.ETA = time.Duration(left * float64(time.Second)).Round(time.Second)
		}
	}
}
