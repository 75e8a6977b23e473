package archive

import "io"

// Counter counts an archive that somebody else writes: a branch of a stream. It never holds that up for longer than counting
// takes, and never fails it: what is no archive is what Close says.
type Counter struct {
	w      *io.PipeWriter
	done   chan struct{}
	counts *Counts
	err    error
}

// NewCounter starts counting. Close must be called.
func NewCounter(o Options) *Counter {
	r, w := io.Pipe()
	c := &Counter{w: w, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.counts, c.err = Count(r, o)
		// What follows after an error is nobody's.
		r.Close() //nolint:errcheck // never fails
	}()
	return c
}

// Write takes a piece of the archive. It always succeeds.
func (c *Counter) Write(b []byte) (int, error) {
	//nolint:errcheck // the only error is that counting ended, which Close gives
	c.w.Write(b)
	return len(b), nil
}

// Close says that this was all, and gives what it held. cause is why the archive ends here if that is not its end; nil: it
// is whole.
func (c *Counter) Close(cause error) (*Counts, error) {
	c.w.CloseWithError(cause) //nolint:errcheck // never fails
	<-c.done
	return c.counts, c.err
}
