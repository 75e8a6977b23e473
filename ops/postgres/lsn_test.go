package postgres

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParseLSN(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want LSN
	}{
		{"0/0", 0},
		{"16/B374D848", 0x16_B374D848},
		{"FFFFFFFF/FFFFFFFF", 1<<64 - 1},
		{"2/2d86a10", 0x2_02D86A10},
	} {
		got, err := ParseLSN(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("%s: got %d, %v, want %d", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{"", "/", "1", "1/", "/1", "1/2/3", "123456789/0", "0/123456789", "-1/0", "0x1/0", " 1/0", "g/0", "1_0/0"} {
		if got, err := ParseLSN(in); err == nil {
			t.Errorf("%q was read as %s", in, got)
		}
	}
}

func TestLSNIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := LSN(rapid.Uint64().Draw(t, "lsn"))
		b, err := l.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back LSN
		if err := back.UnmarshalText(b); err != nil || back != l {
			t.Fatalf("%s: %v", b, err)
		}
	})
}

func TestSubHasASign(t *testing.T) {
	a, b := LSN(0x1_00000000), LSN(0xFFFFFFF0)
	if a.Sub(b) != 16 || b.Sub(a) != -16 || a.Sub(a) != 0 {
		t.Error(a.Sub(b), b.Sub(a), a.Sub(a))
	}
}

func TestEndTakesOffHeadersThatNothingFollows(t *testing.T) {
	const mb = 1 << 20
	for _, tt := range []struct {
		in, want string
		segment  uint64
	}{
		{"0/700028", "0/700000", mb}, // after a switch of segments
		{"0/704018", "0/704000", mb}, // after a full page
		{"0/700018", "0/700018", mb}, // within the first header: no position at all
		{"0/704028", "0/704028", mb}, // an ordinary record
		{"0/700000", "0/700000", mb},
		{"0/704010", "0/704010", mb},
		{"0/1000028", "0/1000000", 0},
		{"0/0", "0/0", 0},
	} {
		in, _ := ParseLSN(tt.in)
		if got := in.End(tt.segment); got.String() != tt.want {
			t.Errorf("%s: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func FuzzParseLSN(f *testing.F) {
	for _, s := range []string{"0/0", "16/B374D848", "ffffffff/1", "/", "1/g"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		l, err := ParseLSN(in)
		if err != nil {
			return
		}
		if back, err := ParseLSN(l.String()); err != nil || back != l {
			t.Errorf("%q: %s: %s, %v", in, l, back, err)
		}
		if e := l.End(1 << 20); e > l || l-e > longHeader || e.End(1<<20) != e {
			t.Errorf("%s: End %s", l, e)
		}
	})
}
