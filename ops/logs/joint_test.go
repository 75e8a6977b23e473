package logs

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestJointShowsEachLineOnce has one source tell everything from some time on and the other what comes while it is connected,
// interleaved in any way, with lines that are alike.
func TestJointShowsEachLineOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
		var truth []Line
		for i := range rapid.IntRange(0, 40).Draw(t, "lines") {
			truth = append(truth, Line{
				At:      base.Add(time.Duration(i/rapid.IntRange(1, 4).Draw(t, "at once")) * time.Millisecond),
				Machine: strconv.Itoa(rapid.IntRange(0, 1).Draw(t, "machine")),
				Message: strconv.Itoa(rapid.IntRange(0, 1).Draw(t, "text")),
			})
		}
		// What comes live is from some line on, and some of it is lost.
		var live []Line
		for _, l := range truth[rapid.IntRange(0, len(truth)).Draw(t, "connected at"):] {
			if rapid.IntRange(0, 5).Draw(t, "lost") > 0 {
				live = append(live, l)
			}
		}
		web := truth
		// Before there was a joint, some of it was shown.
		j := newJoint()
		var shown []Line
		for range rapid.IntRange(0, len(live)).Draw(t, "shown before") {
			j.shown(&live[0], fromLive)
			shown, live = append(shown, live[0]), live[1:]
		}
		again := rapid.IntRange(-1, len(web)).Draw(t, "begins again after")
		told := 0
		for len(live)+len(web) > 0 {
			if len(web) == 0 || len(live) > 0 && rapid.Bool().Draw(t, "live") {
				if j.fresh(&live[0], fromLive) {
					shown = append(shown, live[0])
				}
				live = live[1:]
				continue
			}
			if j.fresh(&web[0], fromWeb) {
				shown = append(shown, web[0])
			}
			web = web[1:]
			if told++; told == again {
				j.again(fromWeb)
				web = truth
			}
		}
		key := func(l Line) string { return l.At.String() + l.Machine + l.Message }
		count := func(ll []Line) []string {
			var out []string
			for _, l := range ll {
				out = append(out, key(l))
			}
			slices.Sort(out)
			return out
		}
		if got, want := count(shown), count(truth); !slices.Equal(got, want) {
			t.Fatalf("shown\n%v\nwant\n%v", got, want)
		}
	})
}

func TestLinesWithoutATimeAreAllShown(t *testing.T) {
	j := newJoint()
	l := Line{At: received, Unstamped: true, Message: "x"}
	for range 3 {
		if !j.fresh(&l, fromLive) {
			t.Error("it is not shown")
		}
	}
}

func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const window = 300 * time.Millisecond
		o := order{window: window}
		now := received
		var in, out []Line
		for i := range rapid.IntRange(0, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "wait")) * time.Millisecond)
			late := time.Duration(rapid.IntRange(0, 200).Draw(t, "late")) * time.Millisecond
			l := Line{At: now.Add(-late), Received: now, Message: strconv.Itoa(i)}
			in = append(in, l)
			o.add(l)
			if rapid.Bool().Draw(t, "release") {
				out = append(out, o.ripe(now)...)
			}
			if due, ok := o.due(now); ok && (due < 0 || due > window) {
				t.Fatalf("due in %s", due)
			}
		}
		out = append(out, o.ripe(now.Add(window))...)
		if _, ok := o.due(now); ok || len(out) != len(in) {
			t.Fatalf("%d of %d came out", len(out), len(in))
		}
		if !slices.IsSortedFunc(out, func(a, b Line) int { return a.At.Compare(b.At) }) {
			t.Fatalf("out of order: %v", out)
		}
	})
}

func TestWhatComesTooLateStaysWhereItComes(t *testing.T) {
	o := order{window: time.Second}
	o.add(Line{At: received, Received: received, Message: "a"})
	got := o.ripe(received.Add(time.Second))
	o.add(Line{At: received.Add(-time.Minute), Received: received.Add(2 * time.Second), Message: "late"})
	got = append(got, o.ripe(received.Add(3*time.Second))...)
	if len(got) != 2 || got[0].Message != "a" || got[1].Message != "late" {
		t.Errorf("got %v", got)
	}
}
