package flysim

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"ops-console/ops/fly/flysim/flex"
	"ops-console/ops/fly/flysim/platform"
	"ops-console/ops/fly/flysim/sixpn"
	"ops-console/wg/conf"
)

// register adds what can be wrong with the network to what can be wrong with the platform.
func (s *Sim) register() error {
	for _, k := range ownFaults(s) {
		if err := s.world.RegisterFault(k); err != nil {
			return err
		}
	}
	return nil
}

// ownFaults is what can be wrong with the network of s and with its database. Where they are only listed, s may be nil.
func ownFaults(s *Sim) []platform.FaultKind {
	return slices.Concat(networkFaults(s), logFaults(s), flex.Faults(func() *flex.Database { return s.database }))
}

// networkFaults is what can be wrong with the network of s. Where they are only listed, s may be nil.
func networkFaults(s *Sim) []platform.FaultKind {
	var kinds []platform.FaultKind
	for _, k := range []struct {
		fault sixpn.Fault
		help  string
	}{
		{sixpn.FaultSilent, "the network's DNS does not answer"},
		{sixpn.FaultServFail, "the network's DNS answers SERVFAIL to everything"},
		{sixpn.FaultNXDomain, "the network's DNS knows no name"},
		{sixpn.FaultStale, "the network's DNS answers as the network was when this was switched on"},
		{sixpn.FaultHostile, "TXT answers of 60 kB with escape sequences, and records nobody asked for"},
	} {
		kinds = append(kinds, platform.FaultKind{Name: string(k.fault), Help: k.help, Apply: func(platform.Fault, platform.Args) (func(), error) {
			s.zone.Set(s.view())
			s.zone.Fault(k.fault, true)
			return func() { s.zone.Fault(k.fault, false) }, nil
		}})
	}
	return append(
		kinds,
		platform.FaultKind{
			Name: "tunnel-drop", Help: "every packet to and from the gateway is lost",
			Apply: func(platform.Fault, platform.Args) (func(), error) {
				s.gateway.Pause()
				return s.gateway.Resume, nil
			},
		},
		platform.FaultKind{
			Name: "tunnel-loss", Help: "a share of the packets is lost, in each direction",
			Args: []platform.FaultArg{{Name: "percent", Default: "10", Help: "how many of a hundred"}},
			Apply: func(_ platform.Fault, a platform.Args) (func(), error) {
				s.gateway.Lose(float64(a.Int("percent")) / 100)
				return func() { s.gateway.Lose(0) }, nil
			},
		},
		platform.FaultKind{
			Name: "gateway-restart", Help: "the gateway is down; when it is switched on again, it knows no session any more",
			Apply: func(platform.Fault, platform.Args) (func(), error) {
				s.gateway.Pause()
				return func() {
					if err := s.gateway.Restart(); err != nil {
						s.log.Warn("restart the gateway", "err", err)
					}
					s.gateway.Resume()
				}, nil
			},
		},
		platform.FaultKind{
			Name: "peer-revoke", Target: "PEER", Help: "a peer is taken out of the organization: its packets get no answer any more",
			Apply: func(f platform.Fault, _ platform.Args) (func(), error) { return s.revoke(f.Target) },
		},
	)
}

// revoke removes a peer; undo lets the holder of the same key in again.
func (s *Sim) revoke(name string) (undo func(), err error) {
	for _, p := range s.world.Peers() {
		if p.Name != name {
			continue
		}
		if _, err := conf.ParsePublicKey(p.Pubkey); err != nil {
			return nil, err
		}
		if err := s.world.RemovePeer(name); err != nil {
			return nil, err
		}
		return func() {
			if _, err := s.world.AddPeer(p.Name, p.Pubkey, p.Region); err != nil {
				s.log.Warn("let a revoked peer in again", "peer", name, "err", err)
			}
		}, nil
	}
	return nil, fmt.Errorf("no peer %q: there are %s", name, strings.Join(s.peerNames(), ", "))
}

func (s *Sim) peerNames() []string {
	var names []string
	for _, p := range s.world.Peers() {
		names = append(names, strconv.QuoteToGraphic(p.Name))
	}
	return names
}

// errNoSuchMachine says that GROUP#N names none, as in a fleet without that group.
var errNoSuchMachine = errors.New("no machine of that process group")

// absent says that a step of a story is about something that this world does not have.
func absent(err error) bool {
	return errors.Is(err, errNoSuchMachine) || errors.Is(err, flex.ErrNone) || errors.Is(err, flex.ErrNoReplica)
}

// nth is a target by its place among the machines of a process group.
var nth = regexp.MustCompile(`^([\w-]+)#(\d+)$`)

// set switches a fault on, or off.
func (s *Sim) set(f platform.Fault, clear bool) error {
	target, err := s.resolve(f.Target)
	if err != nil {
		return err
	}
	f.Target = target
	if s.database != nil {
		f = s.database.Resolve(f, clear)
	}
	if clear {
		return s.world.ClearFault(platform.Fault{Name: f.Name, Target: f.Target}.String())
	}
	return s.world.SetFault(f)
}

// resolve turns GROUP#N into the id of a machine; other targets are the world's to understand.
func (s *Sim) resolve(target string) (string, error) {
	m := nth.FindStringSubmatch(target)
	if m == nil {
		return target, nil
	}
	var ids []string
	for _, i := range s.world.Instances() {
		if i.Group == m[1] && i.App == DefaultApp {
			ids = append(ids, i.ID)
		}
	}
	n, err := strconv.Atoi(m[2])
	if len(ids) == 0 || err != nil {
		return "", fmt.Errorf("%s: %w", target, errNoSuchMachine)
	}
	return ids[n%len(ids)], nil
}

// clock is the world's: real time, but while the world gets its history, some time back.
type clock struct{ back atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(-time.Duration(c.back.Load())) }

// tell lets a story happen in the world's past, each step at its time.
func (s *Sim) tell(sc Scenario, c *clock) error {
	story := slices.Clone(sc.Story)
	slices.SortStableFunc(story, func(a, b Step) int { return cmp.Compare(b.Ago, a.Ago) })
	come := func() { c.back.Store(int64(visited)); s.world.Visitors(DefaultApp, visitorsPerSecond) }
	early := false
	for _, step := range story {
		f, err := platform.ParseFault(step.Fault)
		if err != nil {
			return err
		}
		if step.Ago < visited && !early {
			come()
			early = true
		}
		c.back.Store(int64(step.Ago))
		if err := s.set(f, step.Clear); err != nil && !absent(err) {
			return fmt.Errorf("%s: %w", step.Fault, err)
		}
	}
	if !early {
		come()
	}
	c.back.Store(0)
	s.world.Visitors(DefaultApp, 0) // from now on they really come
	return nil
}

// change brings a running world to a scenario, as far as that is a matter of faults.
func (s *Sim) change(sc Scenario) error {
	if why := sc.startOnly(); why != "" {
		return fmt.Errorf("scenario %s needs a new start: %s", sc.Name, why)
	}
	if err := s.world.ClearFault("all"); err != nil {
		return err
	}
	for _, step := range sc.Story {
		if step.Past {
			continue
		}
		f, err := platform.ParseFault(step.Fault)
		if err != nil {
			return err
		}
		if err := s.set(f, step.Clear); err != nil && !absent(err) {
			return fmt.Errorf("%s: %w", step.Fault, err)
		}
	}
	return nil
}
