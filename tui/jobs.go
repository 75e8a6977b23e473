package tui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// jobs owns the goroutines that the program starts for commands: they end with it, and are waited for.
type jobs struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex // guards closed, and that nothing begins after it
	closed bool
	wg     sync.WaitGroup
}

func newJobs() *jobs {
	ctx, cancel := context.WithCancel(context.Background())
	return &jobs{ctx: ctx, cancel: cancel}
}

// cmd makes a command of f, which has to return soon after its context ends.
func (j *jobs) cmd(f func(context.Context) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		if !j.begin() {
			return nil
		}
		defer j.wg.Done()
		return f(j.ctx)
	}
}

// after makes a command that says msg a while later.
func (j *jobs) after(d time.Duration, msg tea.Msg) tea.Cmd {
	return j.cmd(func(ctx context.Context) tea.Msg {
		if !sleep(ctx, d) {
			return nil
		}
		return msg
	})
}

func (j *jobs) begin() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return false
	}
	j.wg.Add(1)
	return true
}

func (j *jobs) close() {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	j.cancel()
	j.wg.Wait()
}

// sleep waits for d, and says false where ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
