package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"os/user"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/spf13/cobra"

	"ops-console/ops/audit"
	"ops-console/ops/config"
)

func auditCommand(e *env, t *target) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "audit",
		Short: "Say what was done to the application from this account",
		Long: `Prints the record of every action that changed something outside, newest first: who, when,
which command, what it touched, and how it ended. The record only grows; where a line of it
was changed or taken out, that is said first.

Exit status: 0 the record is whole; 1 it was tampered with or cut off.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if format != "text" && format != "json" {
				return badFormat(format)
			}
			p, err := t.profile(e)
			if err != nil {
				return err
			}
			state, err := config.StateDir(e.getenv)
			if err != nil {
				return usage(err)
			}
			r, err := audit.Read(audit.Path(state, p.App))
			if err != nil {
				return unknown(err)
			}
			return writeAudit(e, r, format)
		},
	}
	formatFlag(c, &format)
	return c
}

func writeAudit(e *env, r audit.Record, format string) error {
	if format == "text" {
		if err := audit.Text(e.stdout, r); err != nil {
			return unknown(err)
		}
	} else {
		out := json.NewEncoder(e.stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(map[string]any{"format": 1, "entries": append([]audit.Entry{}, r.Entries...), "flaws": append([]string{}, r.Flaws...)}); err != nil {
			return unknown(err)
		}
	}
	if len(r.Flaws) > 0 {
		return &exit{status: statusBadNews}
	}
	return nil
}

// record has act done with a record of it: what it is, what it touches, and the command line that it was asked for with.
func (e *env) record(ctx context.Context, p *config.Profile, action, target string, act func(context.Context) (string, error)) error {
	return e.recordAs(ctx, p, action, target, strings.Join(append([]string{"ops-console"}, e.args...), " "), act)
}

// recordAs is record with the command line that would have done the same.
func (e *env) recordAs(ctx context.Context, p *config.Profile, action, target, command string, act func(context.Context) (string, error)) error {
	state, err := config.StateDir(e.getenv)
	if err != nil {
		return usage(err)
	}
	entry := audit.Entry{
		Run: ulid.Make().String(), App: p.App, User: e.operator(), Action: action, Target: target,
		Command: command,
	}
	return audit.New(audit.Path(state, p.App), e.now).Do(ctx, entry, act)
}

// operator is who is at the keyboard, as "ana@laptop".
func (e *env) operator() string {
	name := cmp.Or(e.getenv("SUDO_USER"), e.getenv("USER"))
	if u, err := user.Current(); err == nil && name == "" {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return cmp.Or(name, "unknown") + "@" + host
}
