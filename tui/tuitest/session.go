package tuitest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"ops-console/ops/backup"
	kept "ops-console/ops/backup/watch"
	released "ops-console/ops/deploy/watch"
	"ops-console/ops/ecto"
	"ops-console/ops/ecto/rehearse"
	"ops-console/ops/ecto/watch"
	"ops-console/ops/feed"
	"ops-console/ops/health"
	"ops-console/ops/logs"
	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/compare"
	"ops-console/ops/phoenix/merge"
	generated "ops-console/ops/phoenix/source"
	"ops-console/ops/replication"
	"ops-console/tui"
	"ops-console/tui/pane"
	"ops-console/wg"
)

// Session is a session that a test publishes to. Make one with NewSession.
type Session struct {
	health     source[feed.Snapshot[*health.Snapshot]]
	replicas   source[feed.Snapshot[*replication.Snapshot]]
	network    source[wg.Status]
	migrations source[feed.Snapshot[*watch.Snapshot]]
	generator  source[feed.Snapshot[*compare.Snapshot]]
	backups    source[feed.Snapshot[*kept.Snapshot]]
	deploys    source[feed.Snapshot[*released.Snapshot]]
	logs       source[logs.Snapshot]

	mu        sync.Mutex // guards the following
	database  bool
	attended  bool
	probe     func(context.Context) (*replication.ProbeResult, error)
	project   bool
	rehearse  func(context.Context, func(string)) ([]rehearse.Step, error)
	silenced  []pane.SuppressMsg
	compares  bool
	looking   bool
	asked     []compare.Choice
	marked    []pane.MarkMsg
	rebased   []pane.RebaseMsg
	applied   []pane.ApplyMsg
	apply     func(pane.ApplyMsg) ([]merge.Written, error)
	answers   map[*generated.Question]bool
	keeps     bool
	kept      []pane.BackupMsg
	says      bool
	reading   bool
	past      func(pane.PastMsg) ([]logs.Line, error)
	releases  bool
	deployed  []pane.DeployMsg
	forbid    error
	looked    int
	refuse    error
	refreshes int
	apart     bool
	closed    bool
}

// NewSession is a session whose network is up and that has read nothing yet.
func NewSession() *Session {
	s := &Session{}
	s.health.init()
	s.replicas.init()
	s.network.init()
	s.migrations.init()
	s.generator.init()
	s.backups.init()
	s.deploys.init()
	s.logs.init()
	s.network.set(Network(Options{}))
	return s
}

// Publish makes a snapshot the latest reading.
func (s *Session) Publish(snap *health.Snapshot) {
	seq := s.health.get().Seq + 1
	s.health.set(Feed(seq, snap))
}

// PublishFeed makes a whole reading the latest one, failed or not.
func (s *Session) PublishFeed(f feed.Snapshot[*health.Snapshot]) { s.health.set(f) }

// PublishNetwork makes a state of the network the latest.
func (s *Session) PublishNetwork(st wg.Status) { s.network.set(st) }

// Health implements tui.Session.
func (s *Session) Health() tui.Health { return healthSource{&s.health} }

// Apart makes it a session that could not join the network.
func (s *Session) Apart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apart = true
}

// Network implements tui.Session.
func (s *Session) Network() tui.Network {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apart {
		return nil
	}
	return networkSource{&s.network}
}

// Database gives the session a database, of which nothing is known yet.
func (s *Session) Database() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.database = true
}

// PublishReplicas makes a reading of the database the latest one, failed or not.
func (s *Session) PublishReplicas(f feed.Snapshot[*replication.Snapshot]) {
	s.Database()
	s.replicas.set(f)
}

// Probe is what measuring a write gives.
func (s *Session) Probe(f func(context.Context) (*replication.ProbeResult, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probe = f
}

// Attended says whether the console looks at the replicas now.
func (s *Session) Attended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attended
}

// Replication implements tui.Session.
func (s *Session) Replication() tui.Replication {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.database {
		return nil
	}
	return replicaSource{&s.replicas, s}
}

// Project gives the session a project, of which nothing is known yet.
func (s *Session) Project() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.project = true
}

// PublishMigrations makes a reading of the project the latest one, failed or not.
func (s *Session) PublishMigrations(f feed.Snapshot[*watch.Snapshot]) {
	s.Project()
	s.migrations.set(f)
}

// Rehearse is what a rehearsal does and gives.
func (s *Session) Rehearse(f func(context.Context, func(string)) ([]rehearse.Step, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rehearse = f
}

// Silenced are the comments that were asked for.
func (s *Session) Silenced() []pane.SuppressMsg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.silenced)
}

// Migrations implements tui.Session.
func (s *Session) Migrations() tui.Migrations {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.project {
		return nil
	}
	return migrationSource{&s.migrations, s}
}

// Refresh implements tui.Session.
func (s *Session) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshes++
}

// Refreshes is how often Refresh was called.
func (s *Session) Refreshes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refreshes
}

// Close implements tui.Session.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// Closed says whether Close was called.
func (s *Session) Closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// source is a value that tells of its changes.
type source[T any] struct {
	mu      sync.Mutex // guards v and changed
	v       T
	changed chan struct{}
}

func (s *source[T]) init() { s.changed = make(chan struct{}) }

func (s *source[T]) set(v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.v = v
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *source[T]) get() T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.v
}

// Changed is closed at the next change.
func (s *source[T]) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

type healthSource struct {
	*source[feed.Snapshot[*health.Snapshot]]
}

// Latest implements tui.Health.
func (h healthSource) Latest() feed.Snapshot[*health.Snapshot] { return h.get() }

type replicaSource struct {
	*source[feed.Snapshot[*replication.Snapshot]]
	s *Session
}

// Latest implements tui.Replication.
func (r replicaSource) Latest() feed.Snapshot[*replication.Snapshot] { return r.get() }

// Attend implements tui.Replication.
func (r replicaSource) Attend(looking bool) {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	r.s.attended = looking
}

// Probe implements tui.Replication.
func (r replicaSource) Probe(ctx context.Context) (*replication.ProbeResult, error) {
	r.s.mu.Lock()
	probe := r.s.probe
	r.s.mu.Unlock()
	if probe == nil {
		return nil, errors.New("this session cannot probe")
	}
	return probe(ctx)
}

type networkSource struct{ *source[wg.Status] }

// Status implements tui.Network.
func (n networkSource) Status() wg.Status { return n.get() }

// Compares makes it a session with generated trees.
func (s *Session) Compares() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compares = true
}

// PublishComparison makes a comparison the latest reading.
func (s *Session) PublishComparison(f feed.Snapshot[*compare.Snapshot]) {
	s.Compares()
	s.generator.set(f)
}

// Generator implements tui.Session.
func (s *Session) Generator() tui.Generator {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.compares {
		return nil
	}
	return generatorSource{&s.generator, s}
}

// Looking says whether somebody looks at generated trees.
func (s *Session) Looking() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looking
}

// Asked are the comparisons that were asked for, Marked the files that were marked.
func (s *Session) Asked() ([]compare.Choice, []pane.MarkMsg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked), slices.Clone(s.marked)
}

type generatorSource struct {
	*source[feed.Snapshot[*compare.Snapshot]]
	s *Session
}

// Latest implements tui.Generator.
func (g generatorSource) Latest() feed.Snapshot[*compare.Snapshot] { return g.get() }

// Attend implements tui.Generator.
func (g generatorSource) Attend(looking bool) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.s.looking = looking
}

// Ask implements tui.Generator.
func (g generatorSource) Ask(c compare.Choice) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.s.asked = append(g.s.asked, c)
}

// Mark implements tui.Generator.
func (g generatorSource) Mark(key string, done bool) error {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.s.marked = append(g.s.marked, pane.MarkMsg{Key: key, Done: done})
	return nil
}

// Rebase implements tui.Generator.
func (g generatorSource) Rebase(key string, v phoenix.Version) error {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.s.rebased = append(g.s.rebased, pane.RebaseMsg{Key: key, Version: v})
	return nil
}

// Apply implements tui.Generator.
func (g generatorSource) Apply(_ context.Context, plan *merge.Plan, choices []merge.Choice) ([]merge.Written, error) {
	msg := pane.ApplyMsg{Plan: plan, Choices: choices}
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.s.applied = append(g.s.applied, msg)
	if g.s.apply == nil {
		return nil, errors.New("this session cannot write into a project")
	}
	return g.s.apply(msg)
}

// Answer implements tui.Generator.
func (g generatorSource) Answer(q *generated.Question, run bool) {
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	if g.s.answers == nil {
		g.s.answers = map[*generated.Question]bool{}
	}
	g.s.answers[q] = run
}

// Apply is what writing into the project gives.
func (s *Session) Apply(f func(pane.ApplyMsg) ([]merge.Written, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply = f
}

// Applied is what was to be written into the project, Rebased which files were given a version of their own.
func (s *Session) Applied() ([]pane.ApplyMsg, []pane.RebaseMsg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.applied), slices.Clone(s.rebased)
}

// Answered is the answer to a question whether a generator may be run, and whether there is one.
func (s *Session) Answered(q *generated.Question) (run, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run, ok = s.answers[q]
	return run, ok
}

type migrationSource struct {
	*source[feed.Snapshot[*watch.Snapshot]]
	s *Session
}

// Latest implements tui.Migrations.
func (p migrationSource) Latest() feed.Snapshot[*watch.Snapshot] { return p.get() }

// Suppress implements tui.Migrations.
func (p migrationSource) Suppress(path string, at ecto.Span, rule, reason string) error {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.s.silenced = append(p.s.silenced, pane.SuppressMsg{Path: path, At: at, Rule: rule, Reason: reason})
	return nil
}

// Rehearse implements tui.Migrations.
func (p migrationSource) Rehearse(ctx context.Context, _ string, progress func(string)) ([]rehearse.Step, error) {
	p.s.mu.Lock()
	run := p.s.rehearse
	p.s.mu.Unlock()
	if run == nil {
		return nil, errors.New("this session cannot rehearse")
	}
	return run(ctx, progress)
}

// Keeps makes it a session with a store of backups.
func (s *Session) Keeps() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keeps = true
}

// PublishBackups makes backups the latest reading.
func (s *Session) PublishBackups(f feed.Snapshot[*kept.Snapshot]) {
	s.Keeps()
	s.backups.set(f)
}

// RefuseBackups has everything that is asked of the backups fail.
func (s *Session) RefuseBackups(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = err
}

// Kept is what was asked of the backups.
func (s *Session) Kept() []pane.BackupMsg {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.kept)
}

// Backups implements tui.Session.
func (s *Session) Backups() tui.Backups {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.keeps {
		return nil
	}
	return backupSource{&s.backups, s}
}

type backupSource struct {
	*source[feed.Snapshot[*kept.Snapshot]]
	s *Session
}

func (b backupSource) asked(m pane.BackupMsg) error {
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	b.s.kept = append(b.s.kept, m)
	return b.s.refuse
}

// Latest implements tui.Backups.
func (b backupSource) Latest() feed.Snapshot[*kept.Snapshot] { return b.get() }

// Take implements tui.Backups.
func (b backupSource) Take() error { return b.asked(pane.BackupMsg{Do: pane.BackupTake}) }

// Verify implements tui.Backups.
func (b backupSource) Verify(id backup.ID, level backup.Level) error {
	return b.asked(pane.BackupMsg{Do: pane.BackupVerify, ID: id, Level: level})
}

// Restore implements tui.Backups.
func (b backupSource) Restore(id backup.ID) error {
	return b.asked(pane.BackupMsg{Do: pane.BackupRestore, ID: id})
}

// Swap implements tui.Backups.
func (b backupSource) Swap(database string) error {
	return b.asked(pane.BackupMsg{Do: pane.BackupSwap, Text: database})
}

// Prune implements tui.Backups.
func (b backupSource) Prune(ids []backup.ID) error {
	return b.asked(pane.BackupMsg{Do: pane.BackupPrune, IDs: ids})
}

// Pin implements tui.Backups.
func (b backupSource) Pin(_ context.Context, id backup.ID, why string) error {
	return b.asked(pane.BackupMsg{Do: pane.BackupPin, ID: id, Text: why})
}

// Cancel implements tui.Backups.
func (b backupSource) Cancel() { _ = b.asked(pane.BackupMsg{Do: pane.BackupCancel}) }
