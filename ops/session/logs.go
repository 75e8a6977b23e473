package session

import (
	"context"

	"ops-console/ops/logs"
)

// LogOptions is how the application's log is followed and read. Machine, Region, Since and the size of what is kept are the
// caller's to set.
func (s *Session) LogOptions() logs.Options {
	p := s.Profile
	out := logs.Options{
		App: p.App, Org: p.Org, Platform: s.Platform, Token: p.TokenSource(s.getenv), NetworkErr: s.NetworkErr,
	}
	if s.Network != nil {
		out.Network = s.Network // an interface that holds nothing is not nil
	}
	return out
}

// WatchLogs is the whole log of the application, followed while somebody looks: one stream for all of them, each with a
// Filter of their own. It ends with ctx, or when it is closed.
func (s *Session) WatchLogs(ctx context.Context) (*logs.Tap, error) {
	return logs.NewTap(ctx, s.LogOptions())
}
