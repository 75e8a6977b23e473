package health

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"ops-console/ops/config"
	"ops-console/ops/fly"
	"ops-console/wg"
)

// Platform is what is asked of the platform's API. *fly.Client is one.
type Platform interface {
	App(ctx context.Context, app string) (fly.App, error)
	Machines(ctx context.Context, app string) ([]fly.Machine, error)
	Releases(ctx context.Context, app string, limit int) ([]fly.Release, error)
	Exec(ctx context.Context, app, id string, cmd []string, timeout time.Duration) (fly.ExecResult, error)
}

// Resolver is what is asked of the private network's DNS. *wg.Resolver is one.
type Resolver interface {
	// LookupTXT gives the records of a name, each joined. A name without any is a *net.DNSError with IsNotFound.
	LookupTXT(ctx context.Context, name string) ([]string, error)
	// LookupNetIP gives the addresses of a name, with the same error.
	LookupNetIP(ctx context.Context, host string) ([]netip.Addr, error)
}

// Options of Read and Watch. The zero value of each field but App and Platform has a meaning.
type Options struct {
	App           string
	PrimaryRegion string // empty: not marked
	Platform      Platform
	Network       wg.Network // nil: there is none, and NetworkErr says why
	NetworkErr    error
	Resolver      Resolver // nil: the Network's own
	Probe         config.Probe
	Agree         []config.AgreePath
	Cluster       config.Cluster
	Interval      config.Interval

	// NetworkWait is how long Read waits for the network to come up. Zero: 10 s.
	NetworkWait time.Duration
	// RetryAfter is how long Read waits before it asks instances again whose first probe failed. Zero: 1 s.
	RetryAfter time.Duration
	Now        func() time.Time // nil: time.Now
}

// withDefaults fills in what is not set and refuses what cannot be.
func (o Options) withDefaults() (Options, error) {
	if o.App == "" {
		return o, errors.New("health: no app named")
	}
	if o.Platform == nil {
		return o, errors.New("health: no platform client")
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	o.Now = func() time.Time { return now().UTC() }
	if o.Network == nil && o.NetworkErr == nil {
		o.NetworkErr = errors.New("no private network is configured")
	}
	if o.Resolver == nil && o.Network != nil {
		o.Resolver = o.Network.Resolver()
	}
	o.NetworkWait = or(o.NetworkWait, 10*time.Second)
	o.RetryAfter = or(o.RetryAfter, time.Second)
	o.Interval = config.Interval{
		Platform:  or(o.Interval.Platform, 5*time.Second),
		DNS:       or(o.Interval.DNS, 10*time.Second),
		Probe:     or(o.Interval.Probe, 5*time.Second),
		Agreement: or(o.Interval.Agreement, 30*time.Second),
		Cluster:   or(o.Interval.Cluster, time.Minute),
		Releases:  or(o.Interval.Releases, 30*time.Second),
	}
	o.Probe.Timeout = or(o.Probe.Timeout, 5*time.Second)
	if o.Probe.Concurrency <= 0 {
		o.Probe.Concurrency = 128
	}
	if o.Probe.Scheme == "" {
		o.Probe.Scheme = "http"
	}
	if o.Probe.Host == "" {
		o.Probe.Host = o.App + ".fly.dev"
	}
	if o.Probe.Status == "" {
		o.Probe.Status = "200-399"
	}
	if _, err := config.ParseStatus(o.Probe.Status); err != nil {
		return o, fmt.Errorf("health: probe.status: %w", err)
	}
	for _, a := range o.Agree {
		if _, err := newNormaliser(a.Ignore); err != nil {
			return o, fmt.Errorf("health: agree %s: %w", a.Path, err)
		}
	}
	return o, nil
}

func or(d, fallback time.Duration) time.Duration {
	if d <= 0 {
		return fallback
	}
	return d
}
