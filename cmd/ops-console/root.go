package main

import (
	"context"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/config"
	"ops-console/ops/plaintext"
	"ops-console/ops/session"
	"ops-console/wg"
)

// env is what a command gets from outside.
type env struct {
	getenv         func(string) string
	stdin          *os.File
	stdout, stderr io.Writer
	now            func() time.Time
	args           []string // the command line, without the program

	// Of a machine inside the private network; nil elsewhere.
	network wg.Network
	listen  func(ctx context.Context, addr string) (net.Listener, error)
}

func environment() *env {
	return &env{getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, now: time.Now, args: os.Args[1:]}
}

func (e *env) session() session.Options {
	return session.Options{Version: version, Getenv: e.getenv, Network: e.network}
}

// target is the flags that say which application is meant.
type target struct {
	app, config, project string
}

func (t *target) flags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVarP(&t.app, "app", "a", "", "the application: a profile, or an app at Fly.io")
	f.StringVarP(&t.config, "config", "c", "", "read this configuration file before all others")
	f.StringVar(&t.project, "project", "", "directory of the application's source (where fly.toml is)")
	_ = c.MarkPersistentFlagFilename("config", "toml")
	_ = c.MarkPersistentFlagDirname("project")
}

func (t *target) profile(e *env) (*config.Profile, error) {
	p, err := config.Load(config.Options{Name: t.app, ConfigFile: t.config, ProjectDir: t.project, Env: e.getenv})
	return p, usage(err)
}

func root(e *env) *cobra.Command {
	t := &target{}
	o := &consoleFlags{}
	c := &cobra.Command{
		Use:   "ops-console --app NAME",
		Short: "Operations console for Phoenix applications on Fly.io",
		Long: `Joins the private WireGuard network of an application as an ordinary user and shows
how its instances are: what the platform says, what the network says, and what each
instance answers itself.

Exit status: 0 fine; 1 the answer is bad news; 2 usage or configuration; 3 could not find out.`,
		Example: `  ops-console demo                       the console on a simulated world
  ops-console --app changelog            the console
  ops-console --app changelog status     the same as text, for scripts with --format json`,
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(c *cobra.Command, _ []string) error {
			return runConsole(c.Context(), e, t, o)
		},
	}
	c.SetOut(e.stdout)
	c.SetErr(e.stderr)
	c.SetVersionTemplate("ops-console {{.Version}}\n")
	t.flags(c)
	o.flags(c)
	c.AddCommand(
		demoCommand(e),
		simCommand(e),
		statusCommand(e, t),
		releasesCommand(e, t),
		deployCommand(e, t),
		rollbackCommand(e, t),
		resumeCommand(e, t),
		abortCommand(e, t),
		scaleCommand(e, t),
		replicationCommand(e, t),
		migrationsCommand(e, t),
		lintCommand(e, t),
		preflightCommand(e, t),
		versionsCommand(e, t),
		phxCommand(e, t),
		logsCommand(e, t),
		auditCommand(e, t),
		backupCommand(e, t),
		wgCommand(e, t),
		versionCommand(e),
		manCommand(e),
	)
	return c
}

// oneLine keeps an error on the one line it is promised to be, and what others wrote into it from the terminal.
func oneLine(s string) string { return strings.Join(strings.Fields(plaintext.Line(s, 8000)), " ") }
