package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
	"ops-console/ops/backup/report"
	"ops-console/ops/backup/retain"
	"ops-console/ops/backup/stream"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

func backupCommand(e *env, t *target) *cobra.Command {
	c := &cobra.Command{
		Use:   "backup",
		Short: "Take backups, prove them, get them back",
		Long: `Backups of the application's PostgreSQL: a dump, compressed, encrypted where the profile names
recipients, in a bucket or a directory. One exists only once its manifest does, and is worth
as much as it has been proven: present, decoded, counted, restored.

Backups are named by their ID, the beginning or the end of it (four letters or more), "latest"
or "latest verified".`,
		Args: cobra.NoArgs,
	}
	c.AddCommand(
		backupListCommand(e, t), backupRunCommand(e, t), backupVerifyCommand(e, t), backupRestoreCommand(e, t), backupSwapCommand(e, t),
		backupPruneCommand(e, t), backupPinCommand(e, t), backupUnpinCommand(e, t), backupScheduleCommand(e, t),
		backupLeftoversCommand(e, t), backupSnapshotsCommand(e, t),
	)
	return c
}

// withBackups has f work with the application's backups.
func withBackups(ctx context.Context, e *env, t *target, f func(ctx context.Context, s *session.Session, b *session.Backups) error) (err error) {
	p, err := t.profile(e)
	if err != nil {
		return err
	}
	for _, note := range p.Notes {
		fmt.Fprintln(e.stderr, "note: "+plaintext.Line(note, 300))
	}
	if p.Backup.Store == "" {
		return usage(session.ErrNoStore)
	}
	s := session.Open(ctx, p, e.session())
	defer func() { err = errors.Join(err, unknown(s.Close())) }()
	b, err := s.Backups(ctx, e.session(), e.now)
	if err != nil {
		return unknown(err)
	}
	defer func() { err = errors.Join(err, unknown(b.Close())) }()
	return f(ctx, s, b)
}

// found is the backup that the arguments mean; the latest where there are none.
func found(ctx context.Context, b *session.Backups, args []string) (backup.Record, error) {
	which := "latest"
	if len(args) > 0 {
		which = strings.Join(args, " ")
	}
	r, err := b.Catalog.Get(ctx, b.Source, which)
	switch {
	case errors.Is(err, catalog.ErrNone), errors.Is(err, catalog.ErrAmbiguous):
		return r, usage(err)
	case err != nil:
		return r, unknown(err)
	}
	return r, nil
}

// passphrase asks at the terminal for the one of a file of keys.
func (e *env) passphrase(of string) ([]byte, error) {
	if !term.IsTerminal(e.stdin.Fd()) {
		return nil, errors.New("the key is protected by a passphrase, and there is no terminal to ask at")
	}
	fmt.Fprintf(e.stderr, "Passphrase of %s: ", plaintext.Line(of, 200))
	defer fmt.Fprintln(e.stderr)
	return term.ReadPassword(e.stdin.Fd())
}

// typed asks for a word to be typed, for what cannot be taken back.
func (e *env) typed(given, word, question string) error {
	if given == word {
		return nil
	}
	if given != "" {
		return usage(fmt.Errorf("--confirm %s: %s is wanted, so that the right one is meant; nothing was changed", plaintext.Line(given, 60), word))
	}
	if !term.IsTerminal(e.stdin.Fd()) {
		return usage(fmt.Errorf("this cannot simply be taken back: there is no terminal to ask at, say --confirm %s", word))
	}
	fmt.Fprintf(e.stderr, "%s\nType %s to go on: ", question, word)
	answer, err := bufio.NewReader(e.stdin).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != word {
		return usage(errors.New("not confirmed, nothing was changed"))
	}
	return nil
}

func (e *env) reportOptions() report.Options {
	return report.Options{Width: e.width(), Color: e.color(), Now: e.now()}
}

func backupListCommand(e *env, t *target) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list",
		Short: "Say which backups there are, how old, and how far they are proven",
		Long: `Lists the backups of the application's database in its store, newest first, with what is
wrong, why each is kept, runs that failed, and what else lies there. It only reads.

Exit status: 0 fine; 1 there is none, the newest is too old or broken; 3 the store could not be read.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return badFormat(format)
			}
			return withBackups(c.Context(), e, t, func(ctx context.Context, _ *session.Session, b *session.Backups) error {
				r, err := b.Read(ctx)
				if err != nil {
					return unknown(err)
				}
				l := &report.List{At: e.now().UTC(), Store: b.Store.String(), Source: b.Source, Listing: r.Listing, Problems: b.Problems(r, e.now())}
				if b.PolicyErr == nil {
					l.Kept = retain.Decide(r.Listing.Records, r.Listing.Failures, b.Policy, e.now())
				}
				write := func() error { return report.ListText(e.stdout, l, e.reportOptions()) }
				if format == "json" {
					write = func() error { return report.ListJSON(e.stdout, l) }
				}
				if err := write(); err != nil {
					return unknown(err)
				}
				if l.Bad() {
					return &exit{status: statusBadNews}
				}
				return nil
			})
		},
	}
	formatFlag(c, &format)
	return c
}

func backupPruneCommand(e *env, t *target) *cobra.Command {
	var (
		format, keep string
		dry, yes     bool
	)
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove what retention lets go, and rubbish of runs that died",
		Long: `Decides by the policy of the profile (backup.keep) which backups stay and why, and removes the
others. The newest proven one, pinned ones and the last few always stay; after a failed run,
a clock that jumped, or where most would go, nothing does.

Exit status: 0 done, or nothing to do; 1 retention is frozen; 3 the store could not be read or changed.`,
		Example: `  ops-console backup prune --dry-run
  ops-console backup prune --dry-run --keep 'daily 7, weekly 4, last 3'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return badFormat(format)
			}
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				policy, err := b.Policy, b.PolicyErr
				if keep != "" {
					policy, err = retain.Parse(keep)
				}
				if err != nil {
					return usage(err)
				}
				return prune(ctx, e, s, b, policy, format, dry, yes)
			})
		},
	}
	formatFlag(c, &format)
	c.Flags().BoolVarP(&dry, "dry-run", "n", false, "only say what would go, and why")
	c.Flags().BoolVar(&yes, "yes", false, "remove without asking")
	c.Flags().StringVar(&keep, "keep", "", "another policy than the profile's")
	return c
}

func prune(ctx context.Context, e *env, s *session.Session, b *session.Backups, policy retain.Policy, format string, dry, yes bool) error {
	l, err := b.Catalog.List(ctx, b.Source)
	if err != nil {
		return unknown(err)
	}
	dd := retain.Decide(l.Records, l.Failures, policy, e.now())
	sizes := map[backup.ID]int64{}
	for i := range l.Records {
		sizes[l.Records[i].Manifest.ID] = l.Records[i].Manifest.Stored()
	}
	var going []retain.Decision
	frozen := false
	for _, d := range dd {
		frozen = frozen || d.Frozen != ""
		if !d.Keep && d.Frozen == "" {
			going = append(going, d)
		}
	}
	tell := func(dry bool) error {
		if format == "json" {
			return unknown(report.PruneJSON(e.stdout, policy.String(), dd, sizes, dry))
		}
		return unknown(report.PruneText(e.stdout, policy.String(), dd, sizes, dry, e.reportOptions()))
	}
	end := func() error {
		if frozen {
			return &exit{status: statusBadNews}
		}
		return nil
	}
	if dry {
		return errors.Join(tell(true), end())
	}
	if len(going) > 0 {
		if err := e.confirm(yes, fmt.Sprintf("remove %d of %d backups for good?", len(going), len(dd))); err != nil {
			return errors.Join(tell(true), err)
		}
	}
	err = e.record(ctx, s.Profile, "backup prune", fmt.Sprintf("%d of %d backups", len(going), len(dd)), func(ctx context.Context) (string, error) {
		for _, d := range going {
			err := b.Catalog.Remove(ctx, catalog.Tombstone{ID: d.ID, Source: b.Source, At: e.now().UTC(), By: e.operator(), Why: strings.Join(d.Reasons, ", ")})
			if err != nil {
				return "", fmt.Errorf("remove backup %s: %w", d.ID, err)
			}
		}
		swept, err := b.Catalog.Sweep(ctx, b.Source, catalog.Ages{}, e.now())
		return fmt.Sprintf("%d uploads that never ended and %d orphans were swept", len(swept.Uploads), len(swept.Orphans)), err
	})
	if err != nil {
		return unknown(err)
	}
	return errors.Join(tell(false), end())
}

func backupPinCommand(e *env, t *target) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "pin BACKUP --why TEXT",
		Short: "Keep a backup whatever retention says",
		Args:  cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				r, err := found(ctx, b, args)
				if err != nil {
					return err
				}
				pin := backup.Pin{Why: plaintext.Line(why, 300), By: e.operator(), At: e.now().UTC()}
				err = e.record(ctx, s.Profile, "backup pin", string(r.Manifest.ID), func(ctx context.Context) (string, error) {
					return why, b.Catalog.Pin(ctx, b.Source, r.Manifest.ID, pin)
				})
				if err == nil {
					fmt.Fprintf(e.stdout, "%s stays until it is unpinned\n", r.Manifest.ID)
				}
				return unknown(err)
			})
		},
	}
	c.Flags().StringVar(&why, "why", "", "why it must stay")
	_ = c.MarkFlagRequired("why")
	return c
}

func backupUnpinCommand(e *env, t *target) *cobra.Command {
	return &cobra.Command{
		Use:   "unpin BACKUP",
		Short: "Let retention decide about a backup again",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				r, err := found(ctx, b, args)
				if err != nil {
					return err
				}
				err = e.record(ctx, s.Profile, "backup unpin", string(r.Manifest.ID), func(ctx context.Context) (string, error) {
					return "", b.Catalog.Unpin(ctx, b.Source, r.Manifest.ID)
				})
				if err == nil {
					fmt.Fprintf(e.stdout, "%s is as any other again\n", r.Manifest.ID)
				}
				return unknown(err)
			})
		},
	}
}

// teller shows how something goes on a terminal in one line that is written over, elsewhere now and then as a line of its
// own, and as JSON as one line each.
type teller struct {
	e      *env
	json   bool
	live   bool // to a terminal
	every  time.Duration
	last   time.Time
	latest string
}

func (e *env) teller(format string) *teller {
	f, ok := e.stderr.(*os.File)
	return &teller{e: e, json: format == "json", live: ok && term.IsTerminal(f.Fd()), every: 5 * time.Second}
}

// tell shows text, or v as JSON.
func (t *teller) tell(text string, v any) {
	now := t.e.now()
	switch {
	case t.json:
		if b, err := json.Marshal(v); err == nil {
			fmt.Fprintf(t.e.stdout, "%s\n", b)
		}
	case t.live:
		fmt.Fprintf(t.e.stderr, "\r\x1b[K%s", plaintext.Line(text, max(20, t.e.errWidth()-1)))
	case now.Sub(t.last) >= t.every && text != t.latest:
		fmt.Fprintln(t.e.stderr, text)
		t.last, t.latest = now, text
	}
}

// end clears the line.
func (t *teller) end() {
	if t.live && !t.json {
		fmt.Fprint(t.e.stderr, "\r\x1b[K")
	}
}

// errWidth is the columns of the terminal that messages go to; 80 where it is none.
func (e *env) errWidth() int {
	if f, ok := e.stderr.(*os.File); ok {
		if w, _, err := term.GetSize(f.Fd()); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// decrypting gives an error about keys the status of usage.
func decrypting(err error) error {
	if errors.Is(err, stream.ErrNoKey) || errors.Is(err, stream.ErrWrongKey) {
		return usage(err)
	}
	return unknown(err)
}
