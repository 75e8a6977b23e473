package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/backup"
	"ops-console/ops/backup/schedule"
	"ops-console/ops/backup/take"
	"ops-console/ops/page"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

func backupScheduleCommand(e *env, t *target) *cobra.Command {
	c := &cobra.Command{
		Use:   "schedule",
		Short: "Have backups taken without anybody at a console",
		Long: `Three ways, of which one will do: a machine of the platform next to the database, which comes up
by schedule and goes down again; a timer of systemd on a machine that is always up; a process
that stays in the foreground. Two at once do no harm: a run refuses to start beside another.`,
		Args: cobra.NoArgs,
	}
	c.AddCommand(scheduleListCommand(e, t), scheduleMachineCommand(e, t), scheduleRemoveCommand(e, t), scheduleTimerCommand(e, t), scheduleServeCommand(e, t))
	return c
}

func scheduleListCommand(e *env, t *target) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list",
		Short: "Say which machines take backups, and how their last run ended",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return badFormat(format)
			}
			return withBackups(c.Context(), e, t, func(ctx context.Context, _ *session.Session, b *session.Backups) error {
				mm, err := b.Machines().List(ctx)
				if err != nil {
					return unknown(err)
				}
				if format == "json" {
					return unknown(scheduleJSON(e, mm))
				}
				return unknown(scheduleText(e, mm))
			})
		},
	}
	formatFlag(c, &format)
	return c
}

func scheduleText(e *env, mm []schedule.Machine) error {
	if len(mm) == 0 {
		fmt.Fprintln(e.stdout, "No machine takes backups. Make one: ops-console backup schedule machine daily")
		return nil
	}
	p := page.New(page.Options{Width: e.width(), Color: e.color()})
	tab := page.NewTable(page.Column{Title: "MACHINE"}, page.Column{Title: "REGION"}, page.Column{Title: "EVERY"}, page.Column{Title: "STATE"},
		page.Column{Title: "LAST RUN", Drop: 2}, page.Column{Title: "ENDED", Drop: 3}, page.Column{Title: "IMAGE", Drop: 1})
	for _, m := range mm {
		every, last, ended := string(m.Every), "", ""
		if m.Run != "" {
			every = "once: " + string(m.Run)
		}
		if !m.Started.IsZero() {
			last = page.Ago(e.now().Sub(m.Started)) + " ago"
		}
		if m.Exit != nil {
			ended = fmt.Sprintf("status %d", m.Exit.ExitCode)
		}
		tab.Row(m.ID, m.Region, every, m.State, last, ended, m.Image)
	}
	p.Table(tab)
	_, err := p.WriteTo(e.stdout)
	return err
}

func scheduleJSON(e *env, mm []schedule.Machine) error {
	type machine struct {
		ID      string     `json:"id"`
		Region  string     `json:"region"`
		Every   string     `json:"every"`
		Run     string     `json:"run,omitempty"`
		State   string     `json:"state"`
		Image   string     `json:"image"`
		Started *time.Time `json:"started"`
		Exit    *int       `json:"exit_code"`
	}
	out := []machine{}
	for _, m := range mm {
		x := machine{ID: m.ID, Region: m.Region, Every: string(m.Every), Run: string(m.Run), State: m.State, Image: m.Image}
		if !m.Started.IsZero() {
			x.Started = &m.Started
		}
		if m.Exit != nil {
			x.Exit = &m.Exit.ExitCode
		}
		out = append(out, x)
	}
	enc := json.NewEncoder(e.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string]any{"format": 1, "machines": out})
}

func scheduleMachineCommand(e *env, t *target) *cobra.Command {
	var (
		image string
		yes   bool
		dry   bool
	)
	c := &cobra.Command{
		Use:   "machine hourly|daily|weekly|monthly",
		Short: "Make a machine of the platform that takes backups by schedule",
		Long: `Makes a machine in the primary region, in the app itself so that it has its secrets, or brings the
one there is up to date. It runs at once, which shows whether it works, and then by the
platform's schedule, which chooses the minute itself. What it dumps never crosses this
machine's line.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			every, err := schedule.ParseEvery(args[0])
			if err != nil {
				return usage(err)
			}
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				job, err := b.Job(image, backup.Scheduled)
				if err != nil {
					return usage(err)
				}
				fmt.Fprintf(e.stdout, "a machine in %s, %s: %s\n", job.Region, every, plaintext.Line(fmt.Sprint(job.Command), 300))
				if dry {
					out := json.NewEncoder(e.stdout)
					out.SetIndent("", "  ")
					return unknown(out.Encode(job.Config(every)))
				}
				if err := e.confirm(yes, "make it?"); err != nil {
					return err
				}
				return e.record(ctx, s.Profile, "backup schedule", string(every)+" in "+job.Region, func(ctx context.Context) (string, error) {
					m, err := b.Machines().Schedule(ctx, job, every)
					if errors.Is(err, schedule.ErrSecret) {
						return "", usage(err)
					}
					if err != nil {
						return "", unknown(err)
					}
					text := "machine " + m.ID + " in " + m.Region + " takes a backup " + string(every) + ", the first one now"
					fmt.Fprintln(e.stdout, text)
					return text, nil
				})
			})
		},
	}
	f := c.Flags()
	f.StringVar(&image, "image", "", "what it runs: an image with ops-console and pg_dump in it (default: as the profile says)")
	f.BoolVar(&yes, "yes", false, "without asking")
	f.BoolVarP(&dry, "dry-run", "n", false, "only show its configuration")
	return c
}

func scheduleRemoveCommand(e *env, t *target) *cobra.Command {
	var kill, yes bool
	c := &cobra.Command{
		Use:   "remove MACHINE",
		Short: "Destroy a machine that takes backups",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				if err := e.confirm(yes, "destroy machine "+plaintext.Line(args[0], 40)+"?"); err != nil {
					return err
				}
				err := e.record(ctx, s.Profile, "backup schedule remove", args[0], func(ctx context.Context) (string, error) {
					return "", b.Machines().Remove(ctx, args[0], kill)
				})
				switch {
				case errors.Is(err, schedule.ErrNotOurs), errors.Is(err, schedule.ErrRuns):
					return &exit{statusBadNews, err}
				case err != nil:
					return unknown(err)
				}
				fmt.Fprintln(e.stdout, "machine "+plaintext.Line(args[0], 40)+" is gone")
				return nil
			})
		},
	}
	c.Flags().BoolVar(&kill, "kill", false, "also while it takes a backup")
	c.Flags().BoolVar(&yes, "yes", false, "without asking")
	return c
}

func scheduleTimerCommand(e *env, t *target) *cobra.Command {
	var (
		envFile           string
		install, uninstal bool
	)
	c := &cobra.Command{
		Use:   "systemd",
		Short: "Write a timer of systemd that takes backups",
		Long: `Prints the two units of a timer for your own user, or installs them. They hold no secret: those
come from --env-file, which only you may read.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := t.profile(e)
			if err != nil {
				return err
			}
			when, err := schedule.ParseWhen(p.Backup.Every, nil)
			if err != nil {
				return usage(fmt.Errorf("backup.every: %w", err))
			}
			program, err := os.Executable()
			if err != nil {
				return unknown(err)
			}
			command := []string{program, "--app", p.Name}
			if t.config != "" {
				command = append(command, "--config", t.config)
			}
			timer := schedule.Timer{
				Name: "ops-console-backup-" + p.App, About: "Backup of " + p.App, EnvFile: envFile, When: when, Jitter: 5 * time.Minute, Cautious: true,
				Command: append(command, "backup", "run", "--yes", "--reason", string(backup.Scheduled)),
			}
			return e.timer(timer, install, uninstal)
		},
	}
	f := c.Flags()
	f.StringVar(&envFile, "env-file", "", "whence the secrets come, as NAME=value lines")
	f.BoolVar(&install, "install", false, "write them to where your units lie")
	f.BoolVar(&uninstal, "uninstall", false, "take them away")
	c.MarkFlagsMutuallyExclusive("install", "uninstall")
	return c
}

func (e *env) timer(timer schedule.Timer, install, uninstall bool) error {
	if !install && !uninstall {
		units, err := timer.Units()
		if err != nil {
			return usage(err)
		}
		for _, u := range units {
			fmt.Fprintf(e.stdout, "# %s\n%s\n", u.Name, u.Text)
		}
		return nil
	}
	dir, err := schedule.UserUnits(e.getenv)
	if err != nil {
		return usage(err)
	}
	do := timer.Install
	if uninstall {
		do = timer.Uninstall
	}
	next, err := do(dir)
	if err != nil {
		return usage(err)
	}
	fmt.Fprintln(e.stdout, "next:")
	for _, line := range next {
		fmt.Fprintln(e.stdout, "  "+line)
	}
	return nil
}

func scheduleServeCommand(e *env, t *target) *cobra.Command {
	var doPrune bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Stay, and take backups by schedule",
		Long: `Takes a backup whenever backup.every says so, until it is interrupted. What was missed while the
machine slept is made up for once. With --prune retention is applied after each.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				when, err := schedule.ParseWhen(s.Profile.Backup.Every, nil)
				if err != nil {
					return usage(fmt.Errorf("backup.every: %w", err))
				}
				level, err := backup.ParseLevel(s.Profile.Backup.Verify)
				if err != nil {
					return usage(err)
				}
				d := &schedule.Daemon{
					When: when, Jitter: time.Minute, Now: e.now, Logger: slog.New(slog.NewTextHandler(e.stderr, nil)),
					Last: func(ctx context.Context) (time.Time, error) { return lastRun(ctx, b) },
					Run: func(ctx context.Context) error {
						o := runFlags{format: "text", yes: true}
						err := e.record(ctx, s.Profile, "backup run", b.Source.Database, func(ctx context.Context) (string, error) {
							return o.here(ctx, e, b, backup.Scheduled, level)
						})
						if errors.Is(err, take.ErrBusy) {
							return fmt.Errorf("%w: %w", schedule.ErrBusy, err)
						}
						if err != nil || !doPrune || b.PolicyErr != nil {
							return err
						}
						return pruneQuietly(ctx, e, s, b)
					},
				}
				return unknown(d.Serve(ctx))
			})
		},
	}
	c.Flags().BoolVar(&doPrune, "prune", false, "apply retention after each backup")
	return c
}

// pruneQuietly applies the profile's policy. That it is frozen is no failure of the backup before it.
func pruneQuietly(ctx context.Context, e *env, s *session.Session, b *session.Backups) error {
	err := prune(ctx, e, s, b, b.Policy, "text", false, true)
	var x *exit
	if errors.As(err, &x) && x.status == statusBadNews && x.err == nil {
		return nil
	}
	return err
}

// lastRun is when the newest run began, however it ended.
func lastRun(ctx context.Context, b *session.Backups) (time.Time, error) {
	l, err := b.Catalog.List(ctx, b.Source)
	if err != nil {
		return time.Time{}, err
	}
	var last time.Time
	if len(l.Records) > 0 {
		last = l.Records[0].Manifest.ID.Time()
	}
	for _, f := range l.Failures {
		if at := f.ID.Time(); at.After(last) {
			last = at
		}
	}
	return last, nil
}
