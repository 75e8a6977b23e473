package changelog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
)

const text18 = `# Changelog for v1.8

News of the minor version.

## How to upgrade

Carefully.

## 1.8.1 (2025-08-28)

### Bug fixes

  * [One] thing

## 1.8.0 (2025-08-05)

  * Another
    thing

## 1.8.0-rc.0 (2025-03-30) 🚀

- First release candidate!

## v1.7

The CHANGELOG for v1.7 is elsewhere. ## 1.7.0 (2023-02-24)
`

const text17 = "# Changelog for v1.7\r\n\r\n## 1.7.24 (2026-07-07)\r\n\r\nA fix that came late.\r\n\r\n## v1.7.14 - 2024-06-18\r\n\r\nOld.\r\n\r\n## 1.7.13\r\n\r\nOlder, without a date.\r\n"

func TestAChangelogIsTakenApart(t *testing.T) {
	v := phoenix.MustVersion
	want := File{
		Intro: "# Changelog for v1.8\n\nNews of the minor version.\n\n## How to upgrade\n\nCarefully.",
		Sections: []Section{
			{v("1.8.1"), "2025-08-28", "### Bug fixes\n\n  * [One] thing"},
			{v("1.8.0"), "2025-08-05", "  * Another\n    thing"},
			{v("1.8.0-rc.0"), "2025-03-30", "- First release candidate!"},
		},
	}
	if d := cmp.Diff(want, Read(text18)); d != "" {
		t.Error(d)
	}
	want = File{Intro: "# Changelog for v1.7", Sections: []Section{
		{v("1.7.24"), "2026-07-07", "A fix that came late."}, {v("1.7.14"), "2024-06-18", "Old."}, {v("1.7.13"), "", "Older, without a date."},
	}}
	if d := cmp.Diff(want, Read(text17)); d != "" {
		t.Error(d)
	}
	if f := Read(""); f.Intro != "" || f.Sections != nil {
		t.Errorf("nothing reads as %+v", f)
	}
}

func TestBetweenLeavesOutWhatCameLater(t *testing.T) {
	files := []File{Read(text18), Read(text17), Read(text17)}
	for span, want := range map[string]string{
		"1.7.13 1.8.1":     "1.7.14 1.8.0-rc.0 1.8.0 1.8.1",
		"1.7.14 1.8.0":     "1.8.0-rc.0 1.8.0",
		"1.7.12 1.7.14":    "1.7.13 1.7.14",
		"1.7.14 1.7.24":    "1.7.24",
		"1.8.0-rc.0 1.8.1": "1.8.0 1.8.1",
		"1.8.1 1.8.1":      "",
		"1.8.1 1.7.0":      "",
	} {
		from, to, _ := strings.Cut(span, " ")
		var got []string
		for _, s := range Between(files, phoenix.MustVersion(from), phoenix.MustVersion(to)) {
			got = append(got, s.Version.String())
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("between %s: %s, want %s", span, g, want)
		}
	}
}

func TestNeededIsOneFileForEachMinorVersion(t *testing.T) {
	for span, want := range map[string]string{
		"1.6.16 1.7.14": "1.7.14", // 1.6.17 came two years after 1.7.14
		"1.6.10 1.7.14": "1.6.16 1.7.14",
		"1.5.8 1.8.8":   "1.5.14 1.6.16 1.7.23 1.8.8",
		"1.8.0 1.8.8":   "1.8.8",
		"1.8.8 1.99.0":  "1.8.12 1.99.0",
	} {
		from, to, _ := strings.Cut(span, " ")
		var got []string
		for _, v := range Needed(phoenix.Releases(), phoenix.MustVersion(from), phoenix.MustVersion(to)) {
			got = append(got, v.String())
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("for %s: %s, want %s", span, g, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(text18)
	f.Add(text17)
	f.Fuzz(func(t *testing.T, text string) {
		size := 0
		file := Read(text)
		for _, s := range file.Sections {
			size += len(s.Text)
		}
		if size+len(file.Intro) > len(text) {
			t.Errorf("%d bytes read as %d", len(text), size+len(file.Intro))
		}
	})
}
