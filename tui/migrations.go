package tui

import (
	"context"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/feed"
	"ops-console/tui/paint"
	"ops-console/tui/pane"
)

// longestRehearsal is how long a rehearsal may take.
const longestRehearsal = 10 * time.Minute

// migrations is the stream of the project, which need not be there.
type migrations struct {
	stream[*watch.Snapshot]
	known     bool // there is a project
	told      bool // that panes know of
	rehearsal *rehearsal
}

// rehearsal is one that is running. It says in doing what it does.
type rehearsal struct {
	repo   string
	cancel context.CancelFunc
	doing  chan string
}

// tellProject tells the panes whether there is a project, before anything was read of it.
func (m *Model) tellProject() tea.Cmd {
	r := &m.migrations
	if m.frozen != nil {
		return nil
	}
	r.told = r.known
	if !r.known {
		r.shown = feed.Snapshot[*watch.Snapshot]{}
	}
	return m.toPanes(pane.MigrationsMsg{Known: r.known, Snapshot: r.shown})
}

// project is where the migrations come from, or why there is none.
func (m *Model) project() (Migrations, error) {
	if m.conn.session == nil {
		return nil, errors.New("there is no connection yet")
	}
	if src := m.conn.session.Migrations(); src != nil {
		return src, nil
	}
	return nil, errors.New("no project's directory is known")
}

// suppress writes a comment into a file of the project. That changes nothing that runs anywhere, so no arming is needed;
// a console that was started to change nothing does not.
func (m *Model) suppress(msg pane.SuppressMsg) tea.Cmd {
	if m.o.ReadOnly {
		m.fail(errors.New("suppress: the console was started with --read-only"))
		return nil
	}
	src, err := m.project()
	if err != nil {
		m.fail(err)
		return nil
	}
	return m.jobs.cmd(func(context.Context) tea.Msg {
		if err := src.Suppress(msg.Path, msg.At, msg.Rule, msg.Reason); err != nil {
			return pane.ToastMsg{Err: err}
		}
		return pane.ToastMsg{Text: "wrote the comment for " + msg.Rule + " into " + msg.Path}
	})
}

// rehearse begins a rehearsal, or ends the one that is running. Whoever asked gets an answer, whatever it is.
func (m *Model) rehearse(msg pane.RehearseMsg) tea.Cmd {
	r := &m.migrations
	if msg.Cancel {
		if r.rehearsal != nil {
			r.rehearsal.cancel()
		}
		return nil
	}
	failed := func(err error) tea.Cmd {
		return m.toPanes(pane.RehearsalMsg{Repo: msg.Repo, Done: true, Err: err})
	}
	if r.rehearsal != nil {
		return failed(errors.New("another rehearsal is running"))
	}
	src, err := m.project()
	if err != nil {
		return failed(err)
	}
	ctx, cancel := context.WithTimeout(m.jobs.ctx, longestRehearsal)
	now := &rehearsal{repo: msg.Repo, cancel: cancel, doing: make(chan string, 1)}
	r.rehearsal = now
	run := m.jobs.cmd(func(context.Context) tea.Msg {
		defer cancel()
		steps, err := src.Rehearse(ctx, msg.Repo, now.say)
		return pane.RehearsalMsg{Repo: msg.Repo, Done: true, Steps: steps, Err: err}
	})
	return tea.Batch(run, m.overhear(ctx, now), m.toPanes(pane.RehearsalMsg{Repo: msg.Repo, Doing: "starting"}))
}

// say tells what is being done; of what nobody has heard yet only the latest is kept.
func (r *rehearsal) say(text string) {
	select {
	case <-r.doing:
	default:
	}
	select {
	case r.doing <- text:
	default:
	}
}

// overhear waits for the next thing that a rehearsal does.
func (m *Model) overhear(ctx context.Context, r *rehearsal) tea.Cmd {
	number := m.conn.number
	return m.jobs.cmd(func(context.Context) tea.Msg {
		select {
		case text := <-r.doing:
			return feedMsg{number, func() tea.Cmd {
				if m.migrations.rehearsal != r {
					return nil
				}
				return tea.Batch(m.toPanes(pane.RehearsalMsg{Repo: r.repo, Doing: text}), m.overhear(ctx, r))
			}}
		case <-ctx.Done():
			return nil
		}
	})
}

// rehearsed takes the result of a rehearsal.
func (m *Model) rehearsed(msg pane.RehearsalMsg) tea.Cmd {
	if msg.Done {
		m.migrations.rehearsal = nil
	}
	cmd := m.toPanes(msg)
	switch {
	case !msg.Done:
	case errors.Is(msg.Err, context.Canceled):
		m.say("rehearsal: stopped")
	case msg.Err != nil:
		m.fail(msg.Err)
	default:
		m.say("rehearsed: " + differences(msg.Steps))
	}
	return cmd
}

// differences says in a few words what was measured.
func differences(steps []rehearse.Step) string {
	failed, differ := 0, 0
	for i := range steps {
		if steps[i].Err != "" {
			failed++
		}
		if len(steps[i].Differs) > 0 {
			differ++
		}
	}
	text := paint.Count(len(steps), "statement", "statements")
	switch {
	case failed > 0:
		return text + ", " + paint.Count(failed, "failure", "failures")
	case differ > 0:
		return text + ", " + paint.Count(differ, "difference", "differences") + " from what was predicted"
	}
	return text + ", as predicted"
}
