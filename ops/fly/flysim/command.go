package flysim

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"ops-console/ops/fly/flysim/flex"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/plaintext"
)

// Help is the commands that Control takes.
const Help = `fault [list]                     what can go wrong, and what does
fault NAME [TARGET] [ARGUMENT…]  switch a fault on
clear [NAME [TARGET]]            switch a fault off; without a name, all of them
scenario [NAME]                  change to a scenario, as far as a running world can; without a name, list them
fire [MACHINE]                   let a machine with a schedule come up now; without one, all of them
machines                         the machines
peers                            the WireGuard peers
`

// command carries out one command of Control.
func (s *Sim) command(_ context.Context, args []string, out io.Writer) error {
	name, rest := "help", []string(nil)
	if len(args) > 0 {
		name, rest = args[0], args[1:]
	}
	// The words of set and list are taken after fault too.
	if name == "fault" && len(rest) > 0 {
		switch rest[0] {
		case "set", "list", "clear", "clear-all":
			name, rest = rest[0], rest[1:]
		}
	}
	switch name {
	case "fault", "set":
		if len(rest) == 0 {
			return listFaults(out, s.world.FaultKinds(), s.world.Faults())
		}
		return s.set(faultOf(rest), false)
	case "list":
		return listFaults(out, s.world.FaultKinds(), s.world.Faults())
	case "clear":
		if len(rest) == 0 {
			return s.world.ClearFault("all")
		}
		return s.set(faultOf(rest), true)
	case "clear-all":
		return s.world.ClearFault("all")
	case "scenario":
		if len(rest) == 0 {
			return listScenarios(out)
		}
		sc, err := scenarioNamed(rest[0])
		if err != nil {
			return err
		}
		return s.change(sc)
	case "fire":
		up, err := s.world.Fire(strings.Join(rest, " "))
		if err == nil {
			_, err = fmt.Fprintln(out, strings.Join(up, "\n"))
		}
		return err
	case "machines":
		return s.listMachines(out)
	case "peers":
		return s.listPeers(out)
	case "help":
		_, err := io.WriteString(out, Help)
		return err
	}
	return fmt.Errorf("no command %q:\n%s", name, Help)
}

// faultOf is a fault from words that a shell has split already.
func faultOf(words []string) platform.Fault {
	f := platform.Fault{Name: words[0]}
	words = words[1:]
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		f.Target, words = words[0], words[1:]
	}
	f.Args = words
	return f
}

// static carries out what needs no world: to list what there is. known is false where that is not all there is to args.
func static(args []string, out io.Writer) (known bool, err error) {
	switch strings.Join(args, " ") {
	case "fault", "fault list", "list":
		return true, listFaults(out, slices.Concat(platform.BuiltinFaults(), ownFaults(nil)), nil)
	case "scenario":
		return true, listScenarios(out)
	case "help":
		_, err := io.WriteString(out, Help)
		return true, err
	}
	return false, nil
}

func listFaults(out io.Writer, kinds []platform.FaultKind, active []platform.Fault) error {
	on := map[string][]string{}
	for _, f := range active {
		on[f.Name] = append(on[f.Name], clean(f.String()))
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, k := range kinds {
		fmt.Fprintf(t, "%s\t%s\n", k.Usage(), k.Help)
		for _, f := range on[k.Name] {
			fmt.Fprintf(t, "  on: %s\t\n", f)
		}
	}
	fmt.Fprintf(t, "\n%s, or GROUP#N.\n%s.\n%s.\n", platform.Targets, platform.UntilRestart, flex.TargetHelp)
	return t.Flush()
}

// clean makes text of the world safe to show: some of it is made to hurt.
func clean(s string) string { return plaintext.Line(s, 160) }

func listScenarios(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, sc := range scenarios() {
		note := ""
		if sc.startOnly() != "" {
			note = " (only with a new start)"
		}
		fmt.Fprintf(t, "%s\t%s%s\n", sc.Name, sc.Help, note)
	}
	return t.Flush()
}

func (s *Sim) listMachines(out io.Writer) error {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tAPP\tREGION\tGROUP\tRUNS\tRELEASE\tADDRESS\tBEHAVIOUR")
	for _, i := range s.world.Instances() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%t\t%d\t%s\t%s\n", i.ID, i.App, i.Region, i.Group, i.Started, i.Release, i.Addr, describe(i.Behaviour))
	}
	return t.Flush()
}

func describe(b platform.Behaviour) string {
	var words []string
	for _, w := range []struct {
		on   bool
		word string
	}{
		{b.Dead, "refuses"},
		{b.Hang, "hangs"},
		{b.Silent, "silent"},
		{b.Hostile, "hostile"},
		{b.Health != 0, fmt.Sprintf("health=%d", b.Health)},
		{b.Content != "", "content=" + b.Content},
		{b.Island != "", "island=" + b.Island},
		{b.Delay > 0, "delay=" + b.Delay.String()},
	} {
		if w.on {
			words = append(words, clean(w.word))
		}
	}
	return strings.Join(words, " ")
}

func (s *Sim) listPeers(out io.Writer) error {
	seen := map[string]string{}
	pp, err := s.gateway.Peers()
	if err != nil {
		return err
	}
	for _, p := range pp {
		last := "never"
		if !p.HandshakeAt.IsZero() {
			last = time.Since(p.HandshakeAt).Round(time.Second).String() + " ago"
		}
		seen[p.PublicKey.String()] = fmt.Sprintf("%s\t%d\t%d", last, p.Rx, p.Tx)
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tADDRESS\tKEY\tHANDSHAKE\tRX\tTX")
	for _, p := range s.world.Peers() {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", clean(p.Name), p.PeerIP, p.Pubkey, seen[p.Pubkey])
	}
	return t.Flush()
}
