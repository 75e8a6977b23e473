package fly

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAConfigurationIsSentBackAsItCame(t *testing.T) {
	const raw = `{"image":"i", "zzz":{"new":[1, 2.50]},"checks":{"up":{"type":"http","interval":"15s","timeout":5000000000}},"init":{}}`
	var m Machine
	if err := json.Unmarshal([]byte(`{"id":"m","config":`+raw+`}`), &m); err != nil {
		t.Fatal(err)
	}
	if string(m.Config.Raw) != raw || m.Undecoded != "" {
		t.Errorf("got %s, undecoded %q", m.Config.Raw, m.Undecoded)
	}
	want := MachineCheck{Type: "http", Interval: Duration(15 * time.Second), Timeout: Duration(5 * time.Second)}
	if diff := cmp.Diff(want, m.Config.Checks["up"]); diff != "" {
		t.Error(diff)
	}
	b, err := json.Marshal(m.Config)
	if err != nil {
		t.Fatal(err)
	}
	var x, y any
	_ = json.Unmarshal([]byte(raw), &x)
	_ = json.Unmarshal(b, &y)
	if diff := cmp.Diff(x, y); diff != "" {
		t.Error(diff)
	}
	b, err = json.Marshal(MachineConfig{Image: "i"})
	if err != nil || string(b) != `{"image":"i"}` {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestAFieldThatIsNotAsExpectedLosesNothingElse(t *testing.T) {
	var m Machine
	err := json.Unmarshal([]byte(`{"id":"m","state":7,"created_at":"yesterday","region":"iad","cordoned":true,
		"config":{"image":"i","mounts":"none","checks":{"up":{"interval":"soon"}},"metadata":{"a":"b"}},
		"events":[{"id":"e","timestamp":5}]}`), &m)
	if err != nil {
		t.Fatal(err)
	}
	if m.ID != "m" || m.Region != "iad" || !m.Cordoned || m.State != "" || m.Config == nil || m.Config.Image != "i" || m.Config.Metadata["a"] != "b" || len(m.Events) != 1 {
		t.Errorf("got %+v", m)
	}
	for _, part := range []string{"created_at: ", "state: "} {
		if !strings.Contains(m.Undecoded, part) {
			t.Errorf("%q does not name %s", m.Undecoded, part)
		}
	}
	for _, part := range []string{"checks: ", "mounts: "} {
		if !strings.Contains(m.Config.Undecoded, part) {
			t.Errorf("%q does not name %s", m.Config.Undecoded, part)
		}
	}
}

func TestAMachineWhoseHostIsUnreachableHasNoConfig(t *testing.T) {
	var m Machine
	if err := json.Unmarshal([]byte(`{"id":"m","host_status":"unreachable","config":null,"incomplete_config":{"image":"i"}}`), &m); err != nil {
		t.Fatal(err)
	}
	if m.Config != nil || m.IncompleteConfig == nil || m.IncompleteConfig.Image != "i" || m.HostStatus != HostUnreachable {
		t.Errorf("got %+v", m)
	}
}

func FuzzMachine(f *testing.F) {
	f.Add([]byte(`{"id":"m","state":7,"config":{"image":1,"checks":{"a":{"interval":"x"}}},"events":[{"request":{"MonitorEvent":{"exit_event":{}}}}]}`))
	f.Add([]byte(`{"id":"m","created_at":"2026-01-01T00:00:00Z","config":{"services":[{"autostop":"suspend","ports":[{"port":80}]}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m Machine
		if json.Unmarshal(b, &m) != nil {
			return
		}
		for _, e := range m.Events {
			e.Exit()
		}
		if m.Config != nil {
			if out, err := json.Marshal(m.Config); err != nil || !json.Valid(out) {
				t.Errorf("%s cannot be sent back: %v", m.Config.Raw, err)
			}
		}
	})
}

func FuzzDuration(f *testing.F) {
	f.Add([]byte(`"15s"`))
	f.Add([]byte(`15000000000`))
	f.Add([]byte(`1e300`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Duration
		if d.UnmarshalJSON(b) != nil {
			return
		}
		out, err := d.MarshalJSON()
		var back Duration
		if err != nil || back.UnmarshalJSON(out) != nil || back != d {
			t.Errorf("%s: got %v back from %s", b, back, out)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"errors":[{"message":"a","extensions":{"code":"NOT_FOUND"}}]}`), "application/json")
	f.Add([]byte(`{"error":{"a":1},"status":3}`), "text/html; charset=")
	f.Add([]byte("<html><title>\x1b[2Jfo1_abcdefgh"), "")
	f.Fuzz(func(t *testing.T, b []byte, kind string) {
		tok, _ := NewToken(testToken)
		message, code := problem(b, map[string][]string{"Content-Type": {kind}})
		harmless(t, tok.clean(message+code))
		var answer struct{ Errors []graphError }
		harmless(t, tok.clean(decode(b, kind, &answer)))
		if e := refusal(answer.Errors); e != nil {
			e.Message = tok.clean(e.Message)
			harmless(t, e.Error())
		}
		var mm []Machine
		harmless(t, tok.clean(decode(b, kind, &mm)))
		var rr struct{ Releases []webRelease }
		harmless(t, tok.clean(decode(b, kind, &rr)))
	})
}
