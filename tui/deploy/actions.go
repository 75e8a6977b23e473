package deploy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	engine "ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// command is a command line of this program for the application.
func (p *Pane) command(rest string) string {
	return "ops-console --app " + quote(p.profile) + " " + rest
}

// quote is a word for a shell.
func quote(s string) string {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r))
	}
	if s != "" && !strings.ContainsFunc(s, odd) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// ask asks the console for a deed.
func ask(m pane.DeployMsg) tea.Cmd { return func() tea.Msg { return m } }

// Actions are what can be done here.
func (p *Pane) Actions() []action.Action {
	do := func(f func()) func(string) tea.Cmd {
		return func(string) tea.Cmd { f(); return nil }
	}
	sc := p.scene()
	open := action.Action{Name: "open", Help: "detail", About: "show all that is known of the release or machine under the cursor; again, all that the machine says", Keys: []string{"enter"}, Run: do(func() { p.open = !p.open })}
	switch {
	case sc == sceneDeployment && p.chosen() == nil, sc == sceneReleases && p.release() == nil, sc != sceneDeployment && sc != sceneReleases:
		open.Disabled, open.Hidden = "nothing is selected", true
	case p.open && sc == sceneDeployment && p.logs.known:
		open.Help, open.Run = "machine log", func(string) tea.Cmd { return p.openLog() }
	case p.open:
		open.Help = "close"
	}
	d := p.current()
	var aa []action.Action
	var late []action.Action
	for _, c := range choices {
		a := p.choiceAction(c, d)
		if a.Disabled == "" && sc == sceneDeployment {
			aa = append(aa, a)
		} else {
			a.Hidden = true
			late = append(late, a)
		}
	}
	start := p.startAction()
	if start.Disabled == "" && sc == scenePlan {
		start.Hidden = false
		aa = append(aa, start)
	} else {
		late = append(late, start)
	}
	aa = append(aa, open, p.logAction(), p.deployAction(), p.rollbackAction(), p.checkAction(),
		action.Action{
			Name: "releases", Help: "releases", About: "show the releases though a deployment is there, or that again", Keys: []string{"t"}, Hidden: p.current() == nil && p.planned() == nil,
			Run: do(func() { p.turn(viewReleases) }),
		},
		action.Action{
			Name: "record", Help: "record", About: "show what was done to the application from this account, by whom, and how it ended", Keys: []string{"H"},
			Run: do(func() { p.turn(viewRecord) }),
		},
		action.Action{
			Name: "versions", Help: "versions", About: "show which versions of tools each place names, as found by the preflight", Keys: []string{"v"}, Hidden: true,
			Run: func(string) tea.Cmd { return p.versions() },
		},
		action.Action{
			Name: "follow", Help: "follow", About: "keep the cursor on the machine to which something happens, again after it was moved", Keys: []string{"f"}, Hidden: sc != sceneDeployment || d == nil || !d.Runs(),
			Run: do(func() { p.follow(true) }),
		},
		p.nextAction(), p.forgetAction(), p.detachAction(), p.asideAction(),
	)
	aa = append(aa, late...)
	return append(aa, p.moves(sc)...)
}

// moves are what moves the cursor, or the text, of what is shown.
func (p *Pane) moves(sc scene) []action.Action {
	switch {
	case sc == sceneChecks || sc == sceneRecord || sc == scenePlan:
		return p.text.Actions(true)
	case p.open && !p.wide:
		return p.detail.Actions(true)
	}
	t := &p.releases
	if sc == sceneDeployment {
		t = &p.machines
	}
	var aa []action.Action
	for _, a := range t.Actions() {
		if p.open && (a.Name == "half page down" || a.Name == "half page up") {
			continue
		}
		aa = append(aa, a)
	}
	if p.open {
		aa = append(aa, p.detail.Actions(false)...)
	}
	return aa
}

// turn goes to a view, or back to the main one.
func (p *Pane) turn(v view) {
	p.open = false
	if p.view == v {
		v = viewMain
	}
	p.view, p.text.Top = v, 0
}

// unfinished is a deployment that has not ended; nil: all have.
func (p *Pane) unfinished() *watch.Deployment {
	for i := range p.deployments() {
		if d := &p.deployments()[i]; !d.Over() {
			return d
		}
	}
	return nil
}

// busy says why nothing can be planned; empty: it can.
func (p *Pane) busy() string {
	s := p.snap()
	switch {
	case p.told && !p.known:
		return "deployments are not watched here"
	case s == nil:
		return "nothing has been read yet"
	case s.Job.Runs():
		return s.Job.Title + " is under way"
	}
	switch d := p.unfinished(); {
	case d == nil:
		return ""
	case d.Runs():
		return "a deployment runs: it ends first"
	}
	return "deployment " + short(p.unfinished().ID) + " wants a decision first"
}

func (p *Pane) deployAction() action.Action {
	plan := action.Action{
		Name: "plan", Help: "plan it", About: "Look at everything that a deployment of the image depends on, and plan it. That changes nothing: the plan is shown before anything starts.",
		Run: func(image string) tea.Cmd { return ask(pane.DeployMsg{Do: pane.DeployPlan, Image: image}) },
	}
	return action.Action{
		Name: "plan", Help: "deploy", About: "plan to bring an image onto every machine; the plan is shown and asked about before anything starts", Keys: []string{"D"},
		Disabled: p.busy(), Command: p.command("deploy --image …"), Args: p.images,
		Run: func(image string) tea.Cmd {
			if image = strings.TrimSpace(image); image != "" {
				return plan.Run(image)
			}
			return tea.Batch(ask(pane.DeployMsg{Do: pane.DeployImages}), func() tea.Msg {
				return pane.AskMsg{
					Action: plan, Title: "Deploy an image to all machines of " + p.profile, Label: "image", Text: p.suggestion(), Choices: p.choices,
					About: "What is it to run? A plan is made first, which only looks; it is shown, with all that it would touch, before anything is started.",
				}
			})
		},
	}
}

// images are those of the registry and of the releases, newest first.
func (p *Pane) images(prefix string) []string {
	var out []string
	for _, c := range p.choices() {
		if strings.HasPrefix(c.Text, prefix) {
			out = append(out, c.Text)
		}
	}
	return out
}

// choices are the images that can be deployed: what the registry lists, and what releases had where it does not say.
func (p *Pane) choices() []pane.Choice {
	notes := map[string]string{}
	var released []string
	for i := range p.rows {
		r := &p.rows[i]
		if _, known := notes[r.Image]; known || r.Image == "" {
			continue
		}
		notes[r.Image] = r.version()
		if r.runs > 0 {
			on, _ := p.runsCell(r)
			notes[r.Image] += ", runs on " + on
		}
		released = append(released, r.Image)
	}
	var listed []string
	if s := p.snap(); s != nil {
		listed = s.Images
	}
	var out []pane.Choice
	for _, im := range listed {
		if im != "" {
			out = append(out, pane.Choice{Text: im, Note: notes[im]})
		}
	}
	for _, im := range released {
		if !slices.Contains(listed, im) {
			out = append(out, pane.Choice{Text: im, Note: notes[im]})
		}
	}
	return out
}

// suggestion is the newest image that does not run and is newer than what does; else where images of the application are.
func (p *Pane) suggestion() string {
	runs := map[string]bool{}
	for i := range p.rows {
		if p.rows[i].runs > 0 {
			runs[p.rows[i].Image] = true
		}
	}
	for i := range p.rows {
		r := &p.rows[i]
		if runs[r.Image] {
			break
		}
		if r.Image != "" {
			return r.Image
		}
	}
	for i := range p.rows {
		if r := &p.rows[i]; r.Image != "" {
			return repository(r.Image) + ":"
		}
	}
	return ""
}

func (p *Pane) rollbackAction() action.Action {
	a := action.Action{
		Name: "rollback", Help: "roll back", About: "plan to go back to the release under the cursor, or to the last good one before that of now; asked about before anything starts",
		Keys: []string{"R"}, Disabled: p.busy(), Command: p.command("rollback"), Args: p.versionsOf,
	}
	to := 0
	if r := p.release(); r != nil && p.scene() == sceneReleases {
		if r.runs < r.of || r.runs == 0 {
			to = r.Version
			a.Command = p.command("rollback " + strconv.Itoa(to))
		}
	}
	a.Run = func(arg string) tea.Cmd {
		if arg = strings.TrimPrefix(strings.TrimSpace(arg), "v"); arg != "" {
			n, err := strconv.Atoi(arg)
			if err != nil || n < 1 {
				return func() tea.Msg {
					return pane.ToastMsg{Err: fmt.Errorf("rollback %q: want the number of a release", arg)}
				}
			}
			to = n
		}
		return ask(pane.DeployMsg{Do: pane.DeployBack, Release: to})
	}
	return a
}

func (p *Pane) versionsOf(prefix string) []string {
	var out []string
	for i := range p.rows {
		if v := strconv.Itoa(p.rows[i].Version); strings.HasPrefix(v, strings.TrimPrefix(prefix, "v")) {
			out = append(out, v)
		}
	}
	return out
}

// startAction starts the plan that waits.
func (p *Pane) startAction() action.Action {
	a := action.Action{
		Name: "start", Help: "start", About: "start the plan that is shown", Keys: []string{"S"}, Danger: action.Destroys, Hidden: true,
	}
	q := p.planned()
	if q == nil {
		a.Disabled = "no plan waits: D or R makes one"
		return a
	}
	id := q.Plan.ID
	a.Plan, a.Undo, a.Touches = sentence(q.Plan), undo(q.Plan), p.touches(q)
	a.Command = p.command(planCommand(q.Plan))
	a.Run = func(string) tea.Cmd { return ask(pane.DeployMsg{Do: pane.DeployStart, ID: id}) }
	return a
}

func (p *Pane) forgetAction() action.Action {
	a := action.Action{
		Name: "forget", Help: "forget", About: "forget the plan that waits to be started", Keys: []string{"x"}, Hidden: p.scene() != scenePlan,
		Run: func(string) tea.Cmd { return ask(pane.DeployMsg{Do: pane.DeployForget}) },
	}
	if p.planned() == nil {
		a.Disabled = "no plan waits"
	}
	return a
}

func (p *Pane) checkAction() action.Action {
	a := action.Action{
		Name: "preflight", Help: "preflight", About: "look whether the application is fit to be deployed: image, source, configuration, fleet, database, migrations, tools", Keys: []string{"c"},
		Command: p.command("preflight"), Args: p.images,
	}
	s := p.snap()
	switch {
	case p.told && !p.known:
		a.Disabled = "deployments are not watched here"
	case s == nil:
		a.Disabled = "nothing has been read yet"
	}
	a.Run = func(image string) tea.Cmd {
		if image == "" && p.view == viewChecks && s.Checked != nil {
			p.turn(viewChecks)
			return nil
		}
		return p.check(strings.TrimSpace(image))
	}
	return a
}

// check shows the preflight, and makes one where there is none, or where one for an image is wanted.
func (p *Pane) check(image string) tea.Cmd {
	p.view, p.open, p.text.Top = viewChecks, false, 0
	if q := p.planned(); image == "" && q != nil {
		image = q.Plan.Artifact.Image
	}
	for i := range p.rows {
		if r := &p.rows[i]; image == "" && r.runs > 0 {
			image = r.Image
		}
	}
	return ask(pane.DeployMsg{Do: pane.DeployInspect, Image: image})
}

// versions shows the matrix of versions, which the preflight finds.
func (p *Pane) versions() tea.Cmd {
	s := p.snap()
	if s == nil {
		return nil
	}
	if s.Checked == nil && !s.Job.Runs() {
		return p.check("")
	}
	p.view, p.open = viewChecks, false
	p.text.Top = 1 << 20 // it is the last part
	return nil
}

// nextAction goes to the next of several deployments.
func (p *Pane) nextAction() action.Action {
	dd := p.deployments()
	a := action.Action{
		Name: "next", Help: "other deployment", About: "go to the next deployment whose journal is here, older ones included", Keys: []string{"n"}, Hidden: true,
		Run: func(string) tea.Cmd {
			i := -1
			if d := p.current(); d != nil {
				i = slices.IndexFunc(dd, func(x watch.Deployment) bool { return x.ID == d.ID })
			}
			p.which, p.view, p.open = dd[(i+1)%len(dd)].ID, viewMain, false
			p.settle()
			return nil
		},
	}
	if len(dd) == 0 {
		a.Disabled = "this machine has run no deployment"
	}
	return a
}

func (p *Pane) detachAction() action.Action {
	a := action.Action{
		Name: "detach", Help: "let go", About: "let go of the deployment that runs here: it stays as it is and can be resumed, from here or from elsewhere", Keys: []string{"d"}, Hidden: true,
		Run: func(string) tea.Cmd { return ask(pane.DeployMsg{Do: pane.DeployDetach}) },
	}
	if d := p.current(); d == nil || !d.Here {
		a.Disabled = "no deployment runs here"
	}
	return a
}

func (p *Pane) asideAction() action.Action {
	a := action.Action{
		Name: "set aside", Help: "set aside", About: "put a journal that cannot be read out of the way; it is kept under another name", Keys: []string{"E"}, Hidden: true, Danger: action.Destroys,
	}
	d := p.current()
	if d == nil || d.Plan != nil || d.Err == nil {
		a.Disabled = "its journal can be read"
		return a
	}
	a.Hidden = false
	a.Plan, a.Undo = "Put the journal of deployment "+d.ID+" out of the way. What it did to the machines stays as it is.", "give the file its name back"
	a.Touches = []action.Touch{{What: d.Path, How: "kept, as .removed"}, {What: "what is wrong with it", How: d.Err.Error(), Warn: true}}
	a.Run = func(string) tea.Cmd { return ask(pane.DeployMsg{Do: pane.DeployAside, ID: d.ID}) }
	return a
}

// choice is how something that can be asked of a deployment is offered.
type choice struct {
	choice engine.Choice
	name   string
	key    string
	help   string
	danger action.Danger
	line   string // of this program; empty: there is none
}

// choices are all of them, in the order in which they are offered.
var choices = []choice{
	{engine.Pause, "pause", "p", "pause", action.Changes, ""},
	{engine.Resume, "resume", "u", "go on", action.Changes, "resume"},
	{engine.Abort, "abort", "a", "go back", action.Changes, "abort"},
	{engine.Forward, "forward", "F", "forward", action.Destroys, "resume --choose forward"},
	{engine.Ran, "ran", "M", "it ran", action.Destroys, "resume --choose ran"},
	{engine.RollBackAnyway, "roll back anyway", "B", "back anyway", action.Destroys, "resume --choose rollback_anyway"},
	{engine.Abandon, "abandon", "X", "leave it", action.Destroys, "resume --choose abandon"},
}

// offered says whether something can be asked of a deployment now.
func offered(d *watch.Deployment, c engine.Choice) bool {
	switch {
	case d == nil || d.Plan == nil || d.InUse && !d.Here || d.Over():
		return false
	case c == engine.Resume && d.Waits():
		return true
	case c == engine.Pause && !d.Here:
		return false
	}
	return slices.Contains(d.Progress.Choices, c)
}

func (p *Pane) choiceAction(c choice, d *watch.Deployment) action.Action {
	a := action.Action{Name: c.name, Help: c.help, About: c.choice.About(), Keys: []string{c.key}, Danger: c.danger}
	if !offered(d, c.choice) {
		a.Disabled = p.notOffered(d, c)
		return a
	}
	if c.line != "" {
		a.Command = p.command(c.line)
	}
	about := c.choice.About()
	a.Plan = strings.ToUpper(about[:1]) + about[1:] + "."
	a.Touches = standing(d)
	a.Undo = undoOf(c.choice)
	a.Run = func(string) tea.Cmd { return ask(pane.DeployMsg{Do: pane.DeployChoose, ID: d.ID, Choice: c.choice}) }
	return a
}

func (p *Pane) notOffered(d *watch.Deployment, c choice) string {
	switch {
	case d == nil:
		return "no deployment is under way"
	case d.Plan == nil:
		return "its journal cannot be read"
	case d.Over():
		return "the deployment has ended"
	case d.InUse && d.Elsewhere:
		return "somebody else carries it on: ask it there"
	case d.InUse && !d.Here:
		return "another process of this machine carries it on: ask it there"
	case c.choice == engine.Resume:
		return "it goes on already"
	}
	return "as the deployment is, that cannot be asked of it"
}

// undoOf is how what cannot be undone comes out nevertheless.
func undoOf(c engine.Choice) string {
	switch c {
	case engine.Forward:
		return "a goes back again, as long as that is possible"
	case engine.RollBackAnyway:
		return "deploy the new release again"
	case engine.Abandon:
		return "deploy or roll back anew; the release command may run again then"
	}
	return ""
}
