package platform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ops-console/ops/fly"
)

// trace is one recorded request and its answer.
type trace struct {
	T       float64           `json:"t"`
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Query   string            `json:"query"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
	GQL     string            `json:"gql_query"`
	Vars    json.RawMessage   `json:"gql_vars"`
	Status  int               `json:"status"`
	Resp    json.RawMessage   `json:"resp"`
}

// cut is a value whose record breaks off before it can be told what it is.
type cut struct{}

// prefixReader reads JSON that may break off anywhere.
type prefixReader struct {
	s   string
	pos int
}

func (r *prefixReader) space() {
	for r.pos < len(r.s) && strings.IndexByte(" \t\r\n,:", r.s[r.pos]) >= 0 {
		r.pos++
	}
}

func (r *prefixReader) value() any {
	r.space()
	if r.pos >= len(r.s) {
		return cut{}
	}
	switch r.s[r.pos] {
	case '{':
		r.pos++
		obj := map[string]any{}
		for {
			r.space()
			if r.pos >= len(r.s) || r.s[r.pos] == '}' {
				r.pos++
				return obj
			}
			k, whole := r.text()
			if !whole {
				return obj
			}
			obj[k] = r.value()
		}
	case '[':
		r.pos++
		list := []any{}
		for {
			r.space()
			if r.pos >= len(r.s) || r.s[r.pos] == ']' {
				r.pos++
				return list
			}
			list = append(list, r.value())
		}
	case '"':
		s, _ := r.text()
		return s
	default:
		at := r.pos
		for r.pos < len(r.s) && strings.IndexByte(",}] \n", r.s[r.pos]) < 0 {
			r.pos++
		}
		var v any
		if json.Unmarshal([]byte(r.s[at:r.pos]), &v) != nil {
			return cut{}
		}
		return v
	}
}

// text reads a text, and says whether it is whole.
func (r *prefixReader) text() (string, bool) {
	at := r.pos
	for r.pos++; r.pos < len(r.s); r.pos++ {
		switch r.s[r.pos] {
		case '\\':
			r.pos++
		case '"':
			r.pos++
			var s string
			err := json.Unmarshal([]byte(r.s[at:r.pos]), &s)
			return s, err == nil
		}
	}
	return "", false
}

// recorded is the answer of a record, as far as it goes.
func recorded(raw json.RawMessage) any {
	var c struct {
		Text *string `json:"_truncated"`
	}
	if json.Unmarshal(raw, &c) == nil && c.Text != nil {
		return (&prefixReader{s: *c.Text}).value()
	}
	return (&prefixReader{s: string(raw)}).value()
}

// otherwise lists in what got differs from a record. aliases, for GraphQL, says what a field is called without its
// alias; the record may then have fields that were not asked for.
func otherwise(path string, rec, got any, aliases map[string]string) []string {
	switch rec := rec.(type) {
	case cut, nil:
		return nil
	case map[string]any:
		obj, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %s, recorded an object", path, typeOf(got))}
		}
		var out []string
		keys := slices.Sorted(maps.Keys(rec))
		if aliases != nil {
			keys = slices.Sorted(maps.Keys(obj))
		}
		for _, k := range keys {
			r, ok := rec[k]
			if !ok {
				r = rec[aliases[k]]
			}
			g, ok := obj[k]
			for name := range obj {
				if !ok && strings.EqualFold(name, k) {
					g, ok = obj[name], true
				}
			}
			if !ok {
				// Which options a config has, and what an event was about, differs from one to the next.
				if !strings.Contains(path, ".config") && !strings.Contains(path, ".events[") {
					out = append(out, path+"."+k+": missing")
				}
				continue
			}
			out = append(out, otherwise(path+"."+k, r, g, aliases)...)
		}
		return out
	case []any:
		list, ok := got.([]any)
		if !ok {
			return []string{fmt.Sprintf("%s: %s, recorded a list", path, typeOf(got))}
		}
		var out []string
		for i, g := range list {
			if len(rec) > 0 {
				out = append(out, otherwise(fmt.Sprintf("%s[%d]", path, i), rec[min(i, len(rec)-1)], g, aliases)...)
			}
		}
		return out
	}
	if typeOf(rec) != typeOf(got) {
		return []string{fmt.Sprintf("%s: %s, recorded %s", path, typeOf(got), typeOf(rec))}
	}
	return nil
}

var (
	aliasPattern   = regexp.MustCompile(`(\w+)\s*:\s*(\w+)`)
	machinePattern = regexp.MustCompile(`\b17[0-9a-f]{12}\b`)
)

// replay makes the requests of a record. What was recorded of ids and nonces is replaced by ours.
type replay struct {
	*bench
	ours  map[string]string // by what was recorded
	spare []string          // machines of ours that stand for no recorded one yet
	// trouble says that the recorded world had a fault that this one has not: statuses may differ, shapes may not.
	trouble bool
	differ  int // statuses that did
}

func (p *replay) translate(s string) string {
	s = machinePattern.ReplaceAllStringFunc(s, func(id string) string {
		if p.ours[id] == "" && len(p.spare) > 0 {
			p.ours[id], p.spare = p.spare[0], p.spare[1:]
		}
		if p.ours[id] == "" {
			return id
		}
		return p.ours[id]
	})
	for rec, our := range p.ours {
		s = strings.ReplaceAll(s, rec, our)
	}
	return s
}

// learn remembers what of an answer later requests name.
func (p *replay) learn(rec any, a answer) {
	for _, path := range [][]string{{"id"}, {"release", "id"}, {"data", "nonce"}} {
		r, _ := (answer{json: rec}).get(path...).(string)
		o, _ := a.get(path...).(string)
		if len(r) > 3 && o != "" && p.ours[r] == "" {
			p.ours[r] = o
		}
	}
}

func (p *replay) step(x trace) {
	p.Helper()
	target := p.translate(x.Path)
	if x.Query != "" {
		q, err := url.ParseQuery(strings.ReplaceAll(p.translate(x.Query), "tok1", strconv.FormatInt(p.now().UnixNano(), 10)))
		if err != nil {
			p.Fatal(err)
		}
		target += "?" + q.Encode()
	}
	var body any
	aliases := map[string]string(nil)
	switch {
	case x.GQL != "":
		body = p.translate(fmt.Sprintf(`{"query":%s,"variables":%s}`, strconv.Quote(x.GQL), cmpOr(x.Vars)))
		aliases = map[string]string{}
		for _, m := range aliasPattern.FindAllStringSubmatch(x.GQL, -1) {
			aliases[m[1]] = m[2]
		}
	case len(x.Body) > 0 && string(x.Body) != "null":
		body = fitting(p.translate(string(x.Body)), machinePattern.MatchString(x.Path))
	}
	var headers []string
	for k, v := range x.Headers {
		if !strings.EqualFold(k, "content-length") {
			headers = append(headers, k, p.translate(v))
		}
	}
	ask := func() answer { return p.do(x.Method, target, body, headers...) }
	var a answer
	if strings.HasSuffix(x.Path, "/wait") {
		a = p.in(ask)
	} else {
		a = ask()
	}
	rec := recorded(x.Resp)
	p.learn(rec, a)
	what := x.Method + " " + target + " " + x.GQL
	if len(what) > 160 {
		what = what[:160]
	}
	// A machine without a lease has none to drop: clients do not mind.
	noLease := x.Method == http.MethodDelete && strings.HasSuffix(x.Path, "/lease") && a.status == 404
	if a.status != x.Status && (p.trouble || noLease) {
		p.differ++
		return
	}
	if a.status != x.Status {
		p.Errorf("%s: status %d, recorded %d: %.300s", what, a.status, x.Status, a.text)
		return
	}
	for _, d := range otherwise("$", rec, a.json, aliases) {
		p.Errorf("%s: %s", what, d)
	}
}

// fitting is a body without what does not hold here: the recorder gave no lease with a new machine, so that its caller
// had no nonce; and the machine that stands for a recorded one has another name.
func fitting(body string, update bool) any {
	var fields map[string]any
	if json.Unmarshal([]byte(body), &fields) != nil {
		return body
	}
	delete(fields, "lease_ttl")
	if update {
		delete(fields, "name")
	}
	return fields
}

func cmpOr(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "null"
	}
	return string(raw)
}

// troubled is the records of worlds in which something went wrong by the recorder's will.
var troubled = map[string]bool{
	"deploy_foreign_lease": true, "deploy_concurrent_release": true, "deploy_concurrent_rolling": true, "deploy_crash": true,
	"deploy_crash_onegroup": true, "deploy_empty_list": true, "deploy_release_fail": true, "deploy_reverted": true,
	"deploy_unhealthy": true, "deploy_worker_exit0": true, "deploy_worker_exit1": true,
}

// recorderDelays is how fast the recorded world was.
func recorderDelays() Delays {
	ms := time.Millisecond
	return Delays{Create: 10 * ms, Start: 50 * ms, Boot: 50 * ms, Stop: 10 * ms, Replace: 50 * ms, Suspend: 10 * ms, Destroy: 10 * ms, Check: 10 * ms, Job: 1500 * ms}
}

// matchRegions lets the machines of a record that are updated be stood for by ours of the same region.
func (p *replay) matchRegions(raw []byte) {
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var x trace
		var body struct{ Region string }
		if json.Unmarshal(lines.Bytes(), &x) != nil || x.Method != http.MethodPost || json.Unmarshal(x.Body, &body) != nil || body.Region == "" {
			continue
		}
		id := machinePattern.FindString(x.Path)
		if id == "" || p.ours[id] != "" {
			continue
		}
		for i, our := range p.spare {
			if in, _ := p.w.Instance(our); in.Region == body.Region {
				p.ours[id] = our
				p.spare = slices.Delete(p.spare, i, i+1)
				break
			}
		}
	}
}

// TestRecordedRequestsGetTheRecordedShape replays recorded requests of the platform's command line client, one file of
// JSON lines for each command, from the directory that OPS_CONSOLE_FLY_TRACES names. They are not part of the
// repository; testdata/shapes has the same requests and shapes in this project's words.
func TestRecordedRequestsGetTheRecordedShape(t *testing.T) {
	dir := os.Getenv("OPS_CONSOLE_FLY_TRACES")
	if dir == "" {
		t.Skip("OPS_CONSOLE_FLY_TRACES names no directory of recorded requests")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no records in %s (%v)", dir, err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".jsonl"), func(t *testing.T) {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t, Options{Org: fly.Organization{ID: "org1"}, Delays: recorderDelays(), Exec: func(context.Context, Instance, []string) fly.ExecResult {
				return fly.ExecResult{Stdout: "ok\n"}
			}})
			for v := 39; v <= 41; v++ {
				if _, err := b.w.AddRelease(ReleaseSpec{Version: v}); err != nil {
					t.Fatal(err)
				}
			}
			ids := append(b.add(3, MachineSpec{}, "ord", "ord", "iad"), b.add(1, MachineSpec{Group: "worker"})...)
			if err := b.w.SetSecret("", "SECRET_KEY_BASE", "x"); err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(raw, []byte("addWireGuardPeer(")) {
				if _, err := b.w.AddPeer("ops-console", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "ord"); err != nil {
					t.Fatal(err)
				}
			}
			p := &replay{bench: b, ours: map[string]string{}, spare: ids, trouble: troubled[strings.TrimSuffix(filepath.Base(f), ".jsonl")]}
			p.matchRegions(raw)
			start := b.now()
			n := 0
			lines := bufio.NewScanner(bytes.NewReader(raw))
			lines.Buffer(nil, 16<<20)
			for lines.Scan() {
				var x trace
				if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
					t.Fatal(err)
				}
				if x.Method == http.MethodConnect || x.Method == "" || x.Status == 0 {
					continue
				}
				if strings.Contains(string(x.Vars), `"appName": ""`) {
					// The recorder answered for an app without a name; the platform has none.
					continue
				}
				if at := start.Add(time.Duration(x.T * float64(time.Second))); at.After(b.now()) {
					b.forward(at.Sub(b.now()))
				}
				if id := p.translate(machinePattern.FindString(x.Path)); strings.HasSuffix(x.Path, "/exec") && b.state(id) != fly.StateStarted {
					// The recorder ran commands in machines that do not run.
					continue
				}
				p.step(x)
				n++
			}
			t.Logf("%d requests, %d with another status", n, p.differ)
		})
	}
}
