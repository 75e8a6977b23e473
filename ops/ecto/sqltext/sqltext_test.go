package sqltext

import "testing"

func TestAt(t *testing.T) {
	for _, c := range []struct {
		s    string
		i    int
		kind Kind
		end  int
	}{
		{`'a' b`, 0, Literal, 3},
		{`'it''s' b`, 0, Literal, 7},
		{`'a\' b`, 0, Literal, 4},
		{`E'a\' b' c`, 1, Literal, 8},
		{`'cut`, 0, Literal, 4},
		{`"a ""b""" c`, 0, Quoted, 9},
		{`"cut`, 0, Quoted, 4},
		{`$$a $b$ c$$ d`, 0, Literal, 11},
		{`$f$ '$$' $f$ d`, 0, Literal, 12},
		{`$f$ cut`, 0, Literal, 7},
		{`$1 + $2`, 0, Code, 0},
		{`a$b$c$b$`, 1, Code, 1},
		{"-- it's\nx", 0, Comment, 8},
		{"-- it's", 0, Comment, 7},
		{"- 1", 0, Code, 0},
		{"/* a /* b */ c */ d", 0, Comment, 17},
		{"/* a /* b */ c", 0, Comment, 14},
		{"select", 0, Code, 0},
	} {
		if kind, end := At(c.s, c.i); kind != c.kind || end != c.end {
			t.Errorf("%q at %d: kind %d to %d, want %d to %d", c.s, c.i, kind, end, c.kind, c.end)
		}
	}
}

func FuzzAt(f *testing.F) {
	for _, s := range []string{`E'\`, "$$", "/*/", `"'`, "--", "$é$x$é$"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i := 0; i < len(s); i++ {
			kind, end := At(s, i)
			if end > len(s) || kind == Code && end != i || kind != Code && end <= i {
				t.Fatalf("%q at %d: kind %d to %d", s, i, kind, end)
			}
		}
	})
}
