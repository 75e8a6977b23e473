package tomlfile

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// flat lists every key of a tree with its place.
func flat(v *Value) []string {
	var out []string
	var walk func(*Value)
	walk = func(v *Value) {
		if v.Key != "" {
			out = append(out, fmt.Sprintf("%s %d:%d", v.Key, v.Line, v.Column))
		}
		if v.Table != nil {
			for _, n := range v.Table.Names {
				walk(v.Table.Values[n])
			}
		}
		for _, e := range v.Array {
			walk(e)
		}
	}
	walk(v)
	return out
}

func TestEveryKeyKnowsItsPlace(t *testing.T) {
	const file = `app = "a"
[probe]
  port = 4000
  headers = { "X-One" = "1", two.three = "2" }
[[agree]]
path = "/"
[[agree]]
path = "/feed"
ignore = ["a",
  "b"] # why
[agree.headers]
k = "v"
[app2.sub]
x.y = 1
`
	root, err := Parse("f", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"app 1:1",
		"probe 2:2", "probe.port 3:3", "probe.headers 4:3", "probe.headers.X-One 4:15", "probe.headers.two 4:30", "probe.headers.two.three 4:34",
		"agree 5:3", "agree[0] 5:3", "agree[0].path 6:1",
		"agree[1] 7:3", "agree[1].path 8:1", "agree[1].ignore 9:1", "agree[1].ignore[0] 9:11", "agree[1].ignore[1] 10:3",
		"agree[1].headers 11:8", "agree[1].headers.k 12:1",
		"app2 13:2", "app2.sub 13:7", "app2.sub.x 14:1", "app2.sub.x.y 14:3",
	}
	if diff := cmp.Diff(want, flat(root)); diff != "" {
		t.Error(diff)
	}
}

func TestBrokenFilesNameThePlace(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"syntax", "a = 1\nb = \n", "f:2:5: not TOML: "},
		{"duplicate", "a = 1\na = 2\n", "f:2:1: not TOML: "},
		{"not UTF-8", "a = 1\nbb\xff", "f:2:3: this is not UTF-8 text"},
		{"too long", strings.Repeat("#", MaxSize+1), "f: the file is longer than 256 kB"},
		{"deep dots", strings.Repeat("a.", 5000) + "a = 1", "f:1:129: tables and lists stand in each other more than 64 deep"},
		{"deep lists", "a = " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "more than 64 deep"},
		{"deeper lists", "a = " + strings.Repeat("[", 20000) + strings.Repeat("]", 20000), "f:1:"},
		{"escapes in it", "a = \x1b[2J\n", "f:1:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tt.file))
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("not safe to show: %q", err)
			}
		})
	}
}

func TestValuesSayWhatTheyAre(t *testing.T) {
	root, err := Parse("f", []byte("s='x'\ni=3\nf=1.5\nb=true\nl=[]\nt={}\nd=2020-01-01\ns2='5s'"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"s": `the text "x"`, "i": "the number 3", "f": "the number 1.5", "b": "true", "l": "a list", "t": "a table", "d": "a date or time"}
	for k, w := range want {
		if got := root.Table.Values[k].Kind(); got != w {
			t.Errorf("%s: got %s, want %s", k, got, w)
		}
	}
	if d, ok := root.Table.Values["s2"].Duration(0); !ok || d != 5*time.Second {
		t.Errorf("got %v %v", d, ok)
	}
	if d, ok := root.Table.Values["i"].Duration(time.Millisecond); !ok || d != 3*time.Millisecond {
		t.Errorf("got %v %v", d, ok)
	}
	if _, ok := root.Table.Values["i"].Duration(0); ok {
		t.Error("a bare number is no duration without a unit")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a = 1\n[b]\nc.d = [1, {e = 2}]\n[[f]]\n[[f]]\ng = 'x'\n"))
	f.Add([]byte("[a.b]\n[[a.c]]\nx = 1\n"))
	f.Add([]byte("x = [[1], [{a.b = 2}]]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := Parse("f", data)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("not an *Error: %v", err)
			}
			return
		}
		var walk func(*Value)
		walk = func(v *Value) {
			if v.Key != "" && v.Line == 0 {
				t.Errorf("%s has no place", v.Key)
			}
			if v.Table != nil {
				for _, n := range v.Table.Names {
					walk(v.Table.Values[n])
				}
			}
			for _, e := range v.Array {
				walk(e)
			}
		}
		walk(root)
	})
}
