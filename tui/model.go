package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"ops-console/ops"
	kept "ops-console/ops/backup/watch"
	released "ops-console/ops/deploy/watch"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/ops/logs"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/pane"
	"ops-console/wg"
)

// Model is the console. Make one with New; it is used by one program, once.
type Model struct {
	o       Options
	jobs    *jobs
	drawn   <-chan struct{} // closed once the first frame is on the screen
	program *tea.Program    // nil: another one than Run's
	pace    pace
	held    holder
	watcher *themes.Watcher

	look    look
	w, h    int
	panes   []pane.Pane
	at      int   // the pane that is shown
	came    *came // how it was opened; nil: by its number
	filters []filter
	global  []action.Action

	conn       connection
	health     stream[*health.Snapshot]
	replicas   replicas
	migrations migrations
	generator  generator
	backups    backups
	deploys    deploys
	logs       logLines
	problems   []ops.Problem // of all that the panes have
	net        wg.Status
	netKnown   bool
	frozen     *frozen

	arm        arm
	zoom       bool
	over       overlay   // nil: none is open
	graceUntil time.Time // it ignores keys until then
	typing     typing    // what keys go to
	line       lineEdit  // while typing
	toast      entry
	log        []entry

	version uint64 // grows with everything that can change the frame
	frame   frame
}

// New is a console over panes that is not running yet. Run does it all at once.
func New(o Options) (*Model, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	drawn := make(chan struct{})
	close(drawn)
	m := &Model{o: o, jobs: newJobs(), drawn: drawn, panes: o.Panes, filters: make([]filter, len(o.Panes))}
	m.health.tell = func(s feed.Snapshot[*health.Snapshot]) tea.Msg { return pane.HealthMsg{Snapshot: s} }
	m.replicas.tell = func(s feed.Snapshot[*replication.Snapshot]) tea.Msg {
		return pane.ReplicationMsg{Known: true, Snapshot: s}
	}
	m.migrations.tell = func(s feed.Snapshot[*watch.Snapshot]) tea.Msg {
		return pane.MigrationsMsg{Known: true, Snapshot: s}
	}
	m.generator.tell = func(s feed.Snapshot[*compare.Snapshot]) tea.Msg { return pane.GeneratorMsg{Snapshot: s} }
	m.backups.tell = func(s feed.Snapshot[*kept.Snapshot]) tea.Msg { return pane.BackupsMsg{Known: true, Snapshot: s} }
	m.deploys.tell = func(s feed.Snapshot[*released.Snapshot]) tea.Msg { return pane.DeploysMsg{Known: true, Snapshot: s} }
	m.logs.tell = func(s feed.Snapshot[*logs.Snapshot]) tea.Msg { return pane.LogsMsg{Known: true, Snapshot: s} }
	var err error
	if m.look, err = newLook(&o); err != nil {
		return nil, err
	}
	m.global = m.globalActions()
	action.Remap("console", m.global, o.Keys)
	if err := m.checkKeys(); err != nil {
		return nil, err
	}
	if o.Open != "" {
		m.open(o.Open)
		m.came = nil // there is nothing to go back to
	}
	return m, nil
}

// checkKeys refuses keys that two actions want and keys for actions that do not exist.
func (m *Model) checkKeys() error {
	groups := []action.Group{{Name: "console", Actions: m.global}}
	for _, p := range m.panes {
		groups = append(groups, action.Group{Name: paneName(p), Actions: m.paneActions(p)})
	}
	if ss := action.Strangers(groups, m.o.Keys); len(ss) > 0 {
		return fmt.Errorf("keys: there is no action called %s; docs/keys.md lists them", strings.Join(ss, ", "))
	}
	return action.Conflicts(groups)
}

// Close ends everything the console began, and waits for it. It is for when the program is over; a second call does
// nothing.
func (m *Model) Close() error {
	m.jobs.close()
	m.pace.stop()
	if m.watcher != nil {
		m.watcher.Close()
		m.watcher = nil
	}
	return m.held.set(nil)
}

type tickMsg struct{}

// Init implements tea.Model.
func (m *Model) Init() tea.Cmd {
	var cmds []tea.Cmd
	if m.program != nil {
		m.pace.follow(m.program)
	}
	m.sayNotes()
	if !m.o.NoSync {
		// The program asks for synchronized output itself, but not over SSH, where it matters most. Terminals that do
		// not know the mode ignore it.
		cmds = append(cmds, func() tea.Msg {
			return tea.ModeReportMsg{Mode: ansi.ModeSynchronizedOutput, Value: ansi.ModeReset}
		})
	}
	if m.look.asking {
		cmds = append(cmds, tea.RequestBackgroundColor, m.jobs.after(askBackground, backgroundTimeoutMsg{}))
	}
	if len(m.o.ThemeDirs) > 0 && m.watcher == nil {
		w, err := themes.Watch(m.jobs.ctx, m.o.ThemeDirs)
		if err == nil {
			m.watcher = w
		} else {
			m.fail(err)
		}
	}
	return tea.Batch(append(cmds, m.tick(), m.watchThemes(), m.connect())...)
}

// tick is the clock: once at the start of each second.
func (m *Model) tick() tea.Cmd {
	now := m.o.Now()
	return m.jobs.after(now.Truncate(time.Second).Add(time.Second).Sub(now), tickMsg{})
}

// Update implements tea.Model.
func (m *Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	defer m.attend()
	before := m.version
	m.version++
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case feedMsg:
		if msg.number != m.conn.number || m.conn.session == nil {
			return m, nil
		}
		return m, msg.take()
	case networkMsg:
		if msg.number != m.conn.number || m.conn.session == nil {
			return m, nil
		}
		return m, m.takeNetwork()
	case tickMsg:
		return m, m.second()
	case tea.WindowSizeMsg:
		m.w, m.h = msg.Width, msg.Height
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.MouseMsg:
		return m, m.mouse(msg, before)
	case tea.FocusMsg:
		m.arm.blurred = time.Time{}
	case tea.BlurMsg:
		m.arm.blurred = m.o.Now()
	case connectedMsg:
		return m, m.connected(msg)
	case joinedMsg:
		return m, m.joined(msg)
	case retryMsg:
		if msg.tries == m.conn.tries {
			return m, m.connect()
		}
	case themesChangedMsg:
		m.reapply()
		return m, m.watchThemes()
	case tea.ColorProfileMsg, tea.BackgroundColorMsg, backgroundTimeoutMsg:
		m.learn(msg)
	case pane.OpenMsg:
		return m, m.open(msg.Address)
	case pane.ToastMsg:
		if msg.Err != nil {
			m.fail(msg.Err)
		} else {
			m.say(msg.Text)
		}
	case pane.ProbeMsg:
		return m, m.probe()
	case pane.SuppressMsg:
		return m, m.suppress(msg)
	case pane.RehearseMsg:
		return m, m.rehearse(msg)
	case pane.RehearsalMsg:
		return m, m.rehearsed(msg)
	case pane.CompareMsg:
		m.compare(msg)
	case pane.MarkMsg:
		return m, m.mark(msg)
	case pane.RebaseMsg:
		return m, m.rebase(msg)
	case pane.ApplyMsg:
		return m, m.applyChanges(msg)
	case pane.AppliedMsg:
		return m, m.applied(msg)
	case pane.BackupMsg:
		return m, m.backup(msg)
	case pane.DeployMsg:
		return m, m.deploy(msg)
	case pane.PastMsg:
		return m, m.past(msg)
	case pane.EditMsg:
		return m, m.edit(msg)
	case pane.AskMsg:
		m.ask(msg)
	case editedMsg:
		return m, m.edited(msg)
	case pane.SaveMsg:
		return m, m.write(msg.Kind, msg.Text)
	case pane.ConfirmMsg:
		m.confirmLater(msg.Action, msg.Arg)
	case savedMsg:
		m.saved(msg)
	case tea.ResumeMsg:
	case tea.EnvMsg, tea.ModeReportMsg, tea.KeyboardEnhancementsMsg, tea.KeyReleaseMsg, tea.PasteStartMsg, tea.PasteEndMsg, tea.CapabilityMsg:
		m.version = before
	default:
		return m, m.toPanes(msg)
	}
	return m, nil
}

// second is what happens each second.
func (m *Model) second() tea.Cmd {
	now := m.o.Now()
	m.arm.tick(m, now)
	if !m.toast.err && !m.toast.at.IsZero() && now.Sub(m.toast.at) >= toastFor {
		m.toast = entry{}
	}
	return tea.Batch(m.tick(), m.pollNetwork(), m.joinLater(now))
}

func (m *Model) pane() pane.Pane {
	if len(m.panes) == 0 {
		return nil
	}
	return m.panes[m.at]
}

// came is a way back: what one pane opened in another.
type came struct {
	from, to int
	address  string // where it led; nobody goes back from anywhere else
}

// show goes to a pane by its index.
func (m *Model) show(i int) {
	if i >= 0 && i < len(m.panes) {
		m.at, m.came = i, nil
	}
}

// open goes to an address. An address of no pane is said, not followed.
func (m *Model) open(address string) tea.Cmd {
	name, _, _ := strings.Cut(address, "?")
	for i, p := range m.panes {
		if paneName(p) == name {
			m.over, m.typing = nil, typingNothing
			from := m.at
			m.show(i)
			cmd := p.Update(pane.OpenMsg{Address: address})
			if from != i {
				m.came = &came{from, i, p.Address()}
			}
			return cmd
		}
	}
	m.fail(fmt.Errorf("there is no pane %q to open", name))
	return nil
}

func paneName(p pane.Pane) string { return strings.ToLower(p.Name()) }
