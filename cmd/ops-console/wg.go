package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"ops-console/ops/config"
	"ops-console/ops/peer"
	"ops-console/ops/session"
	"ops-console/wg"
)

func wgCommand(e *env, t *target) *cobra.Command {
	c := &cobra.Command{
		Use:   "wg",
		Short: "The private network: its state, and our own peer",
	}
	c.AddCommand(wgStatusCommand(e, t), wgJoinCommand(e, t), wgLeaveCommand(e, t))
	return c
}

func wgStatusCommand(e *env, t *target) *cobra.Command {
	var (
		format  string
		watch   bool
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "status",
		Short: "Join the network and say how well that works",
		Long:  "Exit status: 0 the network answers; 1 it does not; 2 it is not configured.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			var write func(wg.Status) error
			switch format {
			case "text":
				write = func(s wg.Status) error { return s.WriteText(e.stdout, e.now()) }
			case "json":
				write = func(s wg.Status) error { return json.NewEncoder(e.stdout).Encode(s) }
			default:
				return badFormat(format)
			}
			p, err := t.profile(e)
			if err != nil {
				return err
			}
			s := session.Open(c.Context(), p, e.session())
			defer func() { err = errors.Join(err, unknown(s.Close())) }()
			if s.NetworkErr != nil {
				return usage(s.NetworkErr)
			}
			ctx, cancel := c.Context(), context.CancelFunc(func() {})
			if !watch {
				ctx, cancel = context.WithTimeout(ctx, timeout)
			}
			defer cancel()
			return followNetwork(ctx, s.Network, watch, write)
		},
	}
	formatFlag(c, &format)
	c.Flags().BoolVarP(&watch, "watch", "w", false, "go on, and print again at every change of state")
	c.Flags().DurationVar(&timeout, "timeout", 12*time.Second, "how long to wait for the first answer")
	return c
}

// followNetwork prints the network's state once it is settled, or, watching, every state it goes through.
func followNetwork(ctx context.Context, n wg.Network, watch bool, write func(wg.Status) error) error {
	for {
		changed := n.Changed()
		s := n.Status()
		settled := s.State == wg.StateUp || s.State == wg.StateDNSDown || s.State == wg.StateDead || s.State == wg.StateClosed
		if watch || settled || ctx.Err() != nil {
			if err := write(s); err != nil {
				return unknown(err)
			}
		}
		if ctx.Err() != nil || settled && !watch {
			if s.State == wg.StateUp {
				return nil
			}
			return &exit{status: statusBadNews}
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

func wgJoinCommand(e *env, t *target) *cobra.Command {
	var (
		org, region, name string
		renew, yes        bool
	)
	c := &cobra.Command{
		Use:   "join",
		Short: "Make a peer of our own at the platform, with a key made here",
		Long: `Makes a key pair here, registers the public key with the organization's private
network, and keeps the tunnel's configuration in a file of mode 0600. Where there is a
peer already, it is kept; --renew replaces it with a new key.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withPeer(c.Context(), e, t, org, func(ctx context.Context, platform peer.Platform, org, path string) error {
				base := name
				if base == "" {
					base = peer.BaseName(hostAndUser())
				}
				if err := e.confirm(yes, fmt.Sprintf("Register a WireGuard peer %s-… with organization %s and keep its key in %s?", base, org, path)); err != nil {
					return err
				}
				p, made, err := peer.Join{Path: path, Org: org, Region: region, Base: base, Renew: renew, Now: e.now()}.Do(ctx, platform)
				if err != nil {
					return unknown(err)
				}
				if !made {
					fmt.Fprintf(e.stdout, "already joined as %s (%s), since %s; --renew makes a new key\n", p.Name, p.Address, p.Created.Format(time.DateOnly))
					return nil
				}
				fmt.Fprintf(e.stdout, "joined %s as %s (%s)\nkept in %s\n", p.Org, p.Name, p.Address, p.Path)
				return nil
			})
		},
	}
	peerFlags(c, &org, &yes)
	c.Flags().StringVar(&region, "region", "", "region of the gateway (default: the nearest)")
	c.Flags().StringVar(&name, "name", "", "what the peer's name begins with (default: this machine and user)")
	c.Flags().BoolVar(&renew, "renew", false, "replace the peer by one with a new key")
	return c
}

func wgLeaveCommand(e *env, t *target) *cobra.Command {
	var (
		org string
		yes bool
	)
	c := &cobra.Command{
		Use:   "leave",
		Short: "Remove our peer from the platform, and its key from here",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withPeer(c.Context(), e, t, org, func(ctx context.Context, platform peer.Platform, org, path string) error {
				p, err := peer.Load(path)
				if err != nil {
					return usage(err)
				}
				if err := e.confirm(yes, fmt.Sprintf("Remove the WireGuard peer %s of organization %s, and %s?", p.Name, org, path)); err != nil {
					return err
				}
				if p, err = peer.Leave(ctx, platform, path); err != nil {
					return unknown(err)
				}
				fmt.Fprintf(e.stdout, "left %s: peer %s removed\n", p.Org, p.Name)
				return nil
			})
		},
	}
	peerFlags(c, &org, &yes)
	return c
}

func peerFlags(c *cobra.Command, org *string, yes *bool) {
	c.Flags().StringVar(org, "org", "", "organization (default: the application's)")
	c.Flags().BoolVarP(yes, "yes", "y", false, "do not ask")
}

// withPeer finds out which organization is meant, and where its peer is kept.
func withPeer(ctx context.Context, e *env, t *target, org string, do func(ctx context.Context, p peer.Platform, org, path string) error) error {
	if t.app == "" && t.config == "" && org == "" {
		return usage(errors.New("say which organization is meant: --app NAME or --org NAME"))
	}
	p, err := t.profile(e)
	if err != nil {
		return err
	}
	platform := session.Platform(p, e.session(), nil)
	defer platform.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if org == "" {
		org = p.Org
	}
	if org == "" {
		app, err := platform.App(ctx, p.App)
		if err != nil {
			return unknown(fmt.Errorf("find the organization of %s: %w", p.App, err))
		}
		org = app.Organization.Slug
	}
	path, err := config.PeerPath(e.getenv, org)
	if err != nil {
		return usage(err)
	}
	return do(ctx, platform, org, path)
}

func hostAndUser() (host, name string) {
	host, _ = os.Hostname() // without a name the peer is told apart by its key
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return host, name
}
