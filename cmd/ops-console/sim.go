package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ops-console/ops/fly/flysim"
	"ops-console/ops/postgres/pgcluster"
)

func simCommand(e *env) *cobra.Command {
	var o flysim.Options
	var database databaseFlag
	c := &cobra.Command{
		Use:   "sim --dir DIR",
		Short: "Run the simulated world without the console",
		Long: `Runs a simulated platform behind a real WireGuard gateway, and writes into DIR what
clients need to use it: profile.toml, wg.conf, env, and, when it is ready, ready.
Ends on SIGTERM or ctrl-c.`,
		Example: `  ops-console sim --dir /tmp/sim --scenario incident &
  ops-console --config /tmp/sim/profile.toml --app changelog status
  ops-console sim --dir /tmp/sim fault                    what can go wrong
  ops-console sim --dir /tmp/sim fault host-unreachable 148e21`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Dir == "" {
				return usage(errors.New("sim needs --dir DIR, the directory it writes its files into"))
			}
			if err := database.decide(&o, e.stderr); err != nil {
				return err
			}
			s, err := startWorld(c.Context(), o)
			if err != nil {
				return usage(fmt.Errorf("start the simulated world: %w", err))
			}
			if err := s.Ready(c.Context()); err != nil && c.Context().Err() == nil {
				fmt.Fprintf(e.stderr, "warning: %v\n", err)
			}
			fmt.Fprintf(e.stderr, "ready: ops-console --config %s --app %s\n", s.ProfilePath(), s.App())
			<-c.Context().Done()
			if err := s.Close(); err != nil {
				return unknown(fmt.Errorf("stop the simulated world: %w", err))
			}
			return nil
		},
	}
	c.PersistentFlags().StringVar(&o.Dir, "dir", "", "directory for the files of the world")
	_ = c.MarkPersistentFlagDirname("dir")
	simFlags(c, &o, &database)
	for _, control := range []struct {
		use, short string
		lists      bool // without arguments, what needs no running world
	}{
		{"fault [NAME [ARGUMENT…]]", "Switch a fault on in a running world; without a name, list them", true},
		{"clear [NAME [ARGUMENT…]]", "Switch a fault off; without a name, all of them", false},
		{"scenario [NAME]", "Change a running world to a scenario; without a name, list them", true},
		{"fire [MACHINE]", "Let a machine with a schedule come up now; without one, all of them", false},
		{"machines", "List the machines of a running world", false},
		{"peers", "List the WireGuard peers of a running world", false},
	} {
		c.AddCommand(&cobra.Command{
			Use:   control.use,
			Short: control.short,
			RunE: func(c *cobra.Command, args []string) error {
				if o.Dir == "" && (len(args) > 0 || !control.lists) {
					return usage(fmt.Errorf("%s needs --dir DIR, the directory of the running world", c.Name()))
				}
				return usage(flysim.Control(c.Context(), o.Dir, append([]string{c.Name()}, args...), e.stdout))
			},
		})
	}
	return c
}

// startWorld starts a simulated world whose machines can run this program.
func startWorld(ctx context.Context, o flysim.Options) (*flysim.Sim, error) {
	if o.Dir == "" {
		// Machines have to know where the profile is before the world is there.
		dir, err := os.MkdirTemp("", "ops-console-")
		if err != nil {
			return nil, err
		}
		o.Dir, o.Temporary = dir, true
	}
	o.Program = machineProgram(func() string { return flysim.ProfileIn(o.Dir) })
	return flysim.Start(ctx, o)
}

// simFlags are the flags of a simulated world, the same for sim and demo.
func simFlags(c *cobra.Command, o *flysim.Options, database *databaseFlag) {
	c.Flags().StringVar(&o.Scenario, "scenario", o.Scenario, "what the world is like: "+flysim.ScenarioNames())
	c.Flags().IntVar(&o.Regions, "regions", 0, "number of regions (the scenario's own when 0)")
	c.Flags().IntVar(&o.Instances, "instances", 0, "number of instances (the scenario's own when 0)")
	c.Flags().IntVar(&o.Plays, "plays", 2_000_000, "rows of the largest table of the database")
	c.Flags().StringVar((*string)(database), "database", "auto", "a PostgreSQL primary with replicas: on, off, or auto where its server binaries are")
	_ = c.RegisterFlagCompletionFunc("scenario", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return flysim.Scenarios(), cobra.ShellCompDirectiveNoFileComp
	})
	_ = c.RegisterFlagCompletionFunc("database", cobra.FixedCompletions([]string{"auto", "on", "off"}, cobra.ShellCompDirectiveNoFileComp))
}

// databaseFlag says whether a simulated world has a database: auto, on or off.
type databaseFlag string

// decide sets the option. Where there are no servers to be had, the world goes without, and how to get them is said.
func (d databaseFlag) decide(o *flysim.Options, notes io.Writer) error {
	switch d {
	case "off":
		return nil
	case "on":
		o.Database = true
		return nil
	case "auto":
		_, err := pgcluster.Find()
		if o.Database = err == nil; err != nil {
			fmt.Fprintf(notes, "note: %v: the simulated world has no database (apt-get install postgresql, or make setup)\n", err)
		}
		return nil
	}
	return usage(fmt.Errorf("--database %q: want auto, on or off", string(d)))
}
