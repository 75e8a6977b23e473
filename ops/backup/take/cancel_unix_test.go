//go:build unix

package take

import (
	"context"
	"errors"
	"testing"

	"ops-console/ops/backup"
	"ops-console/ops/backup/catalog"
)

// TestACancelledRunIsNewsOnlyWhereNobodyIsThere: whoever cancels his own knows, and retention need not stop for it.
func TestACancelledRunIsNewsOnlyWhereNobodyIsThere(t *testing.T) {
	t.Parallel()
	for reason, notes := range map[backup.Reason]int{backup.Manual: 0, backup.Scheduled: 1} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			b := newBase(t, rows)
			h := newHalfway()
			o := b.options(h)
			o.KeepFailure, o.Reason = true, reason
			ctx, cancel := context.WithCancel(t.Context())
			done := start(t, ctx, o, h)
			cancel()
			r := <-done
			if !errors.Is(r.err, context.Canceled) || r.err.Error() != "it was cancelled" {
				t.Errorf("it says %q", r.err)
			}
			nothing(t, h.Mem)
			l, err := catalog.New(h).List(t.Context(), o.Source)
			if err != nil || len(l.Failures) != notes {
				t.Errorf("%d notes, want %d: %+v, %v", len(l.Failures), notes, l.Failures, err)
			}
		})
	}
}
