package guard

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"ops-console/ops/deploy"
	"ops-console/ops/replication"
)

// lags reads the replica that is furthest behind for sure: whoever writes there waits for it in vain while it is, and each
// machine that starts makes it worse.
func lags(o Options) func(context.Context, []deploy.Machine) []reading {
	limit := o.Limits.Lag.Limit
	if o.Limits.Lag.Other {
		limit = o.Critical.Seconds()
	}
	return func(ctx context.Context, _ []deploy.Machine) []reading {
		s, err := o.Lag(ctx)
		r := furthest(s, err, o.Now())
		r.limit, r.limits, r.over = limit, time.Duration(limit*float64(time.Second)).String(), limit > 0 && r.value > limit
		return []reading{r}
	}
}

func furthest(s *replication.Snapshot, err error, now time.Time) reading {
	out := unknown(now, "no replica says how far behind it is")
	switch {
	case err != nil:
		out.why = err.Error()
		return out
	case s == nil:
		return out
	}
	for _, n := range s.Nodes {
		if n.Lag.Lo == nil || n.Depth == 0 {
			continue
		}
		if lo := *n.Lag.Lo; math.IsNaN(out.value) || lo > out.value {
			out.value, out.text, out.where, out.why = lo, fmt.Sprintf("%.1fs", lo), cmp.Or(n.Name, n.Region), ""
		}
	}
	return out
}
