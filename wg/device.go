package wg

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"time"

	"golang.zx2c4.com/wireguard/device"

	"ops-console/wg/conf"
)

// peerState is what a device says of one peer.
type peerState struct {
	endpoint  netip.AddrPort // zero: none yet
	handshake time.Time      // zero: never
	rx, tx    int64
}

// readPeer reads the state of one peer. The text of the device contains our private key: it is not kept.
func readPeer(d *device.Device, k conf.PublicKey) (peerState, error) {
	var b bytes.Buffer
	b.Grow(4096)
	err := d.IpcGetOperation(&b)
	defer func() { clear(b.Bytes()) }()
	if err != nil {
		return peerState{}, err
	}
	return parsePeer(b.Bytes(), k)
}

// parsePeer takes the lines of one peer out of the answer to a get operation. Errors name the key of a line only.
func parsePeer(b []byte, k conf.PublicKey) (p peerState, err error) {
	var sec, nsec int64
	ours, found := false, false
	want := hex.EncodeToString(k[:])
	for line := range bytes.Lines(b) {
		key, value, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("="))
		if !ok {
			continue
		}
		if string(key) == "public_key" {
			ours = string(value) == want
			found = found || ours
			continue
		}
		if !ours {
			continue
		}
		switch string(key) {
		case "endpoint":
			p.endpoint, err = netip.ParseAddrPort(string(value))
		case "last_handshake_time_sec":
			sec, err = strconv.ParseInt(string(value), 10, 64)
		case "last_handshake_time_nsec":
			nsec, err = strconv.ParseInt(string(value), 10, 64)
		case "rx_bytes":
			p.rx, err = strconv.ParseInt(string(value), 10, 64)
		case "tx_bytes":
			p.tx, err = strconv.ParseInt(string(value), 10, 64)
		}
		if err != nil {
			return peerState{}, fmt.Errorf("state of the device: malformed %s", key)
		}
	}
	if !found {
		return peerState{}, fmt.Errorf("state of the device: no peer %s", k.Short())
	}
	if sec > 0 || nsec > 0 {
		p.handshake = time.Unix(sec, nsec)
	}
	return p, nil
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
