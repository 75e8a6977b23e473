// Package deploy is the seventh pane: which release runs where, and the deployment that is under way: its steps, its
// machines, what happened and why. Deployments are planned, started, braked, resumed and taken back from here.
//
// It holds what is looked at, never facts of its own: all it shows is in the snapshot. It changes nothing itself: it asks
// the console, which asks its user.
package deploy

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	engine "ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/tui/glyph"
	"ops-console/tui/ident"
	"ops-console/tui/page"
	"ops-console/tui/pane"
	"ops-console/tui/table"
)

// Pane is the pane of deployments. Make one with New.
type Pane struct {
	profile string // as --app names it, for command lines
	told    bool   // it was said whether anything is watched
	known   bool   // it is
	feed    feed.Snapshot[*watch.Snapshot]
	logs    machineLog
	rows    []row // releases, newest first

	view     view
	which    string // ID of the deployment that is looked at; empty: the one that matters most
	releases table.Table
	machines table.Table
	names    ident.Names
	filter   string
	open     bool        // the detail of what the cursor is on
	detail   page.Scroll // of that
	shown    string      // what was last drawn in it
	text     page.Scroll // of the preflight, or of the record
	asked    string      // ID of the plan that its user was asked about
	wanted   string      // version or machine to be opened when it comes
	followed string      // the machine that the cursor was put on because something happens to it

	// Of the frame drawn last.
	glyphs *glyph.Set
	now    time.Time
	still  bool
	wide   bool
	hits   []hit
}

var (
	_ pane.Pane         = (*Pane)(nil)
	_ pane.Selector     = (*Pane)(nil)
	_ pane.Copier       = (*Pane)(nil)
	_ pane.LogsAttender = (*Pane)(nil)
)

// view is what is shown.
type view uint8

const (
	viewMain     view = iota // the plan that waits, the deployment, or the releases: the first that there is
	viewReleases             // the releases in any case
	viewChecks               // the preflight
	viewRecord               // what was done from this account
)

// views are their words in addresses.
var views = []string{"", "releases", "preflight", "record"}

// hit is where the last View put a part.
type hit struct {
	what       part
	x, y, w, h int
}

type part uint8

const (
	partReleases part = iota
	partMachines
	partDetail
	partText
)

// New is a pane that knows nothing yet. profile is what --app calls the application.
func New(profile string) *Pane {
	p := &Pane{profile: profile, glyphs: glyph.Unicode()}
	p.releases = table.Table{
		Columns: p.releaseColumns(),
		Key:     func(i int) string { return p.rows[i].version() },
		Text:    func(i int) string { return p.rows[i].text },
		Empty:   "no release matches",
	}
	p.machines = table.Table{
		Columns: p.machineColumns(),
		Key:     func(i int) string { return p.machine(i).ID },
		Text: func(i int) string {
			m := p.machine(i)
			return strings.Join([]string{m.ID, m.Region, m.Group, m.Step, m.Text}, " ")
		},
		Empty: "no machine matches",
	}
	return p
}

// Name is the tab's text at full width.
func (p *Pane) Name() string { return "Deploy" }

// Short is the tab's text at 80 columns.
func (p *Pane) Short() string { return "Depl" }

// Badge is how many deployments want a decision, and whether releases are mixed where nothing is under way.
func (p *Pane) Badge() int {
	n, busy := 0, false
	for i := range p.deployments() {
		d := &p.deployments()[i]
		busy = busy || !d.Over()
		if d.Waits() {
			n++
		}
	}
	if !busy && p.mixed() {
		n++
	}
	return n
}

// snap is what was read last; nil where nothing was yet.
func (p *Pane) snap() *watch.Snapshot { return p.feed.Value }

func (p *Pane) deployments() []watch.Deployment {
	if s := p.snap(); s != nil {
		return s.Deployments
	}
	return nil
}

// news is how long a deployment that has ended is shown without being asked for.
const news = 30 * time.Minute

// current is the deployment that is looked at: the one that was chosen, else the one that runs here, that runs elsewhere,
// that wants a decision, or that ended just now; nil: none is.
func (p *Pane) current() *watch.Deployment {
	dd := p.deployments()
	rank := func(d *watch.Deployment) int {
		switch {
		case d.ID == p.which:
			return 0
		case d.Here:
			return 1
		case d.InUse:
			return 2
		case d.Waits():
			return 3
		case p.feed.At.Sub(ended(d)) < news:
			return 4
		}
		return 9
	}
	var best *watch.Deployment
	for i := range dd {
		if d := &dd[i]; rank(d) < 9 && (best == nil || rank(d) < rank(best)) {
			best = d
		}
	}
	return best
}

// ended is when a deployment ended, or was last heard of.
func ended(d *watch.Deployment) time.Time {
	if n := len(d.Events); n > 0 {
		return d.Events[n-1].At
	}
	return d.Progress.At
}

// planned is the plan that waits to be started; nil: none does.
func (p *Pane) planned() *watch.Planned {
	if s := p.snap(); s != nil {
		return s.Planned
	}
	return nil
}

// scene is what the pane shows now.
type scene uint8

const (
	sceneUnread scene = iota
	scenePlan
	sceneDeployment
	sceneReleases
	sceneChecks
	sceneRecord
)

func (p *Pane) scene() scene {
	switch {
	case p.snap() == nil:
		return sceneUnread
	case p.view == viewChecks:
		return sceneChecks
	case p.view == viewRecord:
		return sceneRecord
	case p.view == viewReleases:
		return sceneReleases
	case p.planned() != nil:
		return scenePlan
	case p.current() != nil:
		return sceneDeployment
	}
	return sceneReleases
}

// Update takes a message in.
func (p *Pane) Update(msg tea.Msg) tea.Cmd {
	switch m := msg.(type) {
	case pane.DeploysMsg:
		return p.take(m)
	case pane.LogsMsg:
		p.logs.take(m)
	case pane.OpenMsg:
		p.goTo(m.Address)
	case tea.MouseClickMsg:
		if m.Button == tea.MouseLeft {
			p.click(m.X, m.Y)
		}
	case tea.MouseWheelMsg:
		switch m.Button {
		case tea.MouseWheelDown:
			p.wheel(m.X, m.Y, 1)
		case tea.MouseWheelUp:
			p.wheel(m.X, m.Y, -1)
		}
	}
	return nil
}

// take shows a newer reading; one that arrives late is dropped. What came of something is said, wherever its user looks by
// then, and a plan that is ready is asked about.
func (p *Pane) take(m pane.DeploysMsg) tea.Cmd {
	if !m.Known {
		p.told, p.known, p.open = true, false, false
		p.feed, p.rows = feed.Snapshot[*watch.Snapshot]{}, nil
		p.settle()
		return nil
	}
	if p.known && m.Snapshot.Seq < p.feed.Seq {
		return nil
	}
	before := p.snap()
	p.told, p.known = true, true
	p.feed = m.Snapshot
	s := p.snap()
	if s == nil || s == before {
		return nil
	}
	p.rows = rows(s)
	p.settle()
	return p.react(before, s)
}

// react says what came of something between two snapshots.
func (p *Pane) react(before, s *watch.Snapshot) tea.Cmd {
	var cmds []tea.Cmd
	say := func(msg tea.Msg) { cmds = append(cmds, func() tea.Msg { return msg }) }
	if before == nil {
		if d := p.current(); d != nil && d.Waits() {
			say(pane.ToastMsg{Text: "deployment " + short(d.ID) + " has not ended, and nobody carries it on: it wants a decision"})
		}
	}
	if s.Told.N > 0 && (before == nil || before.Told.N != s.Told.N) && before != nil {
		say(pane.ToastMsg{Text: s.Told.Text, Err: s.Told.Err})
	}
	if j := s.Job; j != nil && !j.Runs() && before != nil && before.Job.Runs() {
		switch {
		case j.Err != nil:
			say(pane.ToastMsg{Err: errors.New(j.Title + ": " + j.Err.Error())})
		case j.Kind == watch.JobCheck && s.Checked != nil:
			say(pane.ToastMsg{Text: "preflight: " + counts(s.Checked.Report)})
		}
	}
	if q := s.Planned; q != nil && q.Plan.ID != p.asked {
		p.asked, p.view, p.which, p.open = q.Plan.ID, viewMain, "", false
		a := p.startAction()
		a.Name = string(q.Plan.Kind)
		say(pane.ConfirmMsg{Action: a})
	}
	return tea.Batch(cmds...)
}

// settle gives the tables what they show.
func (p *Pane) settle() {
	p.releases.SetLen(len(p.rows))
	n := 0
	if d := p.current(); d != nil {
		n = len(d.Progress.Machines)
		ii := make([]health.Instance, n)
		for i := range ii {
			ii[i].ID = d.Progress.Machines[i].ID
		}
		p.names = ident.Of(ii)
	}
	p.machines.SetLen(n)
	p.follow(false)
	if p.wanted != "" && (p.releases.Select(p.wanted) || p.machines.Select(p.wanted)) {
		p.open, p.wanted = true, ""
	}
}

// follow keeps the cursor on the machine to which something happens, unless its user has moved it elsewhere.
func (p *Pane) follow(again bool) {
	d, m := p.current(), p.chosen()
	if d == nil || m == nil || !again && p.followed != "" && m.ID != p.followed {
		return
	}
	for _, want := range []engine.StepState{engine.StepFailed, engine.StepRunning} {
		for i := range d.Progress.Machines {
			if x := &d.Progress.Machines[i]; x.State == want && !d.Over() {
				p.machines.Select(x.ID)
				p.followed = x.ID
				return
			}
		}
	}
	if p.followed == "" {
		p.followed = m.ID
	}
}

// goTo shows what an address of this pane names.
func (p *Pane) goTo(address string) {
	a := ident.Parse(address)
	if a.Pane != "deploy" {
		return
	}
	p.open, p.which = false, a.Values.Get("id")
	p.view = view(max(slices.Index(views, a.Values.Get("view")), 0))
	p.wanted = cmp.Or(a.Values.Get("release"), a.Values.Get("machine"))
	p.settle()
}

// Address is the view in words.
func (p *Pane) Address() string {
	release, machine := "", ""
	if p.open {
		if r := p.release(); r != nil && p.scene() == sceneReleases {
			release = r.version()
		}
		if m := p.chosen(); m != nil && p.scene() == sceneDeployment {
			machine = m.ID
		}
	}
	return ident.To("deploy", "view", views[p.view], "id", p.which, "release", release, "machine", machine)
}

// Filter keeps the releases and the machines that match.
func (p *Pane) Filter(text string) (n, total int) {
	p.filter = text
	n, total = p.releases.SetFilter(text)
	k, of := p.machines.SetFilter(text)
	if p.scene() == sceneDeployment {
		return k, of
	}
	return n, total
}

// Back leaves the detail, then what was gone to from the main view.
func (p *Pane) Back() bool {
	switch {
	case p.open:
		p.open = false
	case p.view != viewMain:
		p.view = viewMain
	case p.which != "":
		p.which = ""
		p.settle()
	default:
		return false
	}
	return true
}

// Selected is what "y" offers to copy first.
func (p *Pane) Selected() (what, text string) {
	switch p.scene() {
	case sceneDeployment:
		if m := p.chosen(); m != nil {
			return "machine id", m.ID
		}
	case sceneReleases:
		if r := p.release(); r != nil {
			return "image", r.Image
		}
	}
	return "", ""
}

// click selects what is under the pointer, and opens it where it was selected before.
func (p *Pane) click(x, y int) {
	for _, h := range p.hits {
		if x < h.x || x >= h.x+h.w || y < h.y || y >= h.y+h.h {
			continue
		}
		t := p.table(h.what)
		if t == nil {
			return
		}
		before, had := t.Cursor()
		if row, ok := t.Click(x-h.x, y-h.y); ok {
			p.open = p.open || had && row == before
		}
		return
	}
}

func (p *Pane) table(what part) *table.Table {
	switch what {
	case partReleases:
		return &p.releases
	case partMachines:
		return &p.machines
	}
	return nil
}

// wheel moves what is under the pointer.
func (p *Pane) wheel(x, y, n int) {
	for _, h := range p.hits {
		if x < h.x || x >= h.x+h.w || y < h.y || y >= h.y+h.h {
			continue
		}
		switch h.what {
		case partDetail:
			p.detail.Move(3 * n)
		case partText:
			p.text.Move(3 * n)
		case partReleases, partMachines:
			p.table(h.what).Move(n)
		}
		return
	}
}

// short is the end of an ID, which differs most.
func short(id string) string { return id[max(len(id)-6, 0):] }
