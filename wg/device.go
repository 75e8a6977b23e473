package wg

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"

	"golang.zx2c4.com/wireguard/device"

	"ops-console/wg/conf"
)

// readPeer reads the state of one peer. The text of the device contains our private key: it is not kept.
func readPeer(d *device.Device, k conf.PublicKey) (conf.PeerState, error) {
	var b bytes.Buffer
	b.Grow(4096)
	err := d.IpcGetOperation(&b)
	defer func() { clear(b.Bytes()) }()
	if err != nil {
		return conf.PeerState{}, err
	}
	peers, err := conf.ParsePeers(b.Bytes())
	if err != nil {
		return conf.PeerState{}, err
	}
	for _, p := range peers {
		if p.PublicKey == k {
			return p, nil
		}
	}
	return conf.PeerState{}, fmt.Errorf("state of the device: no peer %s", k.Short())
}

// deviceLogger sends the device's own log to l at debug level. wireguard-go shortens the keys of peers in it.
func deviceLogger(l *slog.Logger) *device.Logger {
	log := func(format string, args ...any) { l.Debug("wireguard: " + fmt.Sprintf(format, args...)) }
	d := &device.Logger{Verbosef: device.DiscardLogf, Errorf: log}
	if l.Enabled(context.Background(), slog.LevelDebug) {
		d.Verbosef = log
	}
	return d
}
