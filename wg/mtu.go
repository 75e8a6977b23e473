package wg

import (
	"context"
	"fmt"
	"time"

	"ops-console/wg/netstack"
)

// checkMTU falls back to the size that every path carries, when the configuration wants more than this path does.
// Where small echoes are not answered either nothing is known, and nothing is done.
func (u *userNetwork) checkMTU(ctx context.Context) {
	mtu, _ := u.stack.MTU()
	if mtu <= netstack.DefaultMTU {
		return
	}
	for {
		changed := u.Changed() // before the look, or a change between the two would be missed
		if u.Status().State == StateUp {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
	if u.echo(ctx, mtu) || !u.echo(ctx, 0) || u.echo(ctx, mtu) {
		return
	}
	if err := u.stack.SetMTU(netstack.DefaultMTU); err != nil {
		return
	}
	u.o.logger.Debug("large packets are lost", "mtu", mtu, "now", netstack.DefaultMTU)
	u.monitor.edit(func(s *Status) {
		s.MTU = netstack.DefaultMTU
		s.Why += fmt.Sprintf("; large packets are lost on this path, so the MTU is %d instead of %d", netstack.DefaultMTU, mtu)
	})
}

func (u *userNetwork) echo(ctx context.Context, size int) bool {
	for range 3 {
		bounded, cancel := context.WithTimeout(ctx, time.Second)
		_, err := u.stack.Ping(bounded, u.dialer.resolver.Servers[0].Addr(), size)
		cancel()
		if err == nil || ctx.Err() != nil {
			return true
		}
	}
	return false
}
