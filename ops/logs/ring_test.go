package logs

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// numbers are the lines of a view by what they say, in both directions and one by one.
func numbers(t *rapid.T, v View) []string {
	var up, down, one []string
	for l := range v.From(0) {
		up = append(up, l.Message)
	}
	for l := range v.Back(v.Last()) {
		down = append(down, l.Message)
	}
	slices.Reverse(down)
	for seq := v.First(); seq != 0 && seq <= v.Last(); seq++ {
		one = append(one, v.Line(seq).Message)
	}
	if !slices.Equal(up, down) || !slices.Equal(up, one) {
		t.Fatalf("upwards %v, downwards %v, one by one %v", up, down, one)
	}
	if len(up) != v.Len() {
		t.Fatalf("%d lines of %d", len(up), v.Len())
	}
	return up
}

func TestRingKeepsTheNewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 700).Draw(t, "most")
		r := NewRing(most, 1<<30)
		var all []string
		type held struct {
			v    View
			want []string
		}
		var views []held
		for range rapid.IntRange(1, 15).Draw(t, "rounds") {
			var ll []Line
			for range rapid.IntRange(0, 400).Draw(t, "lines") {
				all = append(all, strconv.Itoa(len(all)+1))
				ll = append(ll, Line{Message: all[len(all)-1]})
			}
			r.Add(ll...)
			v := r.View()
			want := all[max(0, len(all)-most):]
			if got := numbers(t, v); !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			if got := int(v.Dropped()) + v.Len(); got != len(all) || int(v.Last()) != len(all) {
				t.Fatalf("%d dropped and %d there, last is %d, of %d", v.Dropped(), v.Len(), v.Last(), len(all))
			}
			from := uint64(rapid.IntRange(0, len(all)+2).Draw(t, "from"))
			n := 0
			for l := range v.From(from) {
				if l.Seq < from {
					t.Fatalf("from %d there is %d", from, l.Seq)
				}
				n++
			}
			if wantN := min(v.Len(), max(0, len(all)-int(max(from, 1))+1)); n != wantN {
				t.Fatalf("from %d of %d: %d lines, want %d", from, len(all), n, wantN)
			}
			views = append(views, held{v, slices.Clone(want)})
		}
		for _, h := range views {
			if got := numbers(t, h.v); !slices.Equal(got, h.want) {
				t.Fatalf("a view changed: %v, want %v", got, h.want)
			}
		}
	})
}

func TestRingIsBoundedBySize(t *testing.T) {
	const most = 1 << 20
	r := NewRing(1_000_000, most)
	message := strings.Repeat("x", MaxMessage)
	for range 5000 {
		r.Add(Line{Message: message})
	}
	v := r.View()
	if size := v.Len() * (len(message) + lineSize); size > most+most/4 || size < most/2 {
		t.Errorf("%d lines, %d bytes, of %d", v.Len(), size, most)
	}
	if v.Line(5000) == nil || v.Line(v.First()-1) != nil || v.Line(5001) != nil || v.Line(0) != nil {
		t.Error("the newest is not there, or others are")
	}
}

func TestEmptyViews(t *testing.T) {
	for name, v := range map[string]View{"zero": {}, "of an empty ring": NewRing(0, 0).View()} {
		if v.Len() != 0 || v.First() != 0 || v.Last() != 0 || v.Dropped() != 0 || v.Line(1) != nil || len(v.Tail(Filter{}, 5)) != 0 {
			t.Errorf("%s: not empty: %+v", name, v)
		}
		for range v.From(0) {
			t.Errorf("%s: a line", name)
		}
	}
}

func TestTail(t *testing.T) {
	r := NewRing(0, 0)
	for i := range 10 {
		r.Add(Line{Message: strconv.Itoa(i), Level: Level(i%2) + Info})
	}
	var got []string
	for _, l := range r.View().Tail(Filter{Level: Warn}, 3) {
		got = append(got, l.Message)
	}
	if diff := cmp.Diff([]string{"5", "7", "9"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
