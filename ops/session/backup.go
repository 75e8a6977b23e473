package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"ops-console/ops"
	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/notice"
	"ops-console/ops/backup/retain"
	"ops-console/ops/backup/schedule"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/backup/take"
	"ops-console/ops/backup/verify"
	"ops-console/ops/backup/watch"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
)

// ErrNoStore says that the profile names no place for backups.
var ErrNoStore = errors.New("the profile names no store of backups: set backup.store to a directory or a bucket; see docs/backups.md")

// errNoDatabase says that the profile names no database.
var errNoDatabase = errors.New("the profile names no database: set database.app, database.url_env or database.url_file; see docs/configuration.md")

// Backups is the application's backups: where they are, and all that makes, checks and gives them back, as the profile has
// it.
type Backups struct {
	Store     store.Store
	Catalog   *catalog.Catalog
	Source    backup.Source
	Policy    retain.Policy
	PolicyErr error // of the profile's text

	s       *Session
	version string
	now     func() time.Time
}

// Backups opens the profile's store. It asks the store nothing yet; to learn the database's name it may ask for the nodes.
// ErrNoStore where the profile has none.
func (s *Session) Backups(ctx context.Context, o Options, now func() time.Time) (*Backups, error) {
	p := s.Profile.Backup
	if p.Store == "" {
		return nil, ErrNoStore
	}
	keys := store.EnvKeys(s.getenv, p.KeyEnv, p.SecretEnv, p.TokenEnv)
	if p.KeyFile != "" {
		keys = store.FileKeys(p.KeyFile, "")
	}
	st, err := store.Open(ctx, p.Store, store.Options{Keys: keys, Dial: s.dialStore, Rate: int64(p.Rate)})
	if err != nil {
		return nil, err
	}
	b := &Backups{Store: st, Catalog: catalog.New(st), s: s, version: o.Version, now: now}
	b.Policy, b.PolicyErr = retain.Parse(p.Keep)
	if b.Source, err = b.source(ctx); err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return b, nil
}

// Close lets go of the store.
func (b *Backups) Close() error { return b.Store.Close() }

// dialStore reaches a store inside the private network through it, and any other as the system does.
func (s *Session) dialStore(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err == nil && inside(host) {
		return s.dial(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// sixPN is where all private networks of the platform are.
var sixPN = netip.MustParsePrefix("fdaa::/16")

func inside(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return sixPN.Contains(a)
	}
	return strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".flycast")
}

// source is whose backups are meant. The database's name is what the profile says, else what the nodes have, else the only
// one in the store.
func (b *Backups) source(ctx context.Context) (backup.Source, error) {
	p := b.s.Profile
	src := backup.Source{App: p.App, Database: p.Database.Name}
	if src.Database != "" {
		return src, nil
	}
	asking, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	nodes, nodesErr := b.nodes(asking)
	for _, n := range nodes {
		if n.Config != nil && n.Config.Database != "" {
			src.Database = n.Config.Database
			return src, nil
		}
	}
	l, err := b.Catalog.List(ctx, backup.Source{})
	if err != nil {
		return src, err
	}
	seen := map[string]bool{}
	for _, r := range l.Records {
		if r.Manifest.App == src.App {
			seen[r.Manifest.Database] = true
			src.Database = r.Manifest.Database
		}
	}
	if len(seen) == 1 {
		return src, nil
	}
	src.Database = ""
	return src, fmt.Errorf("which database is meant is not known: set database.name in the profile: %w", cmp.Or(nodesErr, errNoDatabase))
}

// locator finds the nodes as the role for backups, where the profile names one.
func (b *Backups) locator() (postgres.Locator, postgres.Dialer, bool) {
	db, p := b.s.Profile.Database, b.s.Profile.Backup
	if p.URLEnv != "" || p.URLFile != "" {
		db.URL, db.URLEnv, db.URLFile, db.Service, db.User, db.Password = "", p.URLEnv, p.URLFile, "", "", ""
	}
	return b.s.locatorOf(db)
}

func (b *Backups) nodes(ctx context.Context) ([]postgres.Node, error) {
	l, _, ok := b.locator()
	if !ok {
		return nil, errNoDatabase
	}
	nodes, err := l.Nodes(ctx)
	if len(nodes) == 0 {
		return nil, cmp.Or(err, errors.New("no node of the database is known"))
	}
	return nodes, nil
}

// Read lists the store and the machines that take backups by schedule.
func (b *Backups) Read(ctx context.Context) (watch.Reading, error) {
	l, err := b.Catalog.List(ctx, b.Source)
	if err != nil {
		return watch.Reading{}, err
	}
	r := watch.Reading{Store: b.Store.String(), Source: b.Source, Listing: l}
	mm, err := b.Machines().List(ctx)
	if err != nil {
		return r, nil //nolint:nilerr // the backups are what was asked for; that the platform does not answer is said elsewhere
	}
	for _, m := range mm {
		if m.Every != "" && m.Source == backup.SourceDir(b.Source) {
			r.Scheduled = append(r.Scheduled, watch.Scheduled{What: "machine " + m.ID + " in " + m.Region, When: string(m.Every), ID: m.ID})
		}
	}
	return r, nil
}

// Machines makes and finds the machines that take backups.
func (b *Backups) Machines() *schedule.Machines {
	return &schedule.Machines{Client: b.s.Platform, App: b.s.Profile.App}
}

// Job is what a machine of the platform runs to take a backup. image is that of the profile where it is empty.
func (b *Backups) Job(image string, reason backup.Reason) (schedule.Job, error) {
	p := b.s.Profile
	image = cmp.Or(image, p.Backup.Image)
	if image == "" {
		return schedule.Job{}, errors.New("a machine needs an image with ops-console and pg_dump in it: set backup.image, or say --image")
	}
	j := schedule.Job{
		Source: b.Source, Region: p.PrimaryRegion, Image: image, Env: b.jobEnv(),
		Command: []string{"ops-console", "--app", p.App, "backup", "run", "--yes", "--reason", string(reason)},
	}
	// Without these in the app's secrets the machine could not work. What lies in files here is the image's affair.
	if bk := p.Backup; strings.HasPrefix(bk.Store, "s3:") && bk.KeyFile == "" {
		j.Secrets = append(j.Secrets, bk.KeyEnv, bk.SecretEnv)
	}
	if v := cmp.Or(p.Backup.URLEnv, p.Database.URLEnv); v != "" && p.Backup.URLFile == "" {
		j.Secrets = append(j.Secrets, v)
	}
	return j, nil
}

// jobEnv is the part of the profile that a machine needs and that is no secret, as the variables that set the same keys.
func (b *Backups) jobEnv() map[string]string {
	p := b.s.Profile
	env := map[string]string{"OPS_CONSOLE_NETWORK_MODE": "direct"}
	set := func(name, value, usual string) {
		if value != "" && value != usual {
			env["OPS_CONSOLE_"+name] = value
		}
	}
	set("PRIMARY_REGION", p.PrimaryRegion, "")
	set("DATABASE_APP", p.Database.App, "")
	set("DATABASE_NAME", b.Source.Database, "")
	set("DATABASE_URL_ENV", p.Database.URLEnv, "")
	set("BACKUP_URL_ENV", p.Backup.URLEnv, "")
	if strings.HasPrefix(p.Backup.Store, "s3:") {
		set("BACKUP_STORE", p.Backup.Store, "")
	}
	set("BACKUP_NODE", p.Backup.Node, "primary")
	set("BACKUP_VERIFY", p.Backup.Verify, "decoded")
	set("BACKUP_LEVEL", strconv.Itoa(p.Backup.Level), "1")
	if rr, err := stream.ParseRecipients(p.Backup.Recipients); err == nil && len(rr.Names()) == 1 {
		set("BACKUP_RECIPIENTS", rr.Names()[0], "")
	}
	return env
}

// Remote runs a single backup on a machine of the platform.
func (b *Backups) Remote() *schedule.Remote {
	return &schedule.Remote{Machines: b.Machines(), Catalog: b.Catalog, Dial: b.s.dial}
}

// TakeOptions are what a run may say besides the profile.
type TakeOptions struct {
	ID       backup.ID // empty: a new one
	Reason   backup.Reason
	DeployID string
	Remote   string // the machine that it runs on
	Node     string // auto, primary or replica; empty: the profile's
	Progress func(take.Progress)
}

// Take takes a backup now.
func (b *Backups) Take(ctx context.Context, o TakeOptions) (backup.Manifest, error) {
	p := b.s.Profile.Backup
	rr, err := stream.ParseRecipients(p.Recipients)
	if err != nil {
		return backup.Manifest{}, fmt.Errorf("backup.recipients: %w", err)
	}
	nodes, err := b.nodes(ctx)
	if err != nil {
		return backup.Manifest{}, err
	}
	return take.Run(ctx, take.Options{
		Nodes: nodes, Choice: take.Choice(cmp.Or(o.Node, p.Node)), Dialer: b.dialer(), Store: b.Store,
		ID: o.ID, Source: b.Source, Reason: o.Reason, DeployID: o.DeployID, Remote: o.Remote, Version: b.version,
		Recipients: rr, Level: p.Level, Limits: take.Limits{MaxSnapshot: p.MaxSnapshot, LockTimeout: p.LockTimeout},
		KeepFailure: true, Now: b.now, Progress: o.Progress,
	})
}

func (b *Backups) dialer() postgres.Dialer {
	_, d, _ := b.locator()
	return d
}

// Identities reads the private keys that backups are decrypted with. path is the profile's where it is empty; ask is asked
// for a passphrase. None is no error: what is not encrypted needs none.
func (b *Backups) Identities(path string, ask func(of string) ([]byte, error)) ([]age.Identity, error) {
	path = cmp.Or(path, b.s.Profile.Backup.Identity)
	if path == "" {
		return nil, nil
	}
	return stream.ReadIdentities(path, ask)
}

// Verify proves a backup up to a level, and keeps the outcome beside it. An error says that this could not be found out.
func (b *Backups) Verify(ctx context.Context, r backup.Record, level backup.Level, ids []age.Identity, progress func(verify.Progress)) (backup.Verification, error) {
	if level >= backup.Restored {
		// What a verification that was killed left holds plaintext. That it cannot be removed keeps nobody from this one.
		_, _ = verify.Sweep("")
	}
	v, err := verify.Run(ctx, verify.Options{
		Store: b.Store, Record: r, Level: level, By: "ops-console " + b.version, Identities: ids,
		Assertions: b.s.Profile.Backup.Assert, Progress: progress, Now: b.now,
	})
	if err != nil {
		return v, err
	}
	return v, b.Catalog.AddVerification(ctx, r.Manifest.Source, v)
}

// Problems are what is wrong with what was read.
func (b *Backups) Problems(r watch.Reading, now time.Time) []ops.Problem {
	return b.s.backupProblems(r, nil, now)
}

func (s *Session) backupProblems(r watch.Reading, err error, now time.Time) []ops.Problem {
	p := notice.Policy{MaxAge: s.Profile.Backup.Overdue}
	if l, err := backup.ParseLevel(s.Profile.Backup.Verify); err == nil {
		p.Level = l
	}
	return notice.Problems(r.Listing, err, r.Source, p, now)
}

// hooks are the profile's; none is no error.
func (b *Backups) hooks() ([]notice.Hook, error) {
	p := b.s.Profile.Backup
	if p.WebhookEnv == "" {
		return nil, nil
	}
	address := b.s.getenv(p.WebhookEnv)
	if address == "" {
		return nil, fmt.Errorf("backup.webhook_env: $%s is not set", p.WebhookEnv)
	}
	secret := ""
	if p.WebhookSecretEnv != "" {
		secret = b.s.getenv(p.WebhookSecretEnv)
	}
	h, err := notice.NewHook(address, secret)
	if err != nil {
		return nil, err
	}
	return []notice.Hook{h}, nil
}

// tell sends news to the profile's hooks. What went wrong with that is returned in words, and nothing fails for it.
func (b *Backups) tell(ctx context.Context, e notice.Event) []string {
	hooks, err := b.hooks()
	if err != nil {
		return []string{err.Error()}
	}
	s := notice.Sender{Dial: b.s.dialStore, Agent: "ops-console/" + b.version}
	var wrong []string
	for _, d := range s.Send(ctx, hooks, e) {
		if d.Err != nil {
			wrong = append(wrong, fmt.Sprintf("%s was not told: %v", d.To, d.Err))
		}
	}
	return wrong
}

// Told sends the news of a run: a backup, or why there is none. wrong is what kept somebody from being told.
func (b *Backups) Told(ctx context.Context, r backup.Record, failure error) (wrong []string) {
	ctx = context.WithoutCancel(ctx) // also where the run was interrupted
	if failure == nil {
		return b.tell(ctx, notice.OfRecord(r, b.now()))
	}
	return b.tell(ctx, notice.OfFailure(backup.Failure{Source: b.Source, Reason: r.Manifest.Reason, At: b.now().UTC(), Why: plaintext.Line(failure.Error(), 500)}, b.now()))
}

var _ io.Closer = (*Backups)(nil)
