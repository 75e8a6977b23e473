package logs

import (
	"iter"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/logs"
	"ops-console/tui/pane"
)

// place is where a line stands among all: those of the log at its number after born, those of the past up to born.
type place uint64

const born place = 1 << 40

// past is the newest lines of one machine or region, older than what the log of all had when they came: of one that says
// little beside many that say much, the log of all has nothing.
type past struct {
	machine, region string // which
	asked, known    bool
	lines           []logs.Line // older than all that the log had; numbered from 1
	before          uint64      // number of the oldest line that the log had
	err             error
}

// is tells whether it is the past of what is shown only.
func (p *past) is(f logs.Filter) bool {
	return (f.Machine != "" || f.Region != "") && p.machine == f.Machine && p.region == f.Region
}

// base is the place before that of its first line.
func (p *past) base() place { return born - place(len(p.lines)) }

func (p *past) all() iter.Seq[*logs.Line] {
	return func(yield func(*logs.Line) bool) {
		for i := range p.lines {
			if !yield(&p.lines[i]) {
				return
			}
		}
	}
}

// askPast asks for the past of what is shown only, once. It waits for the log to be there: what is older than that is asked
// for.
func (p *Pane) askPast() tea.Cmd {
	if p.only.Machine == "" && p.only.Region == "" {
		p.past = past{}
		return nil
	}
	if !p.known || !p.state.Primed || p.past.is(p.only) && p.past.asked {
		return nil
	}
	p.past = past{machine: p.only.Machine, region: p.only.Region, asked: true}
	ask := pane.PastMsg{Machine: p.only.Machine, Region: p.only.Region}
	return func() tea.Msg { return ask }
}

// takePast takes in the answer.
func (p *Pane) takePast(m pane.PastKnownMsg) {
	t := &p.past
	if !t.asked || t.known || m.Machine != t.machine || m.Region != t.region {
		return
	}
	t.known, t.err = true, m.Err
	oldest := p.now.Line(p.now.First())
	t.before = p.now.First()
	for i := range m.Lines {
		l := &m.Lines[i]
		if oldest != nil && !l.At.Before(oldest.At) {
			break
		}
		t.lines = append(t.lines, *l)
		t.lines[i].Seq = uint64(i) + 1
	}
	p.collect()
}
