package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/backup/restore"
	"ops-console/ops/config"
	"ops-console/ops/page"
	"ops-console/ops/session"
)

func backupLeftoversCommand(e *env, t *target) *cobra.Command {
	var drop, confirm string
	c := &cobra.Command{
		Use:   "leftovers",
		Short: "Say which databases restores and swaps left on the server, or drop one",
		Long: `Lists the databases that a restore made, those of a restore that was cut off, and those that a swap
set aside. With --drop one of them is removed for good; databases that no restore made never are.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withBackups(c.Context(), e, t, func(ctx context.Context, s *session.Session, b *session.Backups) error {
				n, d, err := b.Primary(ctx)
				if err != nil {
					return unknown(err)
				}
				if drop != "" {
					if err := e.typed(confirm, drop, "The database "+drop+" is removed for good."); err != nil {
						return err
					}
					err := e.record(ctx, s.Profile, "backup leftovers drop", drop, func(ctx context.Context) (string, error) { return "", restore.Drop(ctx, n, d, drop) })
					if errors.Is(err, restore.ErrNotOurs) || errors.Is(err, restore.ErrBusy) {
						return &exit{statusBadNews, err}
					}
					return unknown(err)
				}
				made, err := restore.Leftovers(ctx, n, d)
				if err != nil {
					return unknown(err)
				}
				return unknown(writeLeftovers(e, made))
			})
		},
	}
	c.Flags().StringVar(&drop, "drop", "", "remove this one")
	c.Flags().StringVar(&confirm, "confirm", "", "its name once more, instead of typing it")
	return c
}

func writeLeftovers(e *env, made []restore.Made) error {
	if len(made) == 0 {
		fmt.Fprintln(e.stdout, "Restores and swaps left nothing on the server.")
		return nil
	}
	p := page.New(page.Options{Width: e.width(), Color: e.color()})
	t := page.NewTable(page.Column{Title: "DATABASE"}, page.Column{Title: "IS"}, page.Column{Title: "SINCE", Drop: 1}, page.Column{Title: "SIZE", Right: true}, page.Column{Title: "BACKUP", Drop: 2})
	for _, m := range made {
		state := string(m.State)
		if m.State == restore.Filling && !m.Running {
			state = "cut off"
		}
		size := ""
		if m.Bytes >= 0 {
			size = page.Size(m.Bytes)
		}
		t.Row(m.Name, state, page.Stamp(m.At), size, string(m.Backup))
	}
	p.Table(t)
	_, err := p.WriteTo(e.stdout)
	return err
}

func backupSnapshotsCommand(e *env, t *target) *cobra.Command {
	var take, yes bool
	c := &cobra.Command{
		Use:   "snapshots",
		Short: "List the platform's snapshots of the database's volumes, or have one taken of each",
		Long: `The platform copies volumes daily and keeps the copies for some days. A snapshot is of a disk: it
is no substitute for a backup that was proven to restore, but quick to have.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withSession(c.Context(), e, t, func(ctx context.Context, s *session.Session, p *config.Profile) error {
				app := p.Database.App
				if app == "" {
					return usage(errors.New("the database is no app of the platform (database.app): there are no volumes to look at"))
				}
				ctx, cancel := context.WithTimeout(ctx, time.Minute)
				defer cancel()
				vv, err := s.Platform.Volumes(ctx, app)
				if err != nil {
					return unknown(err)
				}
				if take {
					if err := e.confirm(yes, fmt.Sprintf("have a snapshot taken of %d volumes of %s?", len(vv), app)); err != nil {
						return err
					}
					return e.record(ctx, p, "backup snapshots", app, func(ctx context.Context) (string, error) {
						for _, v := range vv {
							if err := s.Platform.TakeSnapshot(ctx, app, v.ID); err != nil {
								return "", unknown(err)
							}
							fmt.Fprintf(e.stdout, "%s in %s: begun\n", v.ID, v.Region)
						}
						return fmt.Sprintf("%d begun", len(vv)), nil
					})
				}
				out := page.New(page.Options{Width: e.width(), Color: e.color()})
				tab := page.NewTable(page.Column{Title: "VOLUME"}, page.Column{Title: "REGION"}, page.Column{Title: "SNAPSHOT"}, page.Column{Title: "TAKEN"}, page.Column{Title: "SIZE", Right: true}, page.Column{Title: "STATUS"})
				for _, v := range vv {
					ss, err := s.Platform.Snapshots(ctx, app, v.ID)
					if err != nil {
						return unknown(err)
					}
					for _, x := range ss {
						tab.Row(v.ID, v.Region, x.ID, page.Stamp(x.CreatedAt), page.Size(x.Size), x.Status)
					}
					if len(ss) == 0 {
						tab.Row(v.ID, v.Region, "", "", "", "none")
					}
				}
				out.Table(tab)
				_, err = out.WriteTo(e.stdout)
				return unknown(err)
			})
		},
	}
	c.Flags().BoolVar(&take, "take", false, "have one taken of each volume")
	c.Flags().BoolVar(&yes, "yes", false, "without asking")
	return c
}
