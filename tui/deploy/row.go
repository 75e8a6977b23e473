package deploy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	engine "ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/themes"
	"ops-console/tui/paint"
	"ops-console/tui/table"
)

// row is a release, with how many machines run it.
type row struct {
	watch.Release
	runs int
	of   int
	text string // what the filter looks at
}

func (r *row) version() string { return "v" + strconv.Itoa(r.Version) }

// rows are the releases of a snapshot.
func rows(s *watch.Snapshot) []row {
	runs := map[int]int{}
	for _, m := range s.Machines {
		runs[m.Release]++
	}
	out := make([]row, 0, len(s.Releases))
	for _, r := range s.Releases {
		x := row{Release: r, runs: runs[r.Version], of: len(s.Machines)}
		x.text = strings.Join([]string{x.version(), r.Status, r.Image, r.By, r.Description, r.Strategy}, " ")
		if x.runs > 0 {
			x.text += " runs"
		}
		out = append(out, x)
	}
	return out
}

// share is a release and how many machines run it; 0: one that is not known.
type share struct{ release, n int }

// shares are what the machines run, the most frequent first.
func (p *Pane) shares() []share {
	s := p.snap()
	if s == nil {
		return nil
	}
	var out []share
	for _, m := range s.Machines {
		i := slices.IndexFunc(out, func(x share) bool { return x.release == m.Release })
		if i < 0 {
			i = len(out)
			out = append(out, share{release: m.Release})
		}
		out[i].n++
	}
	slices.SortFunc(out, func(a, b share) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(b.release, a.release))
	})
	return out
}

// mixed says that machines run different releases.
func (p *Pane) mixed() bool { return len(p.shares()) > 1 }

// release is the one under the cursor; nil where there is none.
func (p *Pane) release() *row {
	if i, ok := p.releases.Cursor(); ok && i < len(p.rows) {
		return &p.rows[i]
	}
	return nil
}

// tag is an image without its repository: "deployment-42", or the start of its digest.
func tag(image string) string {
	if name, digest, ok := strings.Cut(image, "@sha256:"); ok {
		if _, t, ok := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ":"); ok {
			return t
		}
		return "sha256:" + digest[:min(len(digest), 12)]
	}
	if _, t, ok := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":"); ok {
		return t
	}
	return image
}

// repository is an image without its tag and digest.
func repository(image string) string {
	image, _, _ = strings.Cut(image, "@")
	slash := strings.LastIndexByte(image, '/')
	if colon := strings.LastIndexByte(image, ':'); colon > slash {
		return image[:colon]
	}
	return image
}

// mark is how a release ended.
func (p *Pane) mark(r *row) paint.Mark {
	switch strings.ToLower(r.Status) {
	case "complete", "succeeded":
		return paint.Mark{Glyph: p.glyphs.Done, Role: themes.OK, Word: r.Status}
	case "failed":
		return paint.Mark{Glyph: p.glyphs.Crit, Role: themes.Crit, Word: r.Status}
	case "interrupted", "cancelled":
		return paint.Mark{Glyph: p.glyphs.Warn, Role: themes.Warn, Word: r.Status}
	case "running", "pending":
		return paint.Mark{Glyph: p.glyphs.Queued, Role: themes.Info, Word: r.Status}
	}
	return paint.Mark{Glyph: p.glyphs.Unknown, Role: themes.Stale, Word: cmp.Or(r.Status, "not known")}
}

// releaseColumns are those of the table. What is most worth knowing at 80 columns has no Drop.
func (p *Pane) releaseColumns() []table.Column {
	at := func(i int) *row { return &p.rows[i] }
	quiet := func(r *row) themes.Role {
		if r.runs > 0 {
			return themes.Plain
		}
		return themes.Muted
	}
	return []table.Column{
		{Width: 1, Tight: true, Cell: func(i int) (string, themes.Role) {
			m := p.mark(at(i))
			return m.Glyph, m.Role
		}},
		{ID: "version", Title: "RELEASE", Width: 7, Cell: func(i int) (string, themes.Role) { return at(i).version(), quiet(at(i)) }},
		{ID: "status", Title: "STATUS", Width: 11, Drop: 1, Cell: func(i int) (string, themes.Role) {
			m := p.mark(at(i))
			if m.Role == themes.OK {
				return m.Word, themes.Muted
			}
			return m.Word, m.Role
		}},
		{ID: "runs", Title: "RUNS ON", Width: 9, Align: paint.Right, Cell: func(i int) (string, themes.Role) { return p.runsCell(at(i)) }},
		{ID: "age", Title: "AGE", Width: 7, Align: paint.Right, Cell: func(i int) (string, themes.Role) {
			return paint.Duration(p.now.Sub(at(i).At).Truncate(time.Second)), themes.Muted
		}},
		{ID: "image", Title: "IMAGE", Width: 22, Min: 14, Flex: 1, Cell: func(i int) (string, themes.Role) { return tag(at(i).Image), quiet(at(i)) }},
		{ID: "by", Title: "BY", Width: 18, Min: 8, Drop: 2, Cell: func(i int) (string, themes.Role) { return at(i).By, themes.Muted }},
		{ID: "what", Title: "WHAT", Width: 26, Min: 10, Flex: 1, Drop: 3, Cell: func(i int) (string, themes.Role) { return at(i).Description, themes.Muted }},
	}
}

func (p *Pane) runsCell(r *row) (string, themes.Role) {
	switch r.runs {
	case 0:
		return p.glyphs.Dash, themes.Faint
	case r.of:
		return "all " + strconv.Itoa(r.of), themes.OK
	}
	return fmt.Sprintf("%d of %d", r.runs, r.of), themes.Warn
}

// machine is a line of the deployment that is looked at.
func (p *Pane) machine(i int) *engine.MachineStatus {
	if d := p.current(); d != nil && i < len(d.Progress.Machines) {
		return &d.Progress.Machines[i]
	}
	return &engine.MachineStatus{}
}

// chosen is the machine under the cursor; nil where there is none.
func (p *Pane) chosen() *engine.MachineStatus {
	d := p.current()
	if i, ok := p.machines.Cursor(); ok && d != nil && i < len(d.Progress.Machines) {
		return &d.Progress.Machines[i]
	}
	return nil
}

// stateMark is how a step or a machine stands.
func (p *Pane) stateMark(s engine.StepState) paint.Part {
	switch s {
	case engine.StepDone:
		return paint.Part{Role: themes.OK, Text: p.glyphs.Done}
	case engine.StepRunning:
		return paint.Part{Role: themes.Info, Text: p.spin()}
	case engine.StepFailed:
		return paint.Part{Role: themes.Crit, Text: p.glyphs.Crit}
	case engine.StepSkipped:
		return paint.Part{Role: themes.Faint, Text: p.glyphs.Stopped}
	}
	return paint.Part{Role: themes.Pending, Text: p.glyphs.Queued}
}

// spin is the spinner where somebody is at work, and a still shape where nobody is.
func (p *Pane) spin() string {
	if d := p.current(); d == nil || !d.Runs() {
		return p.glyphs.Right
	}
	at := int64(0)
	if !p.still {
		at = p.now.UnixMilli() / 125
	}
	return p.glyphs.Running[int(uint64(at)%uint64(len(p.glyphs.Running)))]
}

// machineColumns are those of the table of a deployment's machines.
func (p *Pane) machineColumns() []table.Column {
	release := func(n int, r themes.Role) (string, themes.Role) {
		if n == 0 {
			return p.glyphs.Dash, themes.Faint
		}
		return "v" + strconv.Itoa(n), r
	}
	return []table.Column{
		{Width: 1, Tight: true, Cell: func(i int) (string, themes.Role) {
			m := p.stateMark(p.machine(i).State)
			return m.Text, m.Role
		}},
		{ID: "machine", Title: "MACHINE", Width: 8, Cell: func(i int) (string, themes.Role) { return p.names.Short(p.machine(i).ID), themes.Plain }},
		{ID: "region", Title: "REG", Width: 4, Cell: func(i int) (string, themes.Role) { return p.machine(i).Region, themes.Muted }},
		{ID: "group", Title: "GROUP", Width: 8, Min: 4, Drop: 3, Cell: func(i int) (string, themes.Role) { return p.machine(i).Group, themes.Muted }},
		{ID: "from", Title: "FROM", Width: 5, Drop: 2, Cell: func(i int) (string, themes.Role) { return release(p.machine(i).From, themes.Muted) }},
		{ID: "to", Title: "TO", Width: 5, Drop: 1, Cell: func(i int) (string, themes.Role) { return release(p.machine(i).To, themes.Plain) }},
		{ID: "step", Title: "STEP", Width: 20, Min: 12, Flex: 1, Draw: func(l *paint.Line, i, _ int) { p.stepCell(l, p.machine(i)) }},
		{ID: "checks", Title: "CHECKS", Width: 6, Cell: func(i int) (string, themes.Role) { return p.checks(p.machine(i)) }},
		{ID: "time", Title: "TIME", Width: 7, Align: paint.Right, Cell: func(i int) (string, themes.Role) {
			if t := p.machine(i).Took; t > 0 {
				return paint.Duration(t), themes.Muted
			}
			return "", themes.Muted
		}},
	}
}

// checks are how many of a machine's checks pass. A journal does not have them: only who carries it on looks at them.
func (p *Pane) checks(m *engine.MachineStatus) (string, themes.Role) {
	var role themes.Role
	switch d := p.current(); {
	case m.Passing == 0 && (d == nil || !d.Here):
		return p.glyphs.Dash, themes.Faint
	case m.Checks == 0:
		return "none", themes.Faint
	case m.State == engine.StepDone && m.Passing == 0: // stopped again
		return p.glyphs.Dash, themes.Faint
	case m.State == engine.StepPending || m.State == engine.StepSkipped:
		role = themes.Faint
	case m.Passing == m.Checks:
		role = themes.OK
	default:
		role = themes.Warn
	}
	return fmt.Sprintf("%d/%d", m.Passing, m.Checks), role
}

// stages are what a machine goes through, in this order.
var stages = []string{"updating", "starting", "checks", "healthy"}

func (p *Pane) stepCell(l *paint.Line, m *engine.MachineStatus) {
	role := themes.Muted
	switch m.State {
	case engine.StepRunning:
		role = themes.Plain
	case engine.StepFailed:
		role = themes.Crit
	}
	if m.Step == "unhealthy" || m.Step == "restarted" {
		role = themes.Warn
	}
	l.Text(role, m.Step)
	if m.Text != "" {
		l.Gap(1).Text(themes.Plain, m.Text)
		return
	}
	if i := slices.Index(stages, m.Step); m.State == engine.StepRunning && i >= 0 && l.Rest() >= 4 {
		l.To(max(l.X()+1, l.X()+9-len(m.Step)))
		l.Repeat(themes.Info, l.Glyphs.StepOn, i+1).Repeat(themes.Faint, l.Glyphs.StepOff, len(stages)-1-i)
	}
}
