// Package pane is the contract between the console and its panes, and what they are given to draw with. A pane holds
// view state only: what the world is like comes in messages.
package pane

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"ops-console/ops/backup"
	kept "ops-console/ops/backup/watch"
	"ops-console/ops/deploy"
	deploys "ops-console/ops/deploy/watch"
	"ops-console/ops/ecto"
	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/merge"
	"ops-console/ops/replication"
	"ops-console/themes"
	"ops-console/tui/action"
	"ops-console/tui/glyph"
	"ops-console/wg"
)

// Pane is one numbered screen of the console.
type Pane interface {
	// Name is the tab's text at full width, Short at 80 columns.
	Name() string
	Short() string
	// Update takes messages in: HealthMsg, NetworkMsg, tea.KeyPressMsg that no action of the pane's own matched,
	// mouse events translated to the pane's own coordinates. It never blocks.
	Update(msg tea.Msg) tea.Cmd
	// View draws exactly h lines of exactly w cells, and does nothing else: no I/O, no change of state that a second
	// call would see.
	View(env *Env, w, h int) []string
	// Actions are the pane's own, most relevant first; the first ones fill the help row.
	Actions() []action.Action
	// Badge counts what needs attention; 0 shows nothing.
	Badge() int
	// Filter sets what "/" typed; empty shows everything. n is how many rows are left, of total.
	Filter(text string) (n, total int)
	// Back leaves the innermost detail, and says whether there was one: esc.
	Back() bool
	// Address is the view in words that a colleague can open: "instances?region=lhr&id=…".
	Address() string
}

// Env is what a pane draws with. It is the same for every pane of a frame.
type Env struct {
	Theme         *themes.Theme
	Glyphs        *glyph.Set
	Now           time.Time // of the frame; ages count from it
	Focused       bool
	ReducedMotion bool
}

// HealthMsg carries a new snapshot of the instances.
type HealthMsg struct {
	Snapshot feed.Snapshot[*health.Snapshot]
}

// ReplicationMsg carries a new snapshot of the database's replicas. Known is false where no database is configured.
type ReplicationMsg struct {
	Known    bool
	Snapshot feed.Snapshot[*replication.Snapshot]
}

// ProbeMsg asks the console to measure, with a write on the primary, how long a write takes until it is visible on each
// replica. The answer comes as a ProbedMsg.
type ProbeMsg struct{}

// ProbedMsg is what was measured, or why it could not be.
type ProbedMsg struct {
	Result *replication.ProbeResult
	Err    error
}

// MigrationsMsg carries a new snapshot of the project's migrations. Known is false where no project's directory is known.
type MigrationsMsg struct {
	Known    bool
	Snapshot feed.Snapshot[*watch.Snapshot]
}

// SuppressMsg asks the console to write, into a migration of the project, the comment that silences a rule at a place.
type SuppressMsg struct {
	Path   string // relative to the project
	At     ecto.Span
	Rule   string
	Reason string
}

// RehearseMsg asks the console to run the pending migrations of a repo on a throw-away cluster of this machine, or, with
// Cancel, to stop doing so. Progress and answer come as RehearsalMsgs.
type RehearseMsg struct {
	Repo   string
	Cancel bool
}

// RehearsalMsg is how a rehearsal goes: what is being done, until it is Done.
type RehearsalMsg struct {
	Repo  string
	Doing string
	Done  bool
	Steps []rehearse.Step
	Err   error
}

// GeneratorMsg carries a new snapshot of the comparison of two generated trees.
type GeneratorMsg struct {
	Snapshot feed.Snapshot[*compare.Snapshot]
}

// CompareMsg asks the console for another comparison of generated trees.
type CompareMsg struct {
	Choice compare.Choice
}

// MarkMsg asks the console to mark a file of the comparison as done, or not, by its compare.Key.
type MarkMsg struct {
	Key  string
	Done bool
}

// RebaseMsg asks the console to keep which version a file of the comparison comes from, by its compare.Key; the zero version:
// the one that the rest comes from.
type RebaseMsg struct {
	Key     string
	Version phoenix.Version
}

// ApplyMsg asks the console to write changes of a plan into the project's files. It comes from an action that was confirmed.
// The answer comes as an AppliedMsg.
type ApplyMsg struct {
	Plan    *merge.Plan
	Choices []merge.Choice
}

// AppliedMsg is what was written, or why it was not.
type AppliedMsg struct {
	Choices []merge.Choice
	Written []merge.Written
	Err     error
}

// EditMsg asks the console to open a file in the user's editor. The program waits meanwhile.
type EditMsg struct {
	Path         string // absolute
	Line, Column int    // counted from 1; 0: wherever the editor likes
}

// AskMsg asks the console for a line of text to run an action with. What came is refused as the action would be.
type AskMsg struct {
	Action   action.Action
	Title    string
	About    string // a sentence or two: what will be done with it
	Label    string // before the text: "reason"
	Text     string // that is there to begin with
	Optional bool   // an empty text will do
	// Choices are texts that are offered, the likeliest first; nil: there are none. It is called at each View.
	Choices func() []Choice
}

// Choice is a text that a question offers.
type Choice struct {
	Text string
	Note string // shown at the right: what it is
}

// Attender is what a pane may have besides, where its readings cost somebody something: AttendsReplication says that the
// replicas' readings are wanted while the pane is shown.
type Attender interface {
	AttendsReplication() bool
}

// GeneratorAttender says that generated trees are to be loaded while the pane is shown.
type GeneratorAttender interface {
	AttendsGenerator() bool
}

// NetworkMsg carries the state of the private network.
type NetworkMsg struct {
	Status wg.Status
}

// OpenMsg asks the console to go to an address, as Address makes them.
type OpenMsg struct {
	Address string
}

// ToastMsg asks the console to say something for a few seconds; an error stays until a key.
type ToastMsg struct {
	Text string
	Err  error
}

// SaveMsg asks the console to write a text to a file of its own. Kind ends the file's name: "lag.csv".
type SaveMsg struct {
	Kind, Text string
}

// ConfirmMsg asks the console to ask its user for an action that a pane has prepared, such as a plan that is ready.
type ConfirmMsg struct {
	Action action.Action
	Arg    string
}

// Selector is what a pane may have besides: what the cursor is on, to be copied. what is a word for it ("machine
// id"), text its value.
type Selector interface {
	Selected() (what, text string)
}

// Copier is what a pane may have besides, where there is more to copy than what the cursor is on.
type Copier interface {
	Copies() []Copy
}

// Copy is a text that can be copied, and a word for it.
type Copy struct {
	What, Text string
}

// BackupsMsg carries a new snapshot of the backups. Known is false where no store is configured.
type BackupsMsg struct {
	Known    bool
	Snapshot feed.Snapshot[*kept.Snapshot]
}

// BackupDo is what can be done with backups.
type BackupDo string

// The deeds.
const (
	BackupTake    BackupDo = "take a backup"
	BackupVerify  BackupDo = "verify"  // ID, Level
	BackupRestore BackupDo = "restore" // ID
	BackupSwap    BackupDo = "swap"    // Text: the restored database
	BackupPrune   BackupDo = "prune"   // IDs, as they were shown
	BackupPin     BackupDo = "pin"     // ID, Text: why; empty: unpin
	BackupCancel  BackupDo = "cancel"  // the job that runs
)

// BackupMsg asks the console to do something with backups. Of what it does snapshots tell.
type BackupMsg struct {
	Do    BackupDo
	ID    backup.ID
	IDs   []backup.ID
	Level backup.Level
	Text  string
}

// DeploysMsg carries a new snapshot of the releases and deployments. Known is false where they are not watched.
type DeploysMsg struct {
	Known    bool
	Snapshot feed.Snapshot[*deploys.Snapshot]
}

// DeployDo is what can be done about deployments.
type DeployDo string

// The deeds.
const (
	DeployPlan    DeployDo = "plan a deployment" // Image; changes nothing
	DeployBack    DeployDo = "plan a rollback"   // Release; changes nothing
	DeployForget  DeployDo = "forget the plan"
	DeployStart   DeployDo = "start"     // ID of the plan that was shown
	DeployChoose  DeployDo = "choose"    // ID, Choice
	DeployAside   DeployDo = "set aside" // ID of a journal that cannot be read
	DeployDetach  DeployDo = "detach"    // the one that runs here; it can be resumed
	DeployInspect DeployDo = "preflight" // Image; empty: of what runs; changes nothing
	DeployImages  DeployDo = "look for images"
)

// DeployMsg asks the console to do something about deployments. Of what it does snapshots tell.
type DeployMsg struct {
	Do      DeployDo
	Image   string
	Release int
	ID      string
	Choice  deploy.Choice
}
