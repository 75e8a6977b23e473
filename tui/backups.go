package tui

import (
	"context"
	"errors"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/backup"
	"ops-console/ops/backup/watch"
	"ops-console/ops/feed"
	"ops-console/tui/action"
	"ops-console/tui/pane"
)

// Backups is where snapshots of the backups come from, and what changes them: a *session.BackupWatch. Nothing but Pin may
// block; the others begin a job, of which the snapshots tell.
type Backups interface {
	Latest() feed.Snapshot[*watch.Snapshot]
	Changed() <-chan struct{}
	Take() error
	Verify(id backup.ID, level backup.Level) error
	Restore(id backup.ID) error
	Swap(database string) error
	Prune(shown []backup.ID) error
	Pin(ctx context.Context, id backup.ID, why string) error // without why: unpin
	Cancel()
}

// backups is the stream of the backups, which need not be kept anywhere.
type backups struct {
	stream[*watch.Snapshot]
	known bool // a store is configured
	told  bool // that panes know of
}

// tellBackups tells the panes whether there is a store, before anything was read of it.
func (m *Model) tellBackups() tea.Cmd {
	b := &m.backups
	if m.frozen != nil {
		return nil
	}
	b.told = b.known
	if !b.known {
		b.shown = feed.Snapshot[*watch.Snapshot]{}
		m.sum()
	}
	return m.toPanes(pane.BackupsMsg{Known: b.known, Snapshot: b.shown})
}

// backup does what a pane asks for. What only looks needs no arming.
func (m *Model) backup(msg pane.BackupMsg) tea.Cmd {
	if m.conn.session == nil {
		m.fail(errors.New("backups: there is no connection yet"))
		return nil
	}
	src := m.conn.session.Backups()
	if src == nil {
		m.fail(errors.New("backups: no store is configured"))
		return nil
	}
	if msg.Do != pane.BackupVerify && msg.Do != pane.BackupCancel {
		if why := m.refusal(action.Action{Danger: action.Changes}); why != "" {
			m.fail(errors.New(string(msg.Do) + ": " + why))
			return nil
		}
	}
	var err error
	switch msg.Do {
	case pane.BackupTake:
		err = src.Take()
	case pane.BackupVerify:
		err = src.Verify(msg.ID, msg.Level)
	case pane.BackupRestore:
		err = src.Restore(msg.ID)
	case pane.BackupSwap:
		err = src.Swap(msg.Text)
	case pane.BackupPrune:
		err = src.Prune(msg.IDs)
	case pane.BackupCancel:
		src.Cancel()
	case pane.BackupPin:
		return m.jobs.cmd(func(ctx context.Context) tea.Msg {
			if err := src.Pin(ctx, msg.ID, msg.Text); err != nil {
				return pane.ToastMsg{Err: err}
			}
			if msg.Text == "" {
				return pane.ToastMsg{Text: "unpinned " + string(msg.ID)}
			}
			return pane.ToastMsg{Text: "pinned " + string(msg.ID)}
		})
	}
	if err != nil {
		m.fail(err)
	}
	return nil
}

// keeping is the job with backups that runs here, and would end with the session; nil where there is none.
func (m *Model) keeping() *watch.Job {
	if s := m.backups.newest.Value; m.conn.session != nil && s != nil && s.Job.Runs() {
		return s.Job
	}
	return nil
}

// leaveJob asks before something is done that ends the job that runs here.
func (m *Model) leaveJob(j *watch.Job, name, sentence string, do func() tea.Cmd) {
	m.over = newConfirm(m.target(), action.Action{
		Name: name,
		Plan: sentence + " The job that runs in it comes to an end, and what it began is taken back.",
		Touches: []action.Touch{
			{What: j.Title, How: "is cancelled", Warn: true},
			{What: "without the console", How: "the commands of backup go on by themselves"},
		},
		Run: func(string) tea.Cmd { return do() },
	}, "")
}
