package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

// platformFacts is what the platform said of the machines.
type platformFacts struct {
	reading
	machines []machine       // without reserved ones, as far as they are to be believed
	reserved map[string]bool // ids of machines that are not instances
	marks    []Mark          // of all machines' events
	count    int             // the app's own machine count; -1: unknown
	doubt    string          // why the list is not to be believed as a whole; empty: it is
	since    time.Time       // of doubt
}

// releaseFacts is what the platform said of the releases.
type releaseFacts struct {
	reading
	list []Release
	// running is set where the platform says that the newest release is being rolled out.
	running bool
	appErr  error // of the app itself
}

// readPlatform reads the machines. A list that is empty, or shorter than the one before or than the app's own count,
// is read again and compared with the count and with DNS.
func (c *collector) readPlatform(ctx context.Context) error {
	l, was, err := c.readList(ctx)
	now := c.o.Now()
	if err != nil {
		c.learn(func(f *facts) { f.platform.note(now, err) })
		return err
	}
	machines, retained, doubt := l.confirmed(was)
	configs := c.remember(machines)
	next := platformFacts{count: l.count, doubt: doubt, reserved: map[string]bool{}}
	for _, m := range machines {
		out := read(m, configs[m.ID], now)
		if retained[m.ID] {
			out.Retained = true
		}
		next.marks = append(next.marks, out.marks...)
		switch {
		case out.reserved:
			next.reserved[out.ID] = true
		case out.ID != "":
			next.machines = append(next.machines, out)
		}
	}
	next.marks = newest(folded(next.marks), maxMarks)
	c.learn(func(f *facts) {
		old := f.platform
		for i := range next.machines {
			if m := &next.machines[i]; m.Retained {
				m.PlatformAt = lastSeen(old.machines, m.ID, now)
			}
		}
		next.reading = old.reading
		next.note(now, nil)
		switch {
		case doubt == "", f.oneShot:
		case old.doubt != "":
			next.since = old.since
		default:
			next.since = now
		}
		f.platform = next
	})
	return nil
}

// lastSeen is when a machine that is only retained was last in the list.
func lastSeen(mm []machine, id string, now time.Time) time.Time {
	for _, m := range mm {
		if m.ID == id {
			return m.PlatformAt
		}
	}
	return now
}

// readList reads the list, twice and with the count and DNS where it looks wrong.
func (c *collector) readList(ctx context.Context) (l list, was []fly.Machine, err error) {
	c.mu.Lock()
	was = c.raw
	l.count = c.facts.platform.count
	c.mu.Unlock()
	l.machines, err = c.o.Platform.Machines(ctx, c.o.App)
	if err != nil {
		return l, nil, err
	}
	if l.count < 0 {
		if app, err := c.o.Platform.App(ctx, c.o.App); err == nil {
			l.count = max(app.MachineCount, 0)
		}
	}
	if l.suspicious(was) {
		first := l.machines
		if l, err = c.readAgain(ctx); err != nil {
			return l, nil, err
		}
		// A machine that either reading has is there.
		has := l.ids()
		for _, m := range first {
			if !has[m.ID] && (l.count < 0 || l.short()) {
				l.machines = append(l.machines, m)
			}
		}
	}
	return l, was, nil
}

// readAgain reads the list once more, and what it can be compared with.
func (c *collector) readAgain(ctx context.Context) (list, error) {
	l := list{count: -1}
	if err := pause(ctx, c.o.RetryAfter); err != nil {
		return l, err
	}
	app, err := c.o.Platform.App(ctx, c.o.App)
	switch {
	case err == nil:
		l.count = max(app.MachineCount, 0)
	case errors.Is(err, fly.ErrNotFound), errors.Is(err, fly.ErrUnauthorized):
		return l, err
	}
	if l.machines, err = c.o.Platform.Machines(ctx, c.o.App); err != nil {
		return l, err
	}
	if c.networkUp() {
		if entries, err := c.lookupVMs(ctx); err == nil {
			l.listed = map[string]bool{}
			for _, e := range entries {
				l.listed[e.id] = true
			}
		}
	}
	return l, nil
}

// remember keeps the list for the next comparison, and each machine's last whole configuration: the platform leaves
// it out while it cannot reach the machine's host.
func (c *collector) remember(machines []fly.Machine) map[string]*fly.MachineConfig {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := make(map[string]*fly.MachineConfig, len(machines))
	for _, m := range machines {
		next[m.ID] = cmp.Or(m.Config, c.configs[m.ID])
	}
	c.raw, c.configs = machines, next
	return next
}

// readReleases reads the newest releases and the app itself.
func (c *collector) readReleases(ctx context.Context) error {
	app, appErr := c.o.Platform.App(ctx, c.o.App)
	raw, err := c.o.Platform.Releases(ctx, c.o.App, 20)
	now := c.o.Now()
	list := make([]Release, 0, len(raw))
	for _, r := range raw {
		list = append(list, release(r))
	}
	slices.SortStableFunc(list, func(a, b Release) int { return cmp.Compare(b.Version, a.Version) })
	c.learn(func(f *facts) {
		f.releases.note(now, err)
		f.releases.appErr = appErr
		if appErr == nil {
			f.platform.count = max(app.MachineCount, 0)
		}
		if err == nil {
			f.releases.list = list
			f.releases.running = len(raw) > 0 && slices.ContainsFunc(raw, func(r fly.Release) bool {
				return r.Version == list[0].Version && underWay(r)
			})
		}
	})
	return errors.Join(appErr, err)
}

func release(r fly.Release) Release {
	by := r.User.Name
	if by == "" {
		by = r.User.Email
	}
	return Release{
		Version:     r.Version,
		Status:      word(r.Status),
		Description: plaintext.Line(cmp.Or(r.Description, r.Reason), maxLine),
		Image:       plaintext.Line(r.ImageRef, 120),
		By:          word(by),
		At:          moment(r.CreatedAt),
	}
}

func underWay(r fly.Release) bool {
	return r.InProgress || r.Status == "running" || r.Status == "pending"
}

// platformCode is the condition that a failed call to the platform means.
func platformCode(err error) string {
	switch {
	case errors.Is(err, fly.ErrUnauthorized), errors.Is(err, fly.ErrNoToken):
		return codePlatformUnauthorized
	case errors.Is(err, fly.ErrNotFound):
		return codeAppNotFound
	}
	return codePlatformUnreachable
}

// counted says how many things there are, in words.
func counted(n int, what string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
