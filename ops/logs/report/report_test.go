package report

import (
	"bytes"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/logs"
)

var at = time.Date(2026, 11, 21, 20, 0, 1, 123456789, time.UTC)

func some() []*logs.Line {
	return []*logs.Line{
		{At: at, Region: "ord", Machine: "148e21abcdef01", Host: "h1", Provider: logs.App, Level: logs.Info, Message: "GET /"},
		{At: at, Region: "syd", Machine: "148e21abcdef02", Provider: logs.Runner, Level: logs.Error, Message: "Process appears to have been OOM killed!"},
		{At: at, Unstamped: true, Message: "  who knows <when>"},
		{At: at, Region: "ord", Machine: "90", Provider: logs.Proxy, Level: logs.Warn, Message: "late", Request: &logs.Request{
			ID: "R1", Method: "GET", URL: "https://changelog.example/", Status: 502, Code: 1, Error: "refused",
		}},
	}
}

func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, Options{}).Write(some()...); err != nil {
		t.Fatal(err)
	}
	want := `2026-11-21T20:00:01.123Z ord 148e21abcdef01 app    info  GET /
2026-11-21T20:00:01.123Z syd 148e21abcdef02 runner error Process appears to have been OOM killed!
2026-11-21T20:00:01.~~~Z -   -              -      -       who knows <when>
2026-11-21T20:00:01.123Z ord 90             proxy  warn  late
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTextInColourSaysTheSame(t *testing.T) {
	var plain, colour bytes.Buffer
	if err := Text(&plain, Options{}).Write(some()...); err != nil {
		t.Fatal(err)
	}
	if err := Text(&colour, Options{Color: true}).Write(some()...); err != nil {
		t.Fatal(err)
	}
	got := colour.String()
	if !strings.Contains(got, "\x1b[31merror\x1b[0m ") {
		t.Errorf("an error is not red: %q", got)
	}
	for _, s := range append([]string{reset, faint}, colors[logs.Warn], colors[logs.Error]) {
		got = strings.ReplaceAll(got, s, "")
	}
	if diff := cmp.Diff(plain.String(), got); diff != "" {
		t.Errorf("(-plain +colour)\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b).Write(some()...); err != nil {
		t.Fatal(err)
	}
	want := `{"time":"2026-11-21T20:00:01.123456789Z","region":"ord","machine":"148e21abcdef01","host":"h1","provider":"app","level":"info","message":"GET /"}
{"time":"2026-11-21T20:00:01.123456789Z","region":"syd","machine":"148e21abcdef02","provider":"runner","level":"error","message":"Process appears to have been OOM killed!"}
{"time":"2026-11-21T20:00:01.123456789Z","unstamped":true,"message":"  who knows \u003cwhen\u003e"}
{"time":"2026-11-21T20:00:01.123456789Z","region":"ord","machine":"90","provider":"proxy","level":"warn","message":"late","request":{"id":"R1","method":"GET","url":"https://changelog.example/","status":502,"error_code":1,"error":"refused"}}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestEveryFieldIsDocumented keeps docs/logs.md in step with the types.
func TestEveryFieldIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[line](), reflect.TypeFor[request]()} {
		for f := range typ.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !bytes.Contains(doc, []byte("| `"+key+"` |")) {
				t.Errorf("docs/logs.md does not say what `%s` is", key)
			}
		}
	}
}

// counting counts writes, and fails after some.
type counting struct{ n, most int }

var errFull = errors.New("full")

func (c *counting) Write(b []byte) (int, error) {
	if c.n++; c.n > c.most {
		return 0, errFull
	}
	return len(b), nil
}

func TestManyLinesAreWrittenTogether(t *testing.T) {
	var ll []*logs.Line
	for range 1000 {
		ll = append(ll, some()...)
	}
	c := &counting{most: 1 << 20}
	if err := Text(c, Options{}).Write(ll...); err != nil {
		t.Fatal(err)
	}
	if c.n > 20 {
		t.Errorf("%d writes for %d lines", c.n, len(ll))
	}
	if err := Text(&counting{most: 1}, Options{}).Write(ll...); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
	if err := Text(&counting{}, Options{}).Write(); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
}
