package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix/diff"
)

func TestTextsAreSetAgainstEachOther(t *testing.T) {
	type line struct {
		Op       diff.Op
		Old, New int
		Text     string
	}
	for _, c := range []struct {
		old, new []string
		want     []line
	}{
		{nil, nil, nil},
		{[]string{"a", "b"}, []string{"a", "b"}, []line{{' ', 1, 1, "a"}, {' ', 2, 2, "b"}}},
		{nil, []string{"a"}, []line{{'+', 0, 1, "a"}}},
		{[]string{"a", "plug :one", "c"}, []string{"a", "plug :two", "c"}, []line{{' ', 1, 1, "a"}, {'-', 2, 0, "plug :one"}, {'+', 0, 2, "plug :two"}, {' ', 3, 3, "c"}}},
	} {
		var got []line
		for _, l := range diff.Texts(c.old, c.new).Lines {
			got = append(got, line{l.Op, l.Old, l.New, l.Text})
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q and %q:\n%s", c.old, c.new, d)
		}
	}
	if h := diff.Texts([]string{"plug :one"}, []string{"plug :two"}); len(h.Lines[0].Words) < 2 {
		t.Errorf("no words are marked: %+v", h)
	}
}
