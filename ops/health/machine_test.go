package health

import (
	"encoding/json"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/fly"
)

func TestHistory(t *testing.T) {
	ago := func(d time.Duration) time.Time { return t0.Add(-d) }
	m := time.Minute
	restart := fly.ExitEvent{ExitCode: 1, Restarting: true}
	wrapped := event("exit", fly.StateStopped, ago(3*m))
	wrapped.Request = &fly.EventRequest{MonitorEvent: &fly.MonitorEvent{ExitEvent: &fly.ExitEvent{GuestExitCode: 70, GuestSignal: -1, ExitedAt: ago(4 * m)}}}
	type facts struct {
		Since, Started time.Time
		Restarts, OOMs int
		Exit           *Exit
		ByUser         bool
	}
	stop := event("stop", fly.StateStopping, ago(5*m))
	stop.Source = "user"
	tests := []struct {
		name   string
		state  string
		events []fly.Event
		want   facts
	}{
		{"no events", fly.StateStarted, nil, facts{Since: ago(time.Hour), Started: ago(time.Hour)}},
		{
			"a start", fly.StateStarted,
			[]fly.Event{event("start", fly.StateStarted, ago(7*m)), event("launch", fly.StateCreated, ago(8*m))},
			facts{Since: ago(7 * m), Started: ago(7 * m)},
		},
		{
			"in any order", fly.StateStarted,
			[]fly.Event{event("launch", fly.StateCreated, ago(8*m)), event("start", fly.StateStarted, ago(7*m))},
			facts{Since: ago(7 * m), Started: ago(7 * m)},
		},
		{
			"the newest of two starts", fly.StateStarted,
			[]fly.Event{event("start", fly.StateStarted, ago(m)), event("start", fly.StateStarted, ago(9*m))},
			facts{Since: ago(m), Started: ago(m)},
		},
		{
			"restarts since the update", fly.StateStarted,
			[]fly.Event{
				event("start", fly.StateStarted, ago(m)), exitEvent(ago(2*m), restart), exitEvent(ago(3*m), restart),
				event("update", fly.StateReplacing, ago(4*m)), exitEvent(ago(5*m), restart),
			},
			facts{Since: ago(m), Started: ago(m), Restarts: 2, Exit: &Exit{At: ago(2 * m), Code: 1, Restarting: true}},
		},
		{
			"the older form of an exit", fly.StateStopped,
			[]fly.Event{wrapped},
			facts{Since: ago(3 * m), Exit: &Exit{At: ago(4 * m), Code: 70}},
		},
		{
			"stopped by a person", fly.StateStopped,
			[]fly.Event{exitEvent(ago(4*m), fly.ExitEvent{RequestedStop: true}), stop},
			facts{Since: ago(4 * m), Exit: &Exit{At: ago(4 * m), RequestedStop: true}, ByUser: true},
		},
		{
			"stopped by a person, then updated without a start", fly.StateStopped,
			[]fly.Event{event("update", fly.StateStopped, ago(m)), exitEvent(ago(4*m), fly.ExitEvent{RequestedStop: true}), stop},
			facts{Since: ago(4 * m), Exit: &Exit{At: ago(4 * m), RequestedStop: true}, ByUser: true},
		},
		{
			"kills for want of memory", fly.StateStarted,
			[]fly.Event{event("start", fly.StateStarted, ago(m)), exitEvent(ago(2*m), fly.ExitEvent{OOMKilled: true, Restarting: true, Signal: 9})},
			facts{Since: ago(m), Started: ago(m), Restarts: 1, OOMs: 1, Exit: &Exit{At: ago(2 * m), Signal: 9, OOM: true, Restarting: true}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := newMachine(0, "iad")
			in.State, in.Events = tt.state, tt.events
			out := read(in, nil, t0)
			got := facts{out.StateSince, out.StartedAt, out.Restarts, out.OOMKills, out.LastExit, out.byUser}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAutostop(t *testing.T) {
	for in, want := range map[string]bool{``: false, `null`: false, `false`: false, `true`: true, `"off"`: false, `"stop"`: true, `"suspend"`: true} {
		if got := autostops(fly.Service{Autostop: json.RawMessage(in)}); got != want {
			t.Errorf("autostop %s: %t", in, got)
		}
	}
}

func FuzzMachine(f *testing.F) {
	for _, m := range fleet(1, "iad", "fra") {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"id":"x","state":"stopped","host_status":"unreachable","config":null,"events":[{"type":"exit","request":{"MonitorEvent":{}}}]}`))
	f.Add([]byte(`{"id":"x","created_at":"9999-12-31T23:59:59-01:00","events":[{"type":"start","timestamp":9223372036854775807},{"type":"exit","timestamp":-9223372036854775808}]}`))
	f.Add([]byte(`{"id":"\u001b[2J","name":"\u202e","checks":[{"name":"a","status":"critical","output":"\u0000"}],"config":{"services":[{"autostop":"stop","checks":[{"type":"http"}]}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m fly.Machine
		if json.Unmarshal(b, &m) != nil {
			return
		}
		sc := newScene(m)
		s := sc.settled()
		out, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("%v of %s", err, b)
		}
		var back any
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatal(err)
		}
		texts(back, func(text string) {
			for _, r := range text {
				if r != '\n' && !unicode.IsPrint(r) || !utf8.ValidString(text) {
					t.Errorf("%q of %s", text, b)
				}
			}
		})
	})
}

// texts calls do with every string in a JSON value.
func texts(v any, do func(string)) {
	switch v := v.(type) {
	case string:
		do(v)
	case []any:
		for _, e := range v {
			texts(e, do)
		}
	case map[string]any:
		for k, e := range v {
			do(k)
			texts(e, do)
		}
	}
}
