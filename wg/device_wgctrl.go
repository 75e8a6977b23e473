package wg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.zx2c4.com/wireguard/wgctrl"
	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"

	"ops-console/wg/conf"
)

// deviceWait bounds one look at a WireGuard device.
const deviceWait = time.Second

// errDeviceSilent says that the process behind an interface takes questions and answers none.
var errDeviceSilent = errors.New("its process does not answer")

// existingDevice is an existing WireGuard device without its secrets.
type existingDevice struct {
	key   conf.PublicKey
	peers []devicePeer
}

type devicePeer struct {
	conf.PeerState
	allowed []netip.Prefix
}

// readDevice reads one device by name. It asks for one device and never for all: one stale socket would make the whole
// list fail. os.ErrNotExist says that it is no WireGuard device, os.ErrPermission that it needs root.
func readDevice(ctx context.Context, name string) (existingDevice, error) {
	ctx, cancel := context.WithTimeout(ctx, deviceWait)
	defer cancel()
	if err := answersUAPI(ctx, name); err != nil {
		return existingDevice{}, fmt.Errorf("read WireGuard device %s: %w", name, err)
	}
	type result struct {
		d   existingDevice
		err error
	}
	// wgctrl knows no deadlines. The socket has just answered, so that this ends; if it is stopped in this very moment
	// the goroutine ends when it goes on.
	done := make(chan result, 1)
	go func() {
		d, err := readWgctrl(name)
		done <- result{d, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return existingDevice{}, fmt.Errorf("read WireGuard device %s: %w", name, r.err)
		}
		return r.d, nil
	case <-ctx.Done():
		return existingDevice{}, fmt.Errorf("read WireGuard device %s: %w", name, errDeviceSilent)
	}
}

func readWgctrl(name string) (existingDevice, error) {
	c, err := wgctrl.New()
	if err != nil {
		return existingDevice{}, err
	}
	defer func() { _ = c.Close() }()
	d, err := c.Device(name)
	if err != nil {
		return existingDevice{}, err
	}
	// As root we are told the secrets too.
	d.PrivateKey = wgtypes.Key{}
	out := existingDevice{key: conf.PublicKey(d.PublicKey)}
	for i := range d.Peers {
		p := &d.Peers[i]
		p.PresharedKey = wgtypes.Key{}
		peer := devicePeer{PeerState: conf.PeerState{PublicKey: conf.PublicKey(p.PublicKey), Rx: p.ReceiveBytes, Tx: p.TransmitBytes}}
		if p.Endpoint != nil {
			at := p.Endpoint.AddrPort()
			peer.Endpoint = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
		}
		if p.LastHandshakeTime.Unix() > 0 { // "never" is the zero time in one back end and 1970 in another
			peer.HandshakeAt = p.LastHandshakeTime
		}
		for _, n := range p.AllowedIPs {
			ip, ok := netip.AddrFromSlice(n.IP)
			ones, bits := n.Mask.Size()
			if ok && bits > 0 {
				peer.allowed = append(peer.allowed, netip.PrefixFrom(ip.Unmap(), ones))
			}
		}
		out.peers = append(out.peers, peer)
	}
	return out, nil
}

// uapiSocket is where a WireGuard in user space is asked about an interface. The sockets are in the file system and not
// in a network namespace: ask only about interfaces that exist.
func uapiSocket(name string) string { return filepath.Join("/var/run/wireguard", name+".sock") }

// answersUAPI tells a live process from one that is stopped, which wgctrl would wait for until it ends, and from a
// socket that was left over. No socket is fine: the device may be the kernel's.
func answersUAPI(ctx context.Context, name string) error {
	path := uapiSocket(name)
	if filepath.Dir(path) != "/var/run/wireguard" {
		return fs.ErrNotExist // a name with a slash is none of an interface
	}
	if _, err := os.Lstat(path); err != nil {
		return nil
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: its process has ended and left %s behind", fs.ErrNotExist, path)
	case ctx.Err() != nil:
		return errDeviceSilent
	case err != nil:
		return err
	}
	defer func() { _ = c.Close() }()
	deadline, _ := ctx.Deadline()
	_ = c.SetDeadline(deadline)
	if _, err := c.Write([]byte("get=1\n\n")); err != nil {
		return errDeviceSilent
	}
	if _, err := c.Read(make([]byte, 1)); err != nil { // the rest holds the private key
		return errDeviceSilent
	}
	return nil
}
