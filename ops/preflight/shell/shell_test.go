package shell

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScriptsAreSplitIntoCommands(t *testing.T) {
	for _, tc := range []struct {
		script string
		want   string // LINE:[maybe ]WORD|WORD …, one a line
	}{
		{"#!/bin/sh\nset -e\n\ncd -P -- \"$(dirname -- \"$0\")\"\nPHX_SERVER=true exec ./shop start\n", "2:set|-e\n4:dirname|--|$0\n4:cd|-P|--|$(dirname -- \"$0\")\n5:exec|./shop|start"},
		{"a && b || c; d & e | f", "1:a\n1:b\n1:maybe c\n1:d\n1:e\n1:f"},
		{"if [ -n \"$X\" ]; then\n  mix ecto.migrate\nelse\n  y\nfi\nz", "1:maybe [|-n|$X|]\n2:maybe mix|ecto.migrate\n4:maybe y\n6:z"},
		{"case $1 in\n  run) exec a ;;\n  *) b;;\nesac\nc", "1:maybe case|$1|in\n2:maybe run\n2:maybe exec|a\n3:maybe *\n3:maybe b\n5:c"},
		{"for x in 1 2; do a; done; b", "1:maybe for|x|in|1|2\n1:maybe a\n1:b"},
		{"a 'b c' \"d\\\"e\" f\\ g # no\nh#i", "1:a|b c|d\"e|f g\n2:h#i"},
		{"a \\\n  b\nc", "1:a|b\n3:c"},
		{"cat <<EOF > x\nmix ecto.migrate\nEOF\nb <<-'E'\n\tE\nc", "1:cat\n4:b\n6:c"},
		{"a >/dev/null 2>&1 <x b", "1:a|b"},
		{"A=1 B=\"x y\" c; D=2", "1:c\n1:"},
		{"a `b c` ${X:-d e} $((1 + 2))", "1:b|c\n1:a|`b c`|${X:-d e}|$((1 + 2))"},
		{"f() { x; }; { y; }", "1:f\n1:x\n1:y"},
		{"a 'no end", "1:a|no end"},
	} {
		var lines []string
		for _, c := range Parse(tc.script, 1) {
			maybe := ""
			if c.Maybe {
				maybe = "maybe "
			}
			lines = append(lines, fmt.Sprintf("%d:%s%s", c.Line, maybe, strings.Join(c.Words, "|")))
		}
		if diff := cmp.Diff(tc.want, strings.Join(lines, "\n")); diff != "" {
			t.Errorf("%q: %s", tc.script, diff)
		}
	}
}

func TestWordsAreWhatAProgramGets(t *testing.T) {
	got := Words("sh -c 'a && b $(c)' A=1 \"x y\" \\\"")
	if diff := cmp.Diff([]string{"sh", "-c", "a && b $(c)", "A=1", "x y", `"`}, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("if a; then b <<X && $(c `d` \"e\")\nX\nfi # f")
	f.Add("'\"\\\n${a{}}$((")
	f.Add("<<-\n<<'E\nE")
	f.Fuzz(func(t *testing.T, s string) {
		lines := strings.Count(s, "\n") + 1
		for _, c := range Parse(s, 1) {
			if c.Line < 1 || c.Line > lines {
				t.Fatalf("line %d of %d: %q", c.Line, lines, c.Words)
			}
		}
		Words(s)
	})
}
