package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/ops/page"
	"ops-console/ops/plaintext"
	"ops-console/ops/scale"
	"ops-console/ops/session"
)

func scaleCommand(e *env, t *target) *cobra.Command {
	var (
		format, group     string
		regions           []string
		empty, dry, yes   bool
		drain, limit, set time.Duration
	)
	c := &cobra.Command{
		Use:   "scale --region REGION=COUNT",
		Short: "Bring a process group to a number of machines in a region, and see that it is so",
		Long: `Starts machines that are stopped, makes copies of a healthy one of the newest release, or takes
machines away: sick ones first, then those of an old release, then the newest; each loses its
traffic, drains, is stopped and destroyed. It is done once all is seen to be as wanted: the
platform answers well to requests of which nothing comes, and is asked again then.

Regions that are not named are left alone. A region keeps its last machine unless --allow-empty
is said. What was cut off goes on when it is run again.

Exit status: 0 it is as wanted; 1 it is not, and why; 2 usage; 3 it could not begin.`,
		Example: `  ops-console --app changelog scale --region ewr=2
  ops-console --app changelog-qa scale --region ewr=1 --yes            up for a test run
  ops-console --app changelog-qa scale --region ewr=0 --allow-empty --yes`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return badFormat(format)
			}
			want, err := scale.ParseRegions(regions)
			if err != nil {
				return usage(err)
			}
			return withSession(c.Context(), e, t, func(ctx context.Context, s *session.Session, p *config.Profile) error {
				plan, err := s.PlanScale(ctx, scale.Want{Group: group, Regions: want, Empty: empty})
				switch {
				case errors.As(err, new(*fly.Error)):
					return unknown(err)
				case err != nil:
					return usage(err)
				}
				if format == "text" || dry {
					if err := showScale(e, format, &plan); err != nil {
						return unknown(err)
					}
				}
				if dry {
					return nil
				}
				if !plan.Nothing() {
					if err := e.confirm(yes, "scale "+plan.App+"?"); err != nil {
						return err
					}
				}
				return e.record(ctx, p, "scale", strings.Join(regions, " "), func(ctx context.Context) (string, error) {
					signal.Ignore(syscall.SIGPIPE) // as in a deployment
					err := scale.Run(ctx, scale.Options{
						API: s.Platform, ID: ulid.Make().String(), By: e.operator(), Now: e.now, Timings: scale.Timings{Drain: drain, Total: limit, Settle: set},
						Tell: func(v scale.Event) { tellScale(e, format, v) },
					}, plan)
					if errors.Is(err, scale.ErrNot) {
						return "", &exit{statusBadNews, err}
					}
					return "as wanted", unknown(err)
				})
			})
		},
	}
	formatFlag(c, &format)
	f := c.Flags()
	f.StringArrayVar(&regions, "region", nil, "REGION=COUNT; may be given again")
	f.StringVar(&group, "group", "app", "the process group")
	f.BoolVar(&empty, "allow-empty", false, "let a region, or the primary one, lose its last machine")
	f.BoolVarP(&dry, "plan", "n", false, "only show what would be done")
	f.BoolVar(&yes, "yes", false, "without asking")
	f.DurationVar(&drain, "drain", 0, "from the end of a machine's traffic to its stop")
	f.DurationVar(&limit, "limit", 0, "for all of it")
	f.DurationVar(&set, "settle", 0, "until a machine that was made is to be seen")
	_ = c.MarkFlagRequired("region")
	return c
}

func tellScale(e *env, format string, v scale.Event) {
	if format == "json" {
		if b, err := json.Marshal(v); err == nil {
			fmt.Fprintf(e.stdout, "%s\n", b)
		}
		return
	}
	fmt.Fprintf(e.stdout, "%s  %-8s %s\n", v.At.Format("15:04:05Z"), v.Step, plaintext.Line(strings.TrimSpace(v.Region+"  "+v.Text), 300))
}

func showScale(e *env, format string, p *scale.Plan) error {
	if format == "json" {
		out := json.NewEncoder(e.stdout)
		out.SetIndent("", "  ")
		return out.Encode(p)
	}
	g := page.New(page.Options{Width: e.width(), Color: e.color()})
	verdict := page.Word{Text: "to be changed"}
	if p.Nothing() {
		verdict.Text = "nothing to change: it is looked at until it is well"
	}
	g.Head(p.App+" "+p.Group, verdict)
	t := page.NewTable(page.Column{Title: "REGION"}, page.Column{Title: "HAS", Right: true}, page.Column{Title: "RUN", Right: true}, page.Column{Title: "WANTED", Right: true}, page.Column{Title: "WHAT IS DONE"})
	for _, c := range p.Changes {
		var what []string
		if n := len(c.Start); n > 0 {
			what = append(what, "start "+strings.Join(c.Start, ", "))
		}
		if c.Create > 0 {
			what = append(what, fmt.Sprintf("make %d", c.Create))
		}
		if len(c.Remove) > 0 {
			what = append(what, "cordon, drain, stop and destroy "+strings.Join(c.Remove, ", "))
		}
		t.Row(c.Region, strconv.Itoa(c.Have), strconv.Itoa(c.Running), strconv.Itoa(c.Want), strings.Join(what, "; "))
	}
	g.Table(t)
	if p.From != "" {
		g.Wrapped(1, "new machines are copies of "+p.From)
	}
	for _, n := range p.Notes {
		g.Wrapped(1, "note: "+n)
	}
	_, err := g.WriteTo(e.stdout)
	return err
}
