package wg

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ops-console/wg/conf"
)

// The values of Options.Mode.
const (
	ModeAuto      = "auto"
	ModeUser      = "user"
	ModeInterface = "interface"
	ModeDirect    = "direct"
)

// lookWait bounds the search for existing ways into the network.
const lookWait = time.Second

// Options say how to join. The zero value with a Config or a ConfigPath is good.
type Options struct {
	// Mode is auto (or empty), user, interface or direct.
	Mode string
	// Config is the peer's configuration, of which Open keeps copies. Without it only an existing interface and direct
	// are possible.
	Config *conf.Config
	// ConfigPath is read where Config is nil, and named in errors.
	ConfigPath string
	// Interface is the existing interface to use; empty finds one.
	Interface string
	// DNS is the network's server; the zero Addr takes that of the configuration, ::3 in the network, or fdaa::3 inside.
	DNS netip.Addr
	// Transport of user mode: auto (or empty), udp or websocket.
	Transport string
	// WebsocketURL replaces wss://<endpoint's host>:443/.
	WebsocketURL string
	// RuntimeDir is where consoles of one user find each other: $XDG_RUNTIME_DIR/ops-console, or a directory of the user
	// under the system's one for temporary files.
	RuntimeDir string
	// Logger gets what happens, never a key; nil drops it.
	Logger *slog.Logger
}

// ErrNoWay says that nothing leads into the network from here.
type ErrNoWay struct {
	Tried []string // each way with what was found
}

// Error lists what was tried and says what to do.
func (e ErrNoWay) Error() string {
	return "no way into the private network (" + strings.Join(e.Tried, "; ") +
		"): ops-console wg join makes a peer, or name a configuration with network.config"
}

// Open joins the network. It looks for existing ways for a second at most and waits for no handshake: the Network may
// start as connecting, and goes on trying. ctx bounds the opening only. Errors that callers tell apart are ErrKeyInUse,
// ErrNoWay, ErrPermissions and those of package conf.
func Open(ctx context.Context, o Options) (Network, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if !slices.Contains([]string{"", ModeAuto, ModeUser, ModeInterface, ModeDirect}, o.Mode) {
		return nil, fmt.Errorf("unknown network mode %q: want auto, user, interface or direct", o.Mode)
	}
	if !slices.Contains([]string{"", "auto", transportUDP, transportWeb}, o.Transport) {
		return nil, fmt.Errorf("unknown transport %q: want auto, udp or websocket", o.Transport)
	}
	if o.Config == nil && o.ConfigPath != "" {
		c, err := conf.LoadFile(o.ConfigPath)
		if err != nil {
			return nil, err
		}
		defer c.Zero()
		o.Config = c
	}
	if o.Mode == ModeUser && o.Config == nil {
		return nil, ErrNoWay{Tried: []string{"user mode needs a configuration"}}
	}
	ways := findWays(ctx, o, machine())
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	switch o.Mode {
	case ModeUser:
		if w := ways.ours(); w != nil {
			return nil, ErrKeyInUse{Interface: w.name}
		}
		return openOwn(ctx, o, "asked for")
	case ModeInterface:
		if w := cmp.Or(ways.ours(), ways.answering(true), ways.named(o.Interface), ways.any(true)); w != nil {
			return openInterface(o, w, "asked for: "+w.why(), interfaceTimings()), nil
		}
		return nil, ErrNoWay{Tried: ways.tried(o)}
	case ModeDirect:
		return openDirect(o, cmp.Or(ways.answering(false), ways.any(false)), "asked for"), nil
	}
	if w := cmp.Or(ways.answering(true), ways.ours()); w != nil {
		return openInterface(o, w, w.why(), interfaceTimings()), nil
	}
	if w := ways.answering(false); w != nil {
		return openDirect(o, w, w.why()), nil
	}
	if o.Config == nil {
		return nil, ErrNoWay{Tried: ways.tried(o)}
	}
	return openOwn(ctx, o, strings.Join(ways.tried(o), "; "))
}

// openOwn is user mode, through the console that has the key if there is one.
func openOwn(ctx context.Context, o Options, why string) (Network, error) {
	cfg := o.Config
	if o.DNS.IsValid() {
		cfg = cfg.Clone()
		defer cfg.Zero()
		cfg.DNS = []netip.Addr{o.DNS}
	}
	k, err := openKeyed(ctx, cfg, keyedOptions{
		dir: o.RuntimeDir,
		log: o.Logger,
		user: userOptions{
			why: "WireGuard in this process: " + why, transport: o.Transport, websocketURL: o.WebsocketURL, logger: o.Logger,
		},
	})
	if err != nil {
		if o.ConfigPath != "" {
			return nil, fmt.Errorf("%s: %w", o.ConfigPath, err)
		}
		return nil, err
	}
	return k, nil
}
