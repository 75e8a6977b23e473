package feed_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counter counts its readings; each takes as long as took says.
func counter(n *atomic.Int64, took time.Duration) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(took):
			return int(n.Add(1)), nil
		}
	}
}

func TestReadsAtOnceAndThenAtTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		start := time.Now()
		f := feed.Start(t.Context(), 10*time.Second, time.Minute, counter(&n, 2*time.Second))
		defer f.Close()
		if s := f.Latest(); s.Seq != 0 || !s.GoodAt.IsZero() {
			t.Errorf("before the first reading: %+v", s)
		}
		for i := range 3 {
			<-f.Changed()
			s := f.Latest()
			// The interval counts from the end of the reading before.
			want := start.Add(time.Duration(i)*12*time.Second + 2*time.Second)
			if s.Seq != uint64(i+1) || s.Value != i+1 || !s.At.Equal(want) || !s.GoodAt.Equal(want) || s.Err != nil {
				t.Errorf("reading %d: %+v, want at %s", i+1, s, want)
			}
		}
	})
}

func TestAFailureKeepsTheLastGoodValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failure := errors.New("no answer")
		var n atomic.Int64
		f := feed.Start(t.Context(), time.Second, time.Minute, func(context.Context) (string, error) {
			if n.Add(1) > 1 {
				return "rubbish", failure
			}
			return "good", nil
		})
		defer f.Close()
		synctest.Wait()
		first := f.Latest()
		<-f.Changed()
		s := f.Latest()
		if s.Value != "good" || !s.GoodAt.Equal(first.At) || !errors.Is(s.Err, failure) || s.Seq != 2 || !s.At.After(first.At) {
			t.Errorf("after a failure: %+v", s)
		}
	})
}

func TestAReadingIsCutOffAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		start := time.Now()
		f := feed.Start(t.Context(), time.Second, 3*time.Second, counter(&n, time.Hour))
		defer f.Close()
		<-f.Changed()
		if s := f.Latest(); !errors.Is(s.Err, context.DeadlineExceeded) || s.At.Sub(start) != 3*time.Second || !s.GoodAt.IsZero() {
			t.Errorf("latest %+v", s)
		}
	})
}

func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		start := time.Now()
		f := feed.Start(t.Context(), time.Hour, time.Minute, counter(&n, time.Second))
		defer f.Close()
		// Asked for while a reading runs, however often: one more after it.
		for range 5 {
			f.Refresh()
		}
		time.Sleep(10 * time.Second)
		if s := f.Latest(); s.Seq != 2 || s.At.Sub(start) != 2*time.Second {
			t.Errorf("latest %+v, want the second reading, 2 s after the start", s)
		}
		f.Refresh()
		<-f.Changed()
		if s := f.Latest(); s.Seq != 3 || s.At.Sub(start) != 11*time.Second {
			t.Errorf("latest %+v, want the third reading, 11 s after the start", s)
		}
		// The interval starts anew.
		<-f.Changed()
		if s := f.Latest(); s.At.Sub(start) != 11*time.Second+time.Hour+time.Second {
			t.Errorf("latest %+v, want an hour later", s)
		}
	})
}

func TestNoPublicationIsMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		f := feed.Start(t.Context(), 0, time.Minute, counter(&n, time.Microsecond))
		defer f.Close()
		var last uint64
		for last < 50 {
			changed := f.Changed()
			if s := f.Latest(); s.Seq > last {
				last = s.Seq
				continue
			}
			<-changed
		}
	})
}

func TestCloseWaitsAndPublishesNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Bool
		f := feed.Start(t.Context(), time.Second, time.Hour, func(ctx context.Context) (int, error) {
			running.Store(true)
			defer running.Store(false)
			<-ctx.Done()
			time.Sleep(time.Second) // clearing up takes a moment
			return 1, nil
		})
		synctest.Wait()
		f.Close()
		if running.Load() {
			t.Error("closed while a reading runs")
		}
		f.Refresh()
		f.Close()
		if s := f.Latest(); s.Seq != 0 {
			t.Errorf("a reading that was cut off is published: %+v", s)
		}
	})
}

func TestTheContextEndsTheFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var n atomic.Int64
		f := feed.Start(ctx, time.Second, time.Minute, counter(&n, 0))
		synctest.Wait()
		cancel()
		synctest.Wait()
		before := n.Load()
		time.Sleep(time.Minute)
		if n.Load() != before {
			t.Error("it still reads")
		}
		f.Close()
	})
}
