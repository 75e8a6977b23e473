package flysim

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"ops-console/ops/fly/flysim/logstream"
	"ops-console/ops/fly/flysim/platform"
)

// startLogs serves the live log stream inside the network, to the organization's name and the platform's tokens.
func (s *Sim) startLogs() error {
	ln, err := s.gateway.Stack().ListenTCP(netip.AddrPortFrom(s.gateway.DNSAddr(), logstream.Port))
	if err != nil {
		return fmt.Errorf("listen for the log stream: %w", err)
	}
	org := s.world.Org().Slug
	s.lines = logstream.New(func(user, password string) bool { return user == org && s.world.Accepts(password) })
	s.work.Go(func() { s.lines.Serve(ln) })
	s.world.TapLogs(func(l platform.Logged) {
		if !s.lines.Active() {
			return
		}
		data, err := json.Marshal(l.Live())
		if err != nil {
			return // of strings and numbers there is always one
		}
		s.lines.Publish(logstream.Message{Subject: logstream.Subject(l.App, l.Region, l.Instance), Data: data})
	})
	return nil
}

// logFaults is what can be wrong with the log stream of s. Where they are only listed, s may be nil.
func logFaults(s *Sim) []platform.FaultKind {
	return []platform.FaultKind{
		{
			Name: "log-drops", Help: "the log stream loses a share of its lines",
			Args: []platform.FaultArg{{Name: "percent", Default: "30", Help: "how many of a hundred"}},
			Apply: func(_ platform.Fault, a platform.Args) (func(), error) {
				s.lines.Drop(a.Int("percent"))
				return func() { s.lines.Drop(0) }, nil
			},
		},
		{
			Name: "log-stream-down", Help: "the log stream cannot be reached",
			Args: []platform.FaultArg{{Name: "how", Default: "refuse", Help: "refuse connections, or hang"}},
			Apply: func(_ platform.Fault, a platform.Args) (func(), error) {
				how := logstream.Trouble(a["how"])
				if how != logstream.Refuses && how != logstream.Hangs {
					return nil, fmt.Errorf("how=%s: want refuse or hang", a["how"])
				}
				s.lines.Break(how)
				return func() { s.lines.Break(logstream.NoTrouble) }, nil
			},
		},
	}
}
