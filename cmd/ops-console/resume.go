package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/config"
	"ops-console/ops/deploy"
	"ops-console/ops/deploy/flyplan"
	"ops-console/ops/fly"
	"ops-console/ops/page"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
)

func resumeCommand(e *env, t *target) *cobra.Command {
	o := &deployFlags{}
	var choose string
	c := &cobra.Command{
		Use:   "resume [DEPLOYMENT]",
		Short: "Go on with a deployment that was cut off, or that waits for a decision",
		Long: `Takes up the newest deployment of this account that has not ended: looks at what is there, and goes
on in the direction it had. Where there is none, it takes over one that somebody else began and whose
journal is not here, by the mark that it left on the platform: once nobody holds its machines any
more, and after asking. Whoever began it stops then. --choose decides where it stands still:

` + decisions() + deployExit,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return o.resume(c.Context(), e, t, args, deploy.Choice(choose))
		},
	}
	formatFlag(c, &o.format)
	c.Flags().StringVar(&choose, "choose", "", "what is to be done where it waits for a decision")
	c.Flags().BoolVar(&o.yes, "yes", false, "without asking")
	var all []string
	for _, d := range deploy.Decisions() {
		all = append(all, string(d))
	}
	_ = c.RegisterFlagCompletionFunc("choose", cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// decisions are what --choose takes, for help texts.
func decisions() string {
	var b strings.Builder
	for _, d := range deploy.Decisions() {
		fmt.Fprintf(&b, "  %s\n      %s\n", d, d.About())
	}
	return b.String()
}

func abortCommand(e *env, t *target) *cobra.Command {
	o := &deployFlags{}
	c := &cobra.Command{
		Use:   "abort [DEPLOYMENT]",
		Short: "Take back a deployment that was cut off",
		Long: `Takes up the newest deployment of this account that has not ended and puts every machine back to
what it ran before. Where there is none, it takes over one that somebody else began, as resume does.
` + deployExit,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return o.resume(c.Context(), e, t, args, deploy.Abort)
		},
	}
	formatFlag(c, &o.format)
	c.Flags().BoolVar(&o.yes, "yes", false, "without asking")
	return c
}

func (o *deployFlags) resume(ctx context.Context, e *env, t *target, args []string, choice deploy.Choice) error {
	if o.format != "text" && o.format != "json" {
		return badFormat(o.format)
	}
	return withSession(ctx, e, t, func(ctx context.Context, s *session.Session, p *config.Profile) error {
		dir, err := deployDir(e, p)
		if err != nil {
			return err
		}
		f, err := unfinished(dir, args)
		if errors.Is(err, errNoneHere) {
			return o.takeOver(ctx, e, s, p, args, choice, err)
		}
		if err != nil {
			return err
		}
		dep, err := deploy.Open(f.Path)
		if err != nil {
			return unknown(err)
		}
		state := dep.State()
		if o.format == "text" {
			line := fmt.Sprintf("%s of %s, %s: %s", state.Plan.Kind, state.Plan.Artifact.Image, page.Since(state.Plan.At, e.now()), standing(state))
			fmt.Fprintln(e.stdout, plaintext.Line(line, 2000))
		}
		if choice != "" && !slices.Contains(state.Choices(), choice) {
			_ = dep.Close() // nothing was done
			return usage(fmt.Errorf("%s is not to be chosen now: %s", choice, choicesText(state)))
		}
		verb := string(choice)
		if verb == "" {
			verb = "go on with it"
		}
		if err := e.confirm(o.yes, verb+"?"); err != nil {
			_ = dep.Close() // nothing was done
			return err
		}
		action := "deploy resume"
		if choice != "" {
			action = "deploy " + string(choice)
		}
		return e.record(ctx, p, action, f.ID(), func(ctx context.Context) (string, error) {
			if choice != "" {
				if err := dep.Ask(choice, e.operator(), e.now()); err != nil {
					return "", unknown(errors.Join(err, dep.Close()))
				}
			}
			definition, err := s.DeployDefinition(ctx)
			if err != nil {
				return "", unknown(errors.Join(err, dep.Close()))
			}
			return o.follow(ctx, e, s, p, dep, definition)
		})
	})
}

// unreadable is the error of a journal that nothing can be done by: it may be empty, of a disk that was full.
func unreadable(f deploy.Found) error {
	return unknown(fmt.Errorf("the journal of deployment %s cannot be read: %w; see with `ops-console releases` that none is under way, then put it aside: mv %q %q",
		f.ID(), f.Err, f.Path, f.Path+".removed"))
}

// unfinished is the deployment that is meant.
func unfinished(dir string, args []string) (deploy.Found, error) {
	ff, err := deploy.Unfinished(dir)
	if err != nil {
		return deploy.Found{}, unknown(err)
	}
	for _, f := range ff {
		if len(args) == 1 && !strings.HasPrefix(f.ID(), strings.ToUpper(args[0])) {
			continue
		}
		if f.Err != nil {
			return deploy.Found{}, unreadable(f)
		}
		return f, nil
	}
	if len(args) == 1 {
		return deploy.Found{}, usage(fmt.Errorf("no unfinished deployment is called %s%w", plaintext.Line(args[0], 40), errNoneHere))
	}
	return deploy.Found{}, usage(fmt.Errorf("every deployment of this account has ended: there is nothing to go on with%w", errNoneHere))
}

// errNoneHere says, without a word, that no journal here is of a deployment that is meant.
var errNoneHere = errors.New("")

func standing(s *deploy.State) string {
	switch {
	case s.Halt != "":
		return fmt.Sprintf("it stands still: %s: %s", s.Halt, s.Reason)
	case s.Back != "":
		return "it was going back: " + s.Back
	}
	return "it was cut off while " + string(s.Phase())
}

func choicesText(s *deploy.State) string {
	var cc []string
	for _, c := range s.Choices() {
		cc = append(cc, string(c))
	}
	return "it can " + strings.Join(cc, ", ")
}

func releasesCommand(e *env, t *target) *cobra.Command {
	var (
		format string
		limit  int
	)
	c := &cobra.Command{
		Use:   "releases",
		Short: "Say what was released, and what runs",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if format != "text" && format != "json" {
				return badFormat(format)
			}
			return withSession(c.Context(), e, t, func(ctx context.Context, s *session.Session, p *config.Profile) error {
				ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
				defer cancel()
				rr, err := s.Platform.WebReleases(ctx, p.App, limit)
				if err != nil {
					return unknown(err)
				}
				mm, err := s.Platform.MachinesWhere(ctx, p.App, fly.Where{Leases: true})
				if err != nil {
					return unknown(err)
				}
				dir, err := deployDir(e, p)
				if err != nil {
					return err
				}
				ff, err := deploy.Unfinished(dir)
				if err != nil {
					return unknown(err)
				}
				others := session.ElsewhereOf(p.App, mm, e.now())
				others = slices.DeleteFunc(others, func(x deploy.Elsewhere) bool {
					return slices.ContainsFunc(ff, func(f deploy.Found) bool { return f.ID() == x.Head.Deploy })
				})
				return unknown(writeReleases(e, format, rr, flyplan.Running(mm), ff, others))
			})
		},
	}
	formatFlag(c, &format)
	c.Flags().IntVar(&limit, "limit", 20, "how many")
	return c
}

func writeReleases(e *env, format string, rr []fly.Release, running map[int]int, ff []deploy.Found, others []deploy.Elsewhere) error {
	if format == "json" {
		type release struct {
			Version  int       `json:"version"`
			Status   string    `json:"status"`
			Image    string    `json:"image"`
			Machines int       `json:"machines"` // that run it
			At       time.Time `json:"at"`
			By       string    `json:"by"`
			Strategy string    `json:"strategy,omitempty"`
		}
		out := []release{}
		for _, r := range rr {
			out = append(out, release{r.Version, r.Status, r.ImageRef, running[r.Version], r.CreatedAt, plaintext.Line(r.User.Email, 100), r.Strategy})
		}
		unfinished := []string{}
		for _, f := range ff {
			unfinished = append(unfinished, f.ID())
		}
		type other struct {
			ID    string       `json:"id"`
			By    string       `json:"by"`
			Phase deploy.Phase `json:"phase"`
			Why   string       `json:"why,omitempty"` // it cannot be taken over now
		}
		elsewhere := []other{}
		for _, x := range others {
			o := other{ID: x.Head.Deploy, By: x.Head.Holder, Phase: x.Head.Phase}
			if x.Err != nil {
				o.Why = x.Err.Error()
			}
			elsewhere = append(elsewhere, o)
		}
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"format": 1, "releases": out, "unfinished": unfinished, "elsewhere": elsewhere})
	}
	p := page.New(page.Options{Width: e.width(), Color: e.color()})
	t := page.NewTable(page.Column{Title: "RELEASE", Right: true}, page.Column{Title: "STATUS"}, page.Column{Title: "RUNS ON", Right: true}, page.Column{Title: "WHEN"},
		page.Column{Title: "BY", Drop: 1}, page.Column{Title: "IMAGE", Drop: 2})
	for _, r := range rr {
		on := ""
		if n := running[r.Version]; n > 0 {
			on = fmt.Sprint(n)
		}
		t.Row(fmt.Sprintf("v%d", r.Version), r.Status, on, page.Stamp(r.CreatedAt)+" ("+page.Ago(e.now().Sub(r.CreatedAt))+")", r.User.Email, r.ImageRef)
	}
	p.Table(t)
	for _, f := range ff {
		text := "deployment " + f.ID() + " has not ended"
		if f.State != nil {
			text += ": " + standing(f.State)
		}
		p.Wrapped(1, text+": `ops-console resume` or `ops-console abort`")
	}
	for _, x := range others {
		text := x.Head.Whose() + " has not ended: it is " + strings.ReplaceAll(string(x.Head.Phase), "_", " ") + ", and its journal is not here: "
		if x.Err != nil {
			text += x.Err.Error()
		} else {
			text += "`ops-console resume` or `ops-console abort` takes it over"
		}
		p.Wrapped(1, text)
	}
	_, err := p.WriteTo(e.stdout)
	return err
}
