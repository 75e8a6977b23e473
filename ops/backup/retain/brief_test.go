package retain

import "testing"

func TestBrief(t *testing.T) {
	for want, d := range map[string]Decision{
		"":                                      {},
		"last, hourly, newest proven: restored": {ID: "a", Keep: true, Reasons: []string{"last 1 of 3", "hourly 1 of 24 (2026-11-21 19h +0000)", "hourly 2 of 24 (2026-11-21 18h +0000)", "newest proven: restored"}},
		"pinned, within 36h":                    {ID: "a", Keep: true, Reasons: []string{"pinned: the end of the year", "within 36h"}},
		"may go":                                {ID: "a", Reasons: []string{"no rule keeps it"}},
		"frozen":                                {ID: "a", Keep: true, Frozen: "the newest run failed", Reasons: []string{"frozen: the newest run failed"}},
	} {
		if got := d.Brief(); got != want {
			t.Errorf("%+v is %q, want %q", d, got, want)
		}
	}
}
