package deploy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/deploy/watch"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

func TestWhatIsOfferedFitsTheDeployment(t *testing.T) {
	for world, want := range map[string]string{
		"calm": "", "rolling": "p a X", "guards": "u a X", "back": "F X", "halted": "u B X", "lost": "u M B X", "killed": "u a X", "elsewhere": "", "damaged": "", "rolledback": "",
	} {
		p := with(worlds()[world])
		var got []string
		for _, c := range choices {
			a, ok := action.Named(p.Actions(), c.name)
			if !ok {
				t.Fatalf("%s: no action %q", world, c.name)
			}
			if a.Disabled == "" {
				got = append(got, c.key)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: offers %q, want %q", world, s, want)
		}
	}
}

func TestNothingThatChangesRunsWithoutBeingAsked(t *testing.T) {
	looks := []pane.DeployDo{pane.DeployPlan, pane.DeployBack, pane.DeployForget, pane.DeployInspect, pane.DeployDetach, pane.DeployImages}
	for name, s := range worlds() {
		for _, a := range with(s).Actions() {
			if a.Disabled != "" || a.Run == nil {
				continue
			}
			cmd := a.Run("")
			if cmd == nil {
				continue
			}
			m, ok := cmd().(pane.DeployMsg)
			if ok && a.Danger == action.Looks && !slices.Contains(looks, m.Do) {
				t.Errorf("%s: %s asks to %s without arming", name, a.Name, m.Do)
			}
			if ok && a.Danger != action.Looks && (len(a.Touches) == 0 || a.Plan == "") {
				t.Errorf("%s: %s does not say what it touches", name, a.Name)
			}
		}
	}
}

func TestAPlanIsAskedAboutOnce(t *testing.T) {
	s := worlds()["noback"]
	p := New("changelog")
	p.Update(message(1, worlds()["calm"]))
	asks := func(m pane.DeploysMsg) *pane.ConfirmMsg {
		cmd := p.Update(m)
		if cmd == nil {
			return nil
		}
		c, ok := cmd().(pane.ConfirmMsg)
		if !ok {
			return nil
		}
		return &c
	}
	c := asks(message(2, s))
	if c == nil || c.Action.Name != "deploy" || c.Action.Danger != action.Destroys {
		t.Fatalf("asked %+v", c)
	}
	var texts []string
	for _, x := range c.Action.Touches {
		texts = append(texts, x.What+": "+x.How)
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{
		"fra 9, ams 9, lhr 8, iad 8, ord 8: rolling, one first, then 2 at a time", "runs /app/bin/migrate: once, in fra", "gate: backup: must pass, before anything changes",
		"migration 20261120102000_drop_legacy_ref: drops orders.legacy_ref", "no way back by itself after it", "fly.toml asks for", "not undone by going back: migrations, secrets, data",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("it does not say %q:\n%s", want, all)
		}
	}
	if m, ok := c.Action.Run("")().(pane.DeployMsg); !ok || m != (pane.DeployMsg{Do: pane.DeployStart, ID: id(1)}) {
		t.Errorf("it asks for %+v", m)
	}
	again := *s
	if c := asks(message(3, &again)); c != nil {
		t.Error("it is asked about twice")
	}
}

func TestARollbackSaysWhatMigrationsStay(t *testing.T) {
	p := with(worlds()["rollback"])
	a, _ := action.Named(p.Actions(), "start")
	if !slices.ContainsFunc(a.Touches, func(x action.Touch) bool {
		return x.Warn && x.What == "v1483 ran migration 20261120102000_drop_legacy_ref"
	}) {
		t.Errorf("touches %+v", a.Touches)
	}
	if a.Command != "ops-console --app changelog rollback 1480" {
		t.Errorf("runs %s", a.Command)
	}
}

func TestTheSuggestionIsANewerImageOrWhereTheyAre(t *testing.T) {
	calm := worlds()["calm"]
	if got := with(calm).suggestion(); got != "registry.example.com/changelog:" {
		t.Errorf("suggests %q", got)
	}
	failed := *calm
	failed.Releases = append([]watch.Release{{Version: 1483, Status: "failed", Image: image(43)}}, calm.Releases...)
	if got := with(&failed).suggestion(); got != image(43) {
		t.Errorf("suggests %q, want the image that failed", got)
	}
}

func TestChoicesAreWhatIsInTheRegistryAndWhatReleasesHad(t *testing.T) {
	listed := *worlds()["calm"]
	runs := listed.Releases[0]
	listed.Images = []string{image(90), runs.Image}
	got := with(&listed).choices()
	if len(got) < 3 || got[0] != (pane.Choice{Text: image(90)}) || got[1].Text != runs.Image || !strings.Contains(got[1].Note, "runs on all") {
		t.Errorf("offers %+v", got)
	}
	for i, c := range got {
		if slices.ContainsFunc(got[:i], func(o pane.Choice) bool { return o.Text == c.Text }) {
			t.Errorf("offers %s twice", c.Text)
		}
	}
}

func TestImagesWithoutTheirRepository(t *testing.T) {
	for image, want := range map[string][2]string{
		"registry.fly.io/app:deployment-1":               {"deployment-1", "registry.fly.io/app"},
		"localhost:5000/app":                             {"localhost:5000/app", "localhost:5000/app"},
		"app@sha256:0123456789abcdef":                    {"sha256:0123456789ab", "app"},
		"registry.fly.io/app:v1@sha256:0123456789abcdef": {"v1", "registry.fly.io/app"},
		"": {"", ""},
	} {
		if got := [2]string{tag(image), repository(image)}; got != want {
			t.Errorf("%q: got %q, want %q", image, got, want)
		}
	}
}

func TestAViewIsGoneToByItsAddress(t *testing.T) {
	for name, s := range worlds() {
		for _, keys := range [][]string{nil, {"t"}, {"H"}, {"n"}, {"j", "enter"}, {"t", "j", "enter"}} {
			p := with(s)
			p.View(env(t), 120, 36)
			press(t, p, keys...)
			q := with(s)
			q.Update(pane.OpenMsg{Address: p.Address()})
			if got, want := q.Address(), p.Address(); got != want {
				t.Errorf("%s %v: %q leads to %q", name, keys, want, got)
			}
		}
	}
}

func TestTheCursorFollowsWhatHappensUntilItIsMoved(t *testing.T) {
	p := with(snapshot(fleet(12, 3), rolling(12, 3)))
	at := func() string { return p.chosen().ID }
	if at() != machineID(3) {
		t.Fatalf("the cursor is on %s", at())
	}
	p.Update(message(2, snapshot(fleet(12, 5), rolling(12, 5))))
	if at() != machineID(5) {
		t.Errorf("the cursor stayed on %s", at())
	}
	press(t, p, "g")
	p.Update(message(3, snapshot(fleet(12, 7), rolling(12, 7))))
	if at() != machineID(0) {
		t.Errorf("the cursor left its user for %s", at())
	}
	press(t, p, "f")
	if at() != machineID(7) {
		t.Errorf("f went to %s", at())
	}
}

func TestTheEscapeHatchIsCopied(t *testing.T) {
	p := with(worlds()["halted"])
	var got []string
	for _, c := range p.Copies() {
		got = append(got, c.Text)
	}
	m := machineID(3)
	want := []string{
		"ops-console --app changelog resume", "ops-console --app changelog resume --choose rollback_anyway", "ops-console --app changelog resume --choose abandon",
		"fly deploy --app changelog --image " + image(42) + " --strategy immediate", "fly machine update " + m + " --app changelog --image " + image(42) + " --yes",
		"fly machine leases clear " + m + " --app changelog", "fly machine list --app changelog", id(1),
	}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNewsIsSaidOnce(t *testing.T) {
	p := with(worlds()["calm"])
	told := *worlds()["calm"]
	told.Told = watch.Told{N: 1, Text: "deploy of 43 is done"}
	cmd := p.Update(message(2, &told))
	if cmd == nil {
		t.Fatal("nothing was said")
	}
	if m, ok := cmd().(pane.ToastMsg); !ok || m.Text != "deploy of 43 is done" {
		t.Errorf("said %+v", m)
	}
	same := told
	if cmd := p.Update(message(3, &same)); cmd != nil {
		t.Errorf("said again %+v", cmd())
	}
	// What was read before it arrives late changes nothing.
	if p.Update(message(1, worlds()["rolling"])); p.scene() != sceneDeployment || p.current().Here {
		t.Error("an earlier reading is shown")
	}
}

func TestTheBadgeCountsWhatWantsADecision(t *testing.T) {
	for name, want := range map[string]int{"calm": 0, "mixed": 1, "rolling": 0, "halted": 1, "killed": 1, "damaged": 1, "elsewhere": 0, "none": 0} {
		if got := with(worlds()[name]).Badge(); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}
