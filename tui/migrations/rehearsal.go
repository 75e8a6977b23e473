package migrations

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/ecto/rehearse"
	"ops-console/tui/pane"
)

// rehearsal is what is known of the latest rehearsal of a repo's pending migrations.
type rehearsal struct {
	running bool
	doing   string
	at      time.Time // when it ended
	err     error
	steps   []rehearse.Step
}

// of are the steps of one migration.
func (h *rehearsal) of(path string) []rehearse.Step {
	var out []rehearse.Step
	for _, s := range h.steps {
		if s.Path == path && !s.Down {
			out = append(out, s)
		}
	}
	return out
}

func (p *Pane) takeRehearsal(m pane.RehearsalMsg) {
	h := p.rehearse[m.Repo]
	if h == nil {
		h = &rehearsal{}
		p.rehearse[m.Repo] = h
	}
	h.running, h.doing = !m.Done, m.Doing
	if !m.Done {
		return
	}
	h.at, h.err, h.steps = p.now, m.Err, m.Steps
}

// running is the rehearsal that goes on, if there is one.
func (p *Pane) running() (repo string, ok bool) {
	for repo, h := range p.rehearse {
		if h.running {
			return repo, true
		}
	}
	return "", false
}

// toggleRehearsal begins a rehearsal of the repo under the cursor, or ends the one that goes on.
func (p *Pane) toggleRehearsal(string) tea.Cmd {
	m := pane.RehearseMsg{}
	if repo, ok := p.running(); ok {
		m.Repo, m.Cancel = repo, true
	} else if r := p.row(); r != nil {
		m.Repo = r.module
	}
	return func() tea.Msg { return m }
}
