package phoenix

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersionsAreOrderedAsSemanticVersionsAre(t *testing.T) {
	order := strings.Fields("1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 1.2.0 1.10.0 2.0.0")
	for i, a := range order {
		for j, b := range order {
			want := min(max(i-j, -1), 1)
			if got := MustVersion(a).Compare(MustVersion(b)); got != want {
				t.Errorf("%s against %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestWhatIsNoVersion(t *testing.T) {
	for _, s := range []string{"", "1", "1.x", "1.2.3.4", "1.2.3-", "v", "1.2.3 ", "99999999.1.1", "1.2.3-\x1b[31m"} {
		if v, err := ParseVersion(s); err == nil {
			t.Errorf("%q is read as %s", s, v)
		}
	}
}

func TestReleasesAreAllThere(t *testing.T) {
	rr := Releases()
	if len(rr) != 117 {
		t.Errorf("%d releases, want 117", len(rr))
	}
	if !slices.IsSortedFunc(rr, func(a, b Release) int { return a.Version.Compare(b.Version) }) {
		t.Error("they are not in order")
	}
	for _, r := range rr {
		if r.Switches(Project) == nil || r.Date == "" || r.Elixir == "" {
			t.Errorf("%s lacks something: %+v", r.Version, r)
		}
	}
	if got := Latest().Version.String(); got != "1.8.12" {
		t.Errorf("latest is %s", got)
	}
	if got := Knowledge(MustVersion("1.9.3")).Version.String(); got != "1.8.12" {
		t.Errorf("what holds for 1.9.3 is that of %s", got)
	}
}

func TestSwitchesSinceAndUntil(t *testing.T) {
	for _, c := range []struct {
		axis        Axis
		name        string
		since, last string
	}{
		{Project, "webpack", "1.4.0-rc.0", "1.5.15"},
		{Project, "live", "1.5.0-rc.0", ""},
		{Project, "gettext", "1.4.12", ""},
		{Project, "mailer", "1.6.0-rc.0", ""},
		{Project, "esbuild", "1.7.2", ""},
		{Project, "adapter", "1.7.8", ""},
		{Project, "agents_md", "1.8.0", ""},
		{Auth, "live", "1.7.0-rc.0", ""},
		{ReleaseFiles, "docker", "1.6.3", ""},
		{Auth, "table", "1.5.2", ""},
	} {
		var has []string
		for _, r := range Releases() {
			if _, ok := r.Switch(c.axis, c.name); ok {
				has = append(has, r.Version.String())
			}
		}
		if len(has) == 0 || has[0] != c.since {
			t.Errorf("%s is there since %v, want %s", c.name, has[:min(1, len(has))], c.since)
		}
		if last := has[len(has)-1]; c.last != "" && last != c.last {
			t.Errorf("%s is last there in %s, want %s", c.name, last, c.last)
		}
	}
}

func TestFlagsFitARelease(t *testing.T) {
	for _, c := range []struct {
		version, flags, want, note, err string
	}{
		{"1.7.14", "--no-ecto --adapter bandit", "--no-ecto", "", ""},
		{"1.7.8", "--adapter bandit", "--adapter bandit", "", ""},
		{"1.7.8", "--adapter=cowboy", "", "", ""},
		{"1.5.8", "--no-live", "", "", ""},
		{"1.5.8", "--live", "--live", "", ""},
		{"1.6.0", "--live", "", "", ""},
		{"1.4.0", "--no-mailer", "", "1.4.0 does not know --no-mailer", ""},
		{"1.4.0", "--live", "", "", "1.4.0 of Phoenix does not know --live; it knows --app"},
		{"1.8.0", "--inside-docker-env", "", "", "depends on the machine"},
		{"1.8.0", "--umbrella yes", "", "", "takes no value"},
		{"1.8.0", "--database mysql --binary-id", "--binary-id --database mysql", "", ""},
	} {
		f, err := ReadFlags(strings.Fields(c.flags))
		if err != nil {
			t.Fatal(err)
		}
		r, _ := FindRelease(MustVersion(c.version))
		got, notes, err := r.Fit(Project, f)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s %s: error %v, want %q", c.version, c.flags, err, c.err)
			}
		case err != nil:
			t.Errorf("%s %s: %v", c.version, c.flags, err)
		case got.String() != c.want || !strings.Contains(strings.Join(notes, " "), c.note):
			t.Errorf("%s %s: %q %q, want %q %q", c.version, c.flags, got, notes, c.want, c.note)
		}
	}
}

func TestADefaultThatChangedIsComparedFairly(t *testing.T) {
	from, _ := FindRelease(MustVersion("1.5.8"))
	to, _ := FindRelease(MustVersion("1.6.0"))
	f, notes := Fair(Project, from, to, nil)
	if diff := cmp.Diff(Flags{"live": "true"}, f); diff != "" || len(notes) != 1 {
		t.Errorf("%s%q", diff, notes)
	}
	f, notes = Fair(Project, from, to, Flags{"live": "false"})
	if diff := cmp.Diff(Flags{"live": "false"}, f); diff != "" || len(notes) != 0 {
		t.Errorf("%s%q", diff, notes)
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, r := range Releases() {
		f.Add(r.Version.String())
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVersion(s)
		if err != nil {
			return
		}
		again, err := ParseVersion(v.String())
		if err != nil || again != v {
			t.Errorf("%q is %s, which reads as %s (%v)", s, v, again, err)
		}
	})
}
