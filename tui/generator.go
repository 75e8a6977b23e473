package tui

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/merge"
	generated "ops-console/ops/phoenix/source"
	"ops-console/tui/action"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// generator is the stream of the comparison of generated trees.
type generator struct {
	stream[*compare.Snapshot]
	attended bool                // the session was told that somebody looks
	answered *generated.Question // the last that was; what is read may still have it
}

// comparing is where comparisons come from, or why they do not.
func (m *Model) comparing() (Generator, error) {
	if m.conn.session == nil {
		return nil, errors.New("there is no connection yet")
	}
	if src := m.conn.session.Generator(); src != nil {
		return src, nil
	}
	return nil, errors.New("generated trees are not compared here")
}

// attendGenerator lets the session know whether a pane is shown that wants generated trees, and asks what loading them waits
// for, as soon as nothing else is open.
func (m *Model) attendGenerator() {
	a, ok := m.pane().(pane.GeneratorAttender)
	looking := ok && a.AttendsGenerator()
	src := m.conn.session.Generator()
	if src == nil {
		return
	}
	if looking != m.generator.attended {
		src.Attend(looking)
		m.generator.attended = looking
	}
	if s := m.generator.newest.Value; looking && s != nil && s.Question != nil && s.Question != m.generator.answered && m.over == nil && m.typing == typingNothing {
		m.permit(src, s.Question)
	}
}

// permit asks whether a generator may be run. It came by itself: keys on their way were meant for something else.
func (m *Model) permit(src Generator, q *generated.Question) {
	answer := func(run bool) tea.Cmd {
		m.generator.answered = q
		src.Answer(q, run)
		return nil
	}
	c := newConfirm(m.target(), action.Action{
		Name: "run the generator",
		About: "No snapshot at hand has this tree. The published generator can make it, with the Elixir of this machine: that compiles and runs code from the registry, as you, " +
			"without your environment and within a time. What it makes is kept, and nothing of the application is changed.",
		Touches: questionFacts(q),
		Run:     func(string) tea.Cmd { return answer(true) },
	}, "")
	c.no = func() tea.Cmd { return answer(false) }
	m.over, m.graceUntil = c, m.o.Now().Add(grace)
}

// questionFacts is what is to be known before a generator is run.
func questionFacts(q *generated.Question) []action.Touch {
	tt := []action.Touch{
		{What: "package", How: q.Package + " " + q.Version},
		{What: "from", How: q.URL},
		{What: "SHA-256", How: q.SHA256},
		{What: "run by", How: "Elixir " + q.Elixir + ", " + q.Program},
	}
	if q.Retired != "" {
		tt = append(tt, action.Touch{What: "the registry says it was retired", How: q.Retired, Warn: true})
	}
	return append(tt, action.Touch{What: "not to be asked again", How: `mix = "always" or "never", under [app.NAME.generator]`})
}

// compare asks for another comparison. It comes as a snapshot.
func (m *Model) compare(msg pane.CompareMsg) {
	src, err := m.comparing()
	if err != nil {
		m.fail(err)
		return
	}
	src.Ask(msg.Choice)
}

// mark keeps whether a file is done.
func (m *Model) mark(msg pane.MarkMsg) tea.Cmd {
	return m.keep(func(src Generator) error { return src.Mark(msg.Key, msg.Done) })
}

// rebase keeps which version a file comes from.
func (m *Model) rebase(msg pane.RebaseMsg) tea.Cmd {
	return m.keep(func(src Generator) error { return src.Rebase(msg.Key, msg.Version) })
}

// keep writes down something about the comparison.
func (m *Model) keep(write func(Generator) error) tea.Cmd {
	src, err := m.comparing()
	if err != nil {
		m.fail(err)
		return nil
	}
	return m.jobs.cmd(func(context.Context) tea.Msg {
		if err := write(src); err != nil {
			return pane.ToastMsg{Err: err}
		}
		return nil
	})
}

// applyChanges writes into the project's files. Whoever asked gets an answer, whatever it is.
func (m *Model) applyChanges(msg pane.ApplyMsg) tea.Cmd {
	src, err := m.comparing()
	if why := m.refusal(action.Action{Danger: action.Changes}); err == nil && why != "" {
		err = errors.New("apply: " + why)
	}
	if err != nil {
		return m.applied(pane.AppliedMsg{Choices: msg.Choices, Err: err})
	}
	return m.jobs.cmd(func(ctx context.Context) tea.Msg {
		written, err := src.Apply(ctx, msg.Plan, msg.Choices)
		return pane.AppliedMsg{Choices: msg.Choices, Written: written, Err: err}
	})
}

// applied says what was written.
func (m *Model) applied(msg pane.AppliedMsg) tea.Cmd {
	if len(msg.Written) > 0 {
		m.say(writtenWords(msg.Written))
	}
	if msg.Err != nil {
		m.fail(msg.Err)
	}
	return m.toPanes(msg)
}

// writtenWords is what was written, in a line.
func writtenWords(ww []merge.Written) string {
	text, conflicts := "wrote "+paint.Count(len(ww), "file", "files"), 0
	if len(ww) == 1 {
		text = "wrote " + ww[0].Path
	}
	for _, w := range ww {
		conflicts += w.Conflicts
	}
	if conflicts > 0 {
		text += ", with " + paint.Count(conflicts, "conflict", "conflicts") + " between markers, to resolve"
	}
	return text
}
