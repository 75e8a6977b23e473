package retain

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// policyCmp compares zones by name.
var policyCmp = cmp.Comparer(func(a, b *time.Location) bool {
	name := func(l *time.Location) string {
		if l == nil {
			return "UTC"
		}
		return l.String()
	}
	return name(a) == name(b)
})

func TestParse(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Policy{
		"hourly 24, daily 7, weekly 5, monthly 12, yearly 3, last 3, predeploy 5": Default(),
		" DAILY   7 ,within 36h":                           {Daily: 7, Within: 36 * time.Hour},
		"within 2w, min 5, at-most 20%, zone Europe/Paris": {Within: 14 * 24 * time.Hour, MinKeep: 5, AtMost: 20, Zone: paris},
		"last 1, at-most 100":                              {Last: 1, AtMost: 100},
		"within 90m":                                       {Within: 90 * time.Minute},
		"within 14d":                                       {Within: 14 * 24 * time.Hour},
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got, policyCmp); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "keep next to nothing",
		"predeploy 5":              "keeps nothing",
		"daily 0":                  "keeps nothing",
		"daily":                    "a word and a value",
		"daily 7,":                 "a word and a value",
		"daily 7 8":                "a word and a value",
		"dayly 7":                  "unknown: it may be hourly,",
		"daily -1":                 "no number from 0",
		"daily 7, daily 8":         "given twice",
		"daily 99999999999":        "no number from 0",
		"within 0s":                "not between",
		"within 3":                 "no duration",
		"within 9999999w":          "no number from 0",
		"daily 7, at-most 0%":      "nothing could ever go",
		"daily 7, at-most 101%":    "no number from 0 to 100",
		"daily 7, zone Local":      "name the zone",
		"daily 7, zone Mars/Phobo": "zone Mars/Phobo",
	} {
		if p, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want %q", text, p, err, want)
		}
	}
}

func TestPolicyTextIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		p.Within = rapid.SampledFrom([]time.Duration{0, time.Second, 90 * time.Minute, 36 * time.Hour, 10*time.Hour + 20*time.Minute, 14 * 24 * time.Hour, 1500 * time.Millisecond}).Draw(t, "within")
		if p.keepsNothing() {
			p.Last = 1
		}
		got, err := Parse(p.String())
		if err != nil {
			t.Fatalf("%q: %v", p.String(), err)
		}
		if diff := cmp.Diff(p, got, policyCmp); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", p.String(), diff)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("hourly 24, daily 7, within 36h, at-most 50%, zone Europe/Paris")
	f.Add("within 1w2d")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(p.String())
		if err != nil || cmp.Diff(p, again, policyCmp) != "" {
			t.Errorf("%q became %q: %+v, %v", text, p.String(), again, err)
		}
	})
}

var zones = []string{"UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/Havana", "America/Sao_Paulo"}

func drawPolicy(t *rapid.T) Policy {
	n := func(label string) int { return rapid.IntRange(0, 6).Draw(t, label) }
	zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	return Policy{
		Last: n("last"), Hourly: n("hourly"), Daily: n("daily"), Weekly: n("weekly"), Monthly: n("monthly"), Yearly: n("yearly"),
		PreDeploy: n("predeploy"), MinKeep: n("min"), Zone: zone,
		AtMost: rapid.SampledFrom([]int{0, 10, 50, 90, 100}).Draw(t, "at most"),
		Within: time.Duration(n("within")) * 12 * time.Hour,
	}
}
