package flysim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"syscall"

	"ops-console/wg/gateway"
)

// The ports that clients of the platform expect a gateway at, whatever its address.
const (
	udpPort = 51820
	wssPort = 443
)

// startGateway starts the gateway on a loopback address of its own, with the ports that clients expect. Where those
// cannot be had (443 needs rights, some systems have one loopback address only), free ones take their place.
func startGateway(ctx context.Context, o gateway.Options, r *rand.Rand) (*gateway.Gateway, error) {
	wss := wssPort
	var last error
	for range 64 {
		// 127.0.x.y is left to others.
		at := netip.AddrFrom4([4]byte{127, byte(64 + r.IntN(128)), byte(r.IntN(256)), 1})
		o.Listen = netip.AddrPortFrom(at, udpPort)
		o.Websocket = netip.AddrPortFrom(at, uint16(wss)).String()
		g, err := gateway.Start(ctx, o)
		switch {
		case err == nil:
			return g, nil
		case errors.Is(err, syscall.EADDRINUSE):
		case errors.Is(err, fs.ErrPermission) && wss != 0:
			wss = 0
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			o.Listen = netip.MustParseAddrPort("127.0.0.1:0")
			o.Websocket = "127.0.0.1:0"
			g, err := gateway.Start(ctx, o)
			if err != nil {
				return nil, fmt.Errorf("start the gateway on loopback: %w", err)
			}
			return g, nil
		default:
			return nil, fmt.Errorf("start the gateway at %s: %w", o.Listen, err)
		}
		last = err
	}
	return nil, fmt.Errorf("find a free loopback address for the gateway: %w", last)
}
