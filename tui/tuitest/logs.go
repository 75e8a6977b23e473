package tuitest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"ops-console/ops/feed"
	"ops-console/ops/logs"
	"ops-console/tui"
	"ops-console/tui/pane"
)

// Says makes it a session whose log can be followed.
func (s *Session) Says() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.says = true
}

// PublishLog makes what the log has the latest of it.
func (s *Session) PublishLog(l logs.Snapshot) {
	s.Says()
	s.logs.set(l)
}

// Reading says whether somebody looks at the log.
func (s *Session) Reading() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reading
}

// Past is what asking for lines of the past gives.
func (s *Session) Past(f func(pane.PastMsg) ([]logs.Line, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.past = f
}

// Logs implements tui.Session.
func (s *Session) Logs() tui.Logs {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.says {
		return nil
	}
	return logSource{&s.logs, s}
}

type logSource struct {
	*source[logs.Snapshot]
	s *Session
}

// Latest implements tui.Logs.
func (l logSource) Latest() logs.Snapshot { return l.get() }

// Attend implements tui.Logs.
func (l logSource) Attend(looking bool) {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.reading = looking
}

// Past implements tui.Logs.
func (l logSource) Past(_ context.Context, machine, region string) ([]logs.Line, error) {
	l.s.mu.Lock()
	past := l.s.past
	l.s.mu.Unlock()
	if past == nil {
		return nil, errors.New("this session has no past")
	}
	return past(pane.PastMsg{Machine: machine, Region: region})
}

// Log is what a made-up log has to show. The zero value is a quiet application whose lines come live.
type Log struct {
	Now     time.Time // zero: Now()
	Lines   int       // 0: 60
	Kept    int       // 0: logs.DefaultLines
	Polled  bool      // lines do not come live
	Cut     bool      // nothing comes at all
	Lost    bool      // lines came too fast
	First   bool      // nothing was answered yet
	Hostile bool      // texts that break a careless screen
	Days    bool      // the oldest are of days before
}

// LogRing is a log whose lines are added to by the test.
type LogRing struct {
	*logs.Ring
	o    Log
	rnd  *rand.Rand
	n    int
	at   time.Time
	ids  []string
	from []string
}

// NewLog is a log with its lines in it.
func NewLog(o Log) *LogRing {
	if o.Now.IsZero() {
		o.Now = Now()
	}
	if o.Lines == 0 {
		o.Lines = 60
	}
	r := &LogRing{Ring: logs.NewRing(o.Kept, 0), o: o, rnd: rand.New(rand.NewPCG(7, 7))}
	for _, in := range Snapshot(8, Options{Now: o.Now}).Instances {
		r.ids, r.from = append(r.ids, in.ID), append(r.from, in.Region)
	}
	r.at = o.Now.Add(-time.Duration(o.Lines) * step)
	if o.Days {
		r.at = r.at.Add(-26 * time.Hour)
	}
	r.Say(o.Lines)
	return r
}

// step is the time between two lines.
const step = 137 * time.Millisecond

// Say adds n lines more.
func (r *LogRing) Say(n int) {
	for range n {
		r.n++
		r.at = r.at.Add(step)
		if r.o.Days && r.n == r.o.Lines/2 {
			r.at = r.at.Add(26 * time.Hour)
		}
		r.Add(r.line())
	}
}

func (r *LogRing) line() logs.Line {
	i := r.rnd.IntN(len(r.ids))
	l := logs.Line{At: r.at, Received: r.at.Add(40 * time.Millisecond), Region: r.from[i], Machine: r.ids[i], Host: "8a01", Provider: logs.App, Level: logs.Info}
	request := fmt.Sprintf("F%07x", r.rnd.IntN(1<<28))
	switch k := r.n % 23; {
	case r.o.Hostile:
		hh := Hostile()
		l.Message = strings.Repeat(hh[r.n%len(hh)]+" ", 1+r.n%40)
		l.Machine, l.Region, l.Provider = hh[(r.n+1)%len(hh)], hh[(r.n+2)%len(hh)], logs.Provider(hh[(r.n+3)%len(hh)])
	case k == 7:
		l.Level, l.Message = logs.Warn, "[warning] Changelog.Repo: connection not available and request was dropped from queue after 412ms"
	case k == 11:
		l.Level, l.Message = logs.Error, "[error] #PID<0.4417.0> running ChangelogWeb.Endpoint terminated, request_id="+request+", ** (DBConnection.ConnectionError) tcp recv (idle): closed; the connection was closed by the pool, possibly due to a timeout or because the pool has been terminated"
	case k == 12:
		l.Level, l.Message = logs.Error, "    (ecto_sql 3.12.1) lib/ecto/adapters/sql.ex:1096: Ecto.Adapters.SQL.raise_sql_call_error/1"
	case k == 15:
		l.Provider, l.Message = logs.Runner, "Health check 'servicecheck-00-http-4000' on port 4000 is now passing."
	case k == 18:
		l.Provider, l.Level, l.Message = logs.Proxy, logs.Error, "[PR04] could not find a good candidate within 20 attempts at load balancing"
		l.Request = &logs.Request{ID: "01K9" + request, Method: "GET", URL: "https://changelog.example.com/podcast/" + fmt.Sprint(r.rnd.IntN(600)), Status: 503, Code: 4, Error: "no good candidate"}
	case k == 20:
		l.Level, l.Message = logs.Debug, "[debug] QUERY OK source=\"episodes\" db=1.2ms queue=0.1ms idle=812.4ms"
	case k%2 == 0:
		l.Message = fmt.Sprintf("request_id=%s [info] GET /podcast/%d", request, r.rnd.IntN(600))
	default:
		l.Message = fmt.Sprintf("request_id=%s [info] Sent 200 in %dms", request, 2+r.rnd.IntN(80))
	}
	return l
}

// Snapshot is the log as it is now.
func (r *LogRing) Snapshot(seq uint64) logs.Snapshot {
	now := r.o.Now
	s := logs.Snapshot{Seq: seq, At: now, Lines: r.View(), State: logs.State{Source: logs.Live, Since: now.Add(-192 * time.Second), LastAt: now, Primed: true}}
	st := &s.State
	failed := &logs.Failure{Text: "connect to [fdaa::3]:4223 over the private network: i/o timeout", Hint: "the peer may be of another organization: ops-console wg status", At: now.Add(-9 * time.Second)}
	switch {
	case r.o.First:
		s.State, s.Lines = logs.State{}, logs.View{}
	case r.o.Cut:
		st.Source, st.Since, st.LastAt = logs.NoSource, now.Add(-41*time.Second), now.Add(-41*time.Second)
		st.LiveFailure, st.NextTry = failed, now.Add(8*time.Second)
		st.PollFailure = &logs.Failure{Text: "read the log of changelog: 503 Service Unavailable", Hint: "status of the platform: https://status.flyio.net", At: now.Add(-3 * time.Second)}
	case r.o.Polled:
		st.Source, st.Since = logs.Polled, now.Add(-75*time.Second)
		st.LiveFailure, st.NextTry = failed, now.Add(21*time.Second)
	}
	if r.o.Lost {
		st.Lost, st.LostAt, st.Malformed = 312, now.Add(-20*time.Second), 3
	}
	return s
}

// LogFeed is the log as a pane is told of it.
func LogFeed(s logs.Snapshot) feed.Snapshot[*logs.Snapshot] {
	return feed.Snapshot[*logs.Snapshot]{Seq: s.Seq, At: s.At, GoodAt: s.At, Value: &s}
}
