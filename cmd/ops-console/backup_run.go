package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/backup"
	"ops-console/ops/backup/restore"
	"ops-console/ops/backup/schedule"
	"ops-console/ops/backup/take"
	"ops-console/ops/backup/verify"
	"ops-console/ops/page"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

// runFlags say how a backup is taken.
type runFlags struct {
	format, reason, deploy, node, level, image string
	remote, yes                                bool
}

func backupRunCommand(e *env, t *target) *cobra.Command {
	o := &runFlags{}
	c := &cobra.Command{
		Use:   "run",
		Short: "Take a backup now, and prove it as far as the profile says",
		Long: `Dumps the database with pg_dump in one snapshot, through the private network, and stores it
compressed and, where the profile names recipients, encrypted. It refuses to run beside another
dump or a migration, gives up rather than make others wait, and leaves nothing where it fails.

With --remote a machine of the platform next to the database does it, so that the data never
crosses this machine's line; its progress is shown here.

Exit status: 0 it was taken and proven; 1 it failed, or proved to be broken; 2 configuration; 3 the
database or the store cannot be reached.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context(), e, t) },
	}
	formatFlag(c, &o.format)
	f := c.Flags()
	f.StringVar(&o.reason, "reason", string(backup.Manual), "manual, schedule or predeploy: why it is taken")
	f.StringVar(&o.deploy, "deploy", "", "the deployment that it is taken for")
	f.StringVar(&o.node, "node", "", "auto, primary or replica: which node is dumped (default: as the profile says)")
	f.StringVar(&o.level, "verify", "", "present, decoded, counted or restored: how far it is proven (default: as the profile says)")
	f.BoolVar(&o.remote, "remote", false, "on a machine of the platform, next to the database")
	f.StringVar(&o.image, "image", "", "what that machine runs (default: as the profile says)")
	f.BoolVar(&o.yes, "yes", false, "without asking")
	return c
}

// reasons are those that a user may give.
var reasons = map[string]backup.Reason{"manual": backup.Manual, "schedule": backup.Scheduled, "predeploy": backup.PreDeploy}

func (o *runFlags) run(ctx context.Context, e *env, t *target) error {
	reason, ok := reasons[o.reason]
	switch {
	case o.format != "text" && o.format != "json":
		return badFormat(o.format)
	case !ok:
		return usage(fmt.Errorf("--reason %s: want manual, schedule or predeploy", plaintext.Line(o.reason, 40)))
	}
	return withBackups(ctx, e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
		level, err := backup.ParseLevel(cmp.Or(o.level, s.Profile.Backup.Verify))
		if err != nil {
			return usage(err)
		}
		if err := e.confirm(o.yes, "take a backup of "+b.Source.Database+" now?"); err != nil {
			return err
		}
		return e.record(ctx, s.Profile, "backup run", b.Source.Database, func(ctx context.Context) (string, error) {
			if o.remote {
				return o.onMachine(ctx, e, b, reason)
			}
			return o.here(ctx, e, b, reason, level)
		})
	})
}

// here takes one with this process.
func (o *runFlags) here(ctx context.Context, e *env, b *session.Backups, reason backup.Reason, level backup.Level) (string, error) {
	tell := e.teller(o.format)
	defer tell.end()
	id, publish, done, err := e.publisher(ctx)
	if err != nil {
		return "", usage(err)
	}
	defer done()
	m, err := b.Take(ctx, session.TakeOptions{
		ID: id, Reason: reason, DeployID: o.deploy, Remote: e.getenv("FLY_MACHINE_ID"), Node: o.node,
		Progress: func(p take.Progress) {
			tell.tell(takeLine(p), p)
			publish(p)
		},
	})
	r := backup.Record{Manifest: m}
	if err != nil {
		r.Manifest.Reason = reason
		if !errors.Is(err, take.ErrBusy) { // somebody else is taking one: that is no news
			e.warn(b.Told(ctx, r, err))
		}
		return "", takeFailure(err)
	}
	ids, err := b.Identities("", e.passphraseUnless(o.yes))
	if err != nil {
		return "", usage(err)
	}
	v, err := b.Verify(ctx, r, level, ids, func(p verify.Progress) { tell.tell(verifyLine(p), p) })
	tell.end()
	if err == nil {
		r.Verifications = append(r.Verifications, v)
	}
	e.warn(b.Told(ctx, r, nil))
	text := fmt.Sprintf("%s: %s of %s in %s", m.ID, page.Size(m.Stored()), b.Source.Database, page.Ago(m.Finished.Sub(m.Started)))
	if err != nil {
		// It is there, and whole as far as the store knows; that nobody could prove it is another matter.
		return "", decrypting(fmt.Errorf("%s was taken; proving it: %w", text, err))
	}
	return text, o.proven(e, text, v)
}

func (o *runFlags) proven(e *env, text string, v backup.Verification) error {
	if o.format == "json" {
		if err := json.NewEncoder(e.stdout).Encode(v); err != nil {
			return unknown(err)
		}
	} else {
		verdict := v.Level.String()
		if !v.OK {
			verdict = "BROKEN: " + v.Failure
		}
		fmt.Fprintln(e.stdout, text+", "+verdict)
	}
	if !v.OK {
		return &exit{status: statusBadNews}
	}
	return nil
}

// warn says what went wrong beside the matter.
func (e *env) warn(notes []string) {
	for _, n := range notes {
		fmt.Fprintln(e.stderr, "note: "+plaintext.Line(n, 300))
	}
}

// passphraseUnless asks for a passphrase where somebody is there to be asked.
func (e *env) passphraseUnless(alone bool) func(string) ([]byte, error) {
	if alone {
		return nil
	}
	return e.passphrase
}

// takeFailure gives a failed run its exit status.
func takeFailure(err error) error {
	for _, mine := range []error{take.ErrBusy, take.ErrMigrating, take.ErrLocked, take.ErrTooLong, take.ErrYielded, take.ErrLost, take.ErrDenied} {
		if errors.Is(err, mine) {
			return &exit{statusBadNews, err}
		}
	}
	return unknown(err)
}

func takeLine(p take.Progress) string {
	s := string(p.Stage)
	if p.Node != "" {
		s += " " + p.Node
	}
	if p.Bytes.Raw > 0 {
		s += fmt.Sprintf("  %3.0f %%  %s, %s/s", 100*p.Fraction, page.Size(p.Bytes.Raw), page.Size(int64(p.Rate)))
	}
	if p.ETA > 0 {
		s += "  " + page.Ago(p.ETA) + " left"
	}
	if p.Table != "" {
		s += "  " + p.Table
	}
	if p.Blocked > 0 {
		s += fmt.Sprintf("  %d sessions wait", p.Blocked)
	}
	return s
}

func verifyLine(p verify.Progress) string {
	s := string(p.Step)
	if p.Of > 0 {
		s += fmt.Sprintf("  %3.0f %%", 100*float64(p.Done)/float64(p.Of))
	}
	if p.Text != "" {
		s += "  " + p.Text
	}
	return s
}

// publisher shows the progress of a run on a machine to whoever started it there. On any other machine it does nothing.
func (e *env) publisher(ctx context.Context) (id backup.ID, publish func(any), done func(), err error) {
	if s := e.getenv(schedule.EnvID); s != "" {
		if id, err = backup.ParseID(s); err != nil {
			return "", nil, nil, err
		}
	}
	addr := e.getenv(schedule.EnvProgress)
	if addr == "" {
		return id, func(any) {}, func() {}, nil
	}
	listen := e.listen
	if listen == nil {
		listen = func(ctx context.Context, addr string) (net.Listener, error) {
			return new(net.ListenConfig).Listen(ctx, "tcp", addr)
		}
	}
	ln, err := listen(ctx, addr)
	if err != nil {
		return "", nil, nil, fmt.Errorf("show the progress at %s: %w", addr, err)
	}
	p := schedule.NewProgress(e.getenv(schedule.EnvProgressWord))
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.Serve(ctx, ln) // progress is for the eye only
	}()
	var last any
	publish = func(v any) {
		last = v
		_ = p.Publish(v)
	}
	return id, publish, func() {
		_ = p.End(last)
		seen, stop := context.WithTimeout(ctx, 3*time.Second)
		p.WaitSeen(seen)
		stop()
		cancel()
		<-ended
	}, nil
}

// onMachine has a machine of the platform take it.
func (o *runFlags) onMachine(ctx context.Context, e *env, b *session.Backups, reason backup.Reason) (string, error) {
	job, err := b.Job(o.image, reason)
	if err != nil {
		return "", usage(err)
	}
	id, err := backup.NewID(e.now(), nil)
	if err != nil {
		return "", unknown(err)
	}
	tell := e.teller(o.format)
	defer tell.end()
	r := b.Remote()
	r.Started = func(m schedule.Machine) {
		tell.tell("machine "+m.ID+" in "+m.Region+" starts", map[string]string{"machine": m.ID, "region": m.Region})
	}
	r.Progress = func(raw json.RawMessage) {
		var p take.Progress
		if json.Unmarshal(raw, &p) == nil {
			tell.tell(takeLine(p), raw)
		}
	}
	record, err := r.Run(ctx, job, id)
	tell.end()
	if err != nil {
		return "", takeFailure(err)
	}
	text := fmt.Sprintf("%s: %s of %s, taken in %s", id, page.Size(record.Manifest.Stored()), b.Source.Database, job.Region)
	if o.format != "json" {
		fmt.Fprintln(e.stdout, text)
	}
	return text, nil
}

func backupVerifyCommand(e *env, t *target) *cobra.Command {
	var format, level, identity string
	c := &cobra.Command{
		Use:   "verify [BACKUP]",
		Short: "Prove that a backup is good",
		Long: `Proves a backup up to a level, each including those below, and keeps the outcome beside it:

  present   its objects are there, with the sizes and sums that the manifest says
  decoded   read back whole; every sum, the encryption's and the compression's agree
  counted   read to the end by pg_restore, each table with its rows
  restored  a throw-away server on this machine took all of it, with the same rows, and
            what backup.assert says is true

Exit status: 0 it is good; 1 it is broken; 2 no key for it; 3 that could not be found out.`,
		RunE: func(c *cobra.Command, args []string) error {
			want, err := backup.ParseLevel(level)
			if err != nil {
				return usage(err)
			}
			if format != "text" && format != "json" {
				return badFormat(format)
			}
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				r, err := found(ctx, b, args)
				if err != nil {
					return err
				}
				ids, err := b.Identities(identity, e.passphrase)
				if err != nil {
					return usage(err)
				}
				tell := e.teller("text")
				v, err := b.Verify(ctx, r, want, ids, func(p verify.Progress) { tell.tell(verifyLine(p), nil) })
				tell.end()
				if err != nil {
					return decrypting(err)
				}
				o := runFlags{format: format}
				return o.proven(e, fmt.Sprintf("%s: read in %.1f s", r.Manifest.ID, v.Seconds), v)
			})
		},
	}
	formatFlag(c, &format)
	c.Flags().StringVar(&level, "level", backup.Counted.String(), "present, decoded, counted or restored")
	c.Flags().StringVar(&identity, "identity", "", "file with the private key (default: as the profile says)")
	return c
}

func backupRestoreCommand(e *env, t *target) *cobra.Command {
	var (
		identity      string
		dry, yes, own bool
	)
	c := &cobra.Command{
		Use:   "restore [BACKUP]",
		Short: "Get a backup back, into a database beside the original",
		Long: `Restores a backup into a new database named DB_restore_TIME on the primary, and counts it there.
The original is not touched: "ops-console backup swap" puts the restored one in its place.

Exit status: 0 it is there and holds what the backup does; 1 something is in the way, or it is not
what the dump holds; 2 no key for it; 3 that could not be found out.`,
		RunE: func(c *cobra.Command, args []string) error {
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				r, err := found(ctx, b, args)
				if err != nil {
					return err
				}
				ids, err := b.Identities(identity, e.passphrase)
				if err != nil {
					return usage(err)
				}
				tell := e.teller("text")
				defer tell.end()
				o, err := b.RestoreOptions(ctx, r, ids, func(p restore.Progress) { tell.tell(restoreLine(p), nil) })
				if err != nil {
					return unknown(err)
				}
				o.NoOwners = own
				plan, err := restore.Make(ctx, o)
				if err != nil {
					return decrypting(err)
				}
				e.restorePlan(plan, r)
				switch {
				case len(plan.Problems) > 0:
					return &exit{status: statusBadNews}
				case dry:
					return nil
				}
				if err := e.confirm(yes, "restore it?"); err != nil {
					return err
				}
				return e.record(ctx, s.Profile, "backup restore", string(r.Manifest.ID)+" into "+plan.Target, func(ctx context.Context) (string, error) {
					res, err := restore.Run(ctx, o, plan)
					tell.end()
					switch {
					case errors.Is(err, restore.ErrIncomplete), errors.Is(err, restore.ErrPlan):
						return "", &exit{statusBadNews, err}
					case err != nil:
						return "", decrypting(err)
					}
					text := fmt.Sprintf("%s holds backup %s: %d tables in %.1f s", res.Database, r.Manifest.ID, len(res.Tables), res.Seconds)
					fmt.Fprintln(e.stdout, text)
					for _, n := range res.Notes {
						fmt.Fprintln(e.stdout, "  "+n)
					}
					fmt.Fprintf(e.stdout, "Put it in the original's place: ops-console --app %s backup swap %s\n", s.Profile.Name, res.Database)
					return text, nil
				})
			})
		},
	}
	f := c.Flags()
	f.StringVar(&identity, "identity", "", "file with the private key (default: as the profile says)")
	f.BoolVarP(&dry, "dry-run", "n", false, "only say what would be done, and what is in the way")
	f.BoolVar(&own, "no-owners", false, "everything belongs to the role that restores, without grants")
	f.BoolVar(&yes, "yes", false, "without asking")
	return c
}

func (e *env) restorePlan(p *restore.Plan, r backup.Record) {
	fmt.Fprintf(e.stdout, "backup %s, as the database was at %s, %s ago\n", r.Manifest.ID, page.Stamp(p.Snapshot), page.Ago(e.now().Sub(p.Snapshot)))
	fmt.Fprintf(e.stdout, "into   %s, on PostgreSQL %s with pg_restore %s\n", p.Target, p.Server, p.Tool)
	if p.Free >= 0 { // else a note says that it is not known
		fmt.Fprintf(e.stdout, "disk   %s wanted, %s free\n", page.Size(p.Room), page.Size(p.Free))
	}
	for _, n := range p.Notes {
		fmt.Fprintln(e.stdout, "note   "+n)
	}
	for _, x := range p.Problems {
		fmt.Fprintln(e.stdout, "in the way: "+x.Text)
		if x.Hint != "" {
			fmt.Fprintln(e.stdout, "       next: "+x.Hint)
		}
	}
}

func restoreLine(p restore.Progress) string {
	s := string(p.Step)
	if p.OfBytes > 0 {
		s += fmt.Sprintf("  %3.0f %%", 100*float64(p.Bytes)/float64(p.OfBytes))
	}
	if p.Text != "" {
		s += "  " + p.Text
	}
	return s
}

func backupSwapCommand(e *env, t *target) *cobra.Command {
	var (
		confirm   string
		dry, undo bool
	)
	c := &cobra.Command{
		Use:   "swap DATABASE",
		Short: "Put a restored database in the original's place, or back",
		Long: `Renames the original database to DB_before_TIME and the restored one to its name, both in one
transaction, and ends the sessions of both. With --undo, DATABASE is the one that was set aside.
What was written since the backup is only in the one that was set aside.

Exit status: 0 done; 1 something is in the way; 3 that could not be found out.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				tell := e.teller("text")
				defer tell.end()
				o, err := b.SwapOptions(ctx, args[0], func(s string) { tell.tell(s, nil) })
				if err != nil {
					return unknown(err)
				}
				look := restore.MakeSwap
				if undo {
					look = restore.MakeUndo
				}
				plan, err := look(ctx, o)
				if err != nil {
					return unknown(err)
				}
				e.swapPlan(plan)
				switch {
				case len(plan.Problems) > 0:
					return &exit{status: statusBadNews}
				case dry:
					return nil
				}
				if err := e.typed(confirm, plan.Original, "The application works with the other database from then on."); err != nil {
					return err
				}
				return e.record(ctx, s.Profile, "backup swap", plan.Restored+" becomes "+plan.Original, func(ctx context.Context) (string, error) {
					if err := restore.Swap(ctx, o, plan); err != nil {
						return "", &exit{statusBadNews, err}
					}
					tell.end()
					text := fmt.Sprintf("%s is now what was %s; the one before is %s", plan.Original, plan.Restored, plan.Aside)
					fmt.Fprintln(e.stdout, text)
					fmt.Fprintf(e.stdout, "Back again: ops-console --app %s backup swap --undo %s\n", s.Profile.Name, plan.Aside)
					return text, nil
				})
			})
		},
	}
	f := c.Flags()
	f.StringVar(&confirm, "confirm", "", "the original's name, instead of typing it")
	f.BoolVarP(&dry, "dry-run", "n", false, "only say what would be done, and what is in the way")
	f.BoolVar(&undo, "undo", false, "swap back")
	return c
}

func (e *env) swapPlan(p *restore.SwapPlan) {
	fmt.Fprintf(e.stdout, "%s becomes %s\n%s becomes %s\n%d sessions are ended\n", p.Original, p.Aside, p.Restored, p.Original, p.Sessions)
	for _, s := range p.Drift {
		fmt.Fprintln(e.stdout, "note   "+s)
	}
	for _, s := range p.Undone {
		fmt.Fprintln(e.stdout, "note   "+s)
	}
	for _, x := range p.Problems {
		fmt.Fprintln(e.stdout, "in the way: "+x.Text)
		if x.Hint != "" {
			fmt.Fprintln(e.stdout, "       next: "+x.Hint)
		}
	}
}
