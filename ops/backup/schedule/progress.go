package schedule

import (
	"bufio"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// How a run on a machine shows how it goes: HTTP on a port of the machine's own address in the private network, one line of
// JSON for each state. It is there for the eye only; the outcome is in the store.
//
// The platform's other ways were weighed. A command run in the machine through its API is answered when it ends and after a
// minute at the latest; objects in the store could not be written over, would cost a request each, and would have to be
// removed; the log loses lines and is late. The network is there already, since the console lives in it.
const (
	// ProgressPort is where a run on a machine listens.
	ProgressPort = 8700
	// ProgressPath is what is asked for.
	ProgressPath = "/backup/progress"
	// EnvProgress tells a run where to listen, as [::]:8700.
	EnvProgress = "OPS_CONSOLE_BACKUP_PROGRESS"
	// EnvProgressWord is what whoever asks has to know, so that others in the network learn nothing. It opens nothing else.
	EnvProgressWord = "OPS_CONSOLE_BACKUP_PROGRESS_WORD"
)

// pulse is how often a line is sent when there is nothing new: whoever reads knows a dead connection by its silence.
const pulse = 5 * time.Second

// line is one line of a stream.
type line struct {
	Seq   int             `json:"seq"`             // of the state; 0: there is none yet
	State json.RawMessage `json:"state,omitempty"` // nothing: nothing new
	End   bool            `json:"end,omitempty"`   // the last one
}

// Progress keeps the latest state of a run for whoever asks, and serves it. Make it with NewProgress. It is safe for
// concurrent use.
type Progress struct {
	word  string
	pulse time.Duration

	mu      sync.Mutex // guards the fields below
	last    line
	changed chan struct{} // closed at the next state
	seen    chan struct{} // closed when somebody got the last one
	told    bool
}

// NewProgress has no state yet. word is what whoever asks has to know.
func NewProgress(word string) *Progress {
	return &Progress{word: word, pulse: pulse, changed: make(chan struct{}), seen: make(chan struct{})}
}

// Publish makes v, as JSON, the latest state.
func (p *Progress) Publish(v any) error { return p.set(v, false) }

// End makes v the last state. What is published after it is ignored.
func (p *Progress) End(v any) error { return p.set(v, true) }

func (p *Progress) set(v any, end bool) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("progress: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last.End {
		return nil
	}
	p.last = line{Seq: p.last.Seq + 1, State: b, End: end}
	close(p.changed)
	p.changed = make(chan struct{})
	return nil
}

// WaitSeen returns when somebody got the last state, or when ctx ends: a process that ended at once would take its outcome
// with it before it is read.
func (p *Progress) WaitSeen(ctx context.Context) {
	select {
	case <-p.seen:
	case <-ctx.Done():
	}
}

func (p *Progress) latest() (line, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last, p.changed
}

func (p *Progress) markSeen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.told {
		p.told = true
		close(p.seen)
	}
}

// ServeHTTP sends the latest state and each that follows, as many as the reader keeps up with, until the last.
func (p *Progress) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case r.URL.Path != ProgressPath:
		http.NotFound(w, r)
		return
	case p.word == "" || subtle.ConstantTimeCompare([]byte(given), []byte(p.word)) != 1:
		http.Error(w, "not allowed", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	rc, enc := http.NewResponseController(w), json.NewEncoder(w)
	sent := 0
	for {
		l, changed := p.latest()
		if l.Seq == sent {
			l = line{Seq: sent}
		}
		_ = rc.SetWriteDeadline(time.Now().Add(4 * p.pulse))
		if err := errors.Join(enc.Encode(l), rc.Flush()); err != nil {
			return
		}
		sent = l.Seq
		if l.End {
			p.markSeen()
			return
		}
		select {
		case <-changed:
		case <-time.After(p.pulse):
		case <-r.Context().Done():
			return
		}
	}
}

// Serve answers on ln until ctx ends, and closes it.
func (p *Progress) Serve(ctx context.Context, ln net.Listener) error {
	srv := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, BaseContext: func(net.Listener) context.Context { return ctx }}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if srv.Shutdown(grace) != nil {
			_ = srv.Close()
		}
	})
	err := srv.Serve(ln)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// longest is how much one state may have.
const longest = 4 << 20

// errEnded: the last state came.
var errEnded = errors.New("the last state came")

// follow reads states from a machine until the last, the loss of the connection, or the end of ctx.
func follow(ctx context.Context, dial dialFunc, addr, word string, each func(json.RawMessage)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Silence is a lost connection: the one who serves sends a pulse.
	silence := time.AfterFunc(4*pulse, cancel)
	defer silence.Stop()
	tr := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+ProgressPath, nil)
	if err != nil {
		return fmt.Errorf("progress at %s: %w", addr, err)
	}
	req.Header.Set("Authorization", "Bearer "+word)
	res, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return fmt.Errorf("progress at %s: %w", addr, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("progress at %s: answered %s", addr, res.Status)
	}
	sc := bufio.NewScanner(res.Body)
	sc.Buffer(nil, longest)
	for sc.Scan() {
		silence.Reset(4 * pulse)
		var l line
		if err := json.Unmarshal(sc.Bytes(), &l); err != nil {
			return fmt.Errorf("progress at %s: %w", addr, err)
		}
		if len(l.State) > 0 {
			each(l.State)
		}
		if l.End {
			return errEnded
		}
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("progress at %s: %w", addr, err)
	}
	return fmt.Errorf("progress at %s: %w", addr, io.ErrUnexpectedEOF)
}

// dialFunc is how the private network is dialled.
type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)
