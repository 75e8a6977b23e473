package wgtest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/ipc"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/wgctrl"
	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"

	"ops-console/wg/conf"
)

// DefaultMTU is that of interfaces whose configuration says none.
const DefaultMTU = 1420

// Interface is a WireGuard interface of a test.
type Interface struct {
	Name string

	dev    *device.Device
	uapi   net.Listener
	file   *os.File
	frozen atomic.Bool
	wg     sync.WaitGroup
	once   sync.Once

	mu    sync.Mutex
	conns []net.Conn // that were taken while frozen, guarded by mu
}

// New makes an interface, configures it as `wg setconf` and `wg-quick up` would, and removes it at the end of the test.
// It is for the namespace that Run makes. It skips the test with the reason where there are no TUN devices, and fails it
// when anything else fails.
func New(t testing.TB, name string, c *conf.Config) *Interface {
	t.Helper()
	i, err := up(name, c)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		t.Skipf("needs /dev/net/tun: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	return i
}

func up(name string, c *conf.Config) (*Interface, error) {
	mtu := cmp.Or(c.MTU, DefaultMTU)
	t, err := tun.CreateTUN(name, mtu)
	if err != nil {
		return nil, fmt.Errorf("make interface %s: %w", name, err)
	}
	i := &Interface{Name: name}
	i.dev = device.NewDevice(t, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	if err = i.serve(); err == nil {
		err = i.dev.Up()
	}
	if err == nil {
		err = configure(name, c)
	}
	if err == nil {
		err = route(name, mtu, c)
	}
	if err != nil {
		_ = i.Close()
		return nil, err
	}
	return i, nil
}

// serve opens the control socket through which wgctrl reads and sets the device.
func (i *Interface) serve() error {
	var err error
	if i.file, err = ipc.UAPIOpen(i.Name); err != nil {
		return controlError{i.Name, err}
	}
	if i.uapi, err = ipc.UAPIListen(i.Name, i.file); err != nil {
		return controlError{i.Name, err}
	}
	i.wg.Go(func() {
		for {
			c, err := i.uapi.Accept()
			if err != nil {
				return
			}
			i.mu.Lock()
			i.conns = append(i.conns, c)
			i.mu.Unlock()
			if !i.frozen.Load() {
				i.wg.Go(func() { i.dev.IpcHandle(c) })
			}
		}
	})
	return nil
}

// controlError hides what it is from errors.Is: a control socket that cannot be made is no lack of TUN devices.
type controlError struct {
	name string
	err  error
}

func (e controlError) Error() string { return fmt.Sprintf("control socket of %s: %v", e.name, e.err) }

func configure(name string, c *conf.Config) error {
	client, err := wgctrl.New()
	if err != nil {
		return fmt.Errorf("wgctrl: %w", err)
	}
	defer func() { _ = client.Close() }()
	key := wgtypes.Key(c.PrivateKey.Bytes())
	config := wgtypes.Config{PrivateKey: &key, ReplacePeers: true}
	if c.ListenPort != 0 {
		config.ListenPort = &c.ListenPort
	}
	for _, p := range c.Peers {
		keepalive := time.Duration(p.Keepalive) * time.Second
		peer := wgtypes.PeerConfig{
			PublicKey: wgtypes.Key(p.PublicKey), ReplaceAllowedIPs: true, PersistentKeepaliveInterval: &keepalive,
		}
		if at := conf.FixedEndpoint(p); at.IsValid() {
			peer.Endpoint = net.UDPAddrFromAddrPort(at)
		}
		if !p.PresharedKey.IsZero() {
			preshared := wgtypes.Key(p.PresharedKey.Bytes())
			peer.PresharedKey = &preshared
		}
		for _, a := range p.AllowedIPs {
			peer.AllowedIPs = append(peer.AllowedIPs, net.IPNet{
				IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), a.Addr().BitLen()),
			})
		}
		config.Peers = append(config.Peers, peer)
	}
	if err := client.ConfigureDevice(name, config); err != nil {
		return fmt.Errorf("configure %s: %w", name, err)
	}
	return nil
}

func route(name string, mtu int, c *conf.Config) error {
	errs := []error{ip("link", "set", "dev", name, "mtu", fmt.Sprint(mtu), "up")}
	for _, a := range c.Addresses {
		args := []string{"address", "add", a.String(), "dev", name}
		if a.Addr().Is6() {
			args = append(args, "nodad")
		}
		errs = append(errs, ip(args...))
	}
	for _, p := range c.Peers {
		for _, a := range p.AllowedIPs {
			errs = append(errs, ip("route", "replace", a.String(), "dev", name))
		}
	}
	return errors.Join(errs...)
}

// Freeze makes the control socket take questions without answering any, as a stopped process does. Packets still pass.
func (i *Interface) Freeze() { i.frozen.Store(true) }

// Thaw ends a Freeze. What was asked meanwhile is not answered.
func (i *Interface) Thaw() { i.frozen.Store(false) }

// Close removes the interface. It is idempotent.
func (i *Interface) Close() error {
	i.once.Do(func() {
		if i.uapi != nil {
			_ = i.uapi.Close()
		}
		i.mu.Lock()
		for _, c := range i.conns {
			_ = c.Close()
		}
		i.mu.Unlock()
		i.dev.Close()
		if i.file != nil {
			_ = i.file.Close()
		}
		i.wg.Wait()
	})
	return nil
}
