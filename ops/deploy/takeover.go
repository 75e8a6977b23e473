package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"ops-console/ops/deploy/journal"
)

// Takeover is what TakeOver needs.
type Takeover struct {
	Platform Platform
	App      string
	Deploy   string           // ID of the deployment
	Dir      string           // where its journal is to be
	Holder   string           // user@host
	Now      func() time.Time // nil: time.Now
}

// TakeOver makes a journal of a deployment whose journal is somewhere else, or lost, and makes it ours: who went on with it
// until now sees that, and stops. Nobody may hold one of its machines. Of several who try, one gets the lease of the machine
// that carries the mark, and it is theirs. Nothing else is done before Run. When it fails nothing was changed but, at most,
// whose name the mark carries.
func TakeOver(ctx context.Context, o Takeover) (*Deployment, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &takeover{o: o, me: name(o.Holder)}
	wrong := func(err error) (*Deployment, error) {
		return nil, fmt.Errorf("take over deployment %s: %w", o.Deploy, err)
	}
	if _, err := before(Path(o.Dir, o.Deploy)); err != nil {
		return wrong(err)
	}
	seen, err := t.look(ctx, "")
	if err != nil {
		return wrong(err)
	}
	us := Lessee{Deploy: o.Deploy, Session: seen.Head.Session + 1, Holder: t.me}
	ttl := seen.Plan.Timings.LeaseTTL
	ans, err := t.do(ctx, seen.Plan, Intent{Verb: VerbLease, Machine: seen.Machine, TTL: ttl, Description: us.String()})
	if err != nil {
		if _, again := t.look(ctx, ""); errors.As(again, new(*HeldError)) {
			err = again // somebody else was faster: it says who
		}
		return wrong(err)
	}
	d, err := t.mark(ctx, seen, us, ans.Nonce)
	if err != nil {
		free := Intent{Verb: VerbRelease, Machine: seen.Machine, Nonce: ans.Nonce}
		// Where that fails it lapses by itself.
		_, _ = t.do(context.WithoutCancel(ctx), seen.Plan, free)
		return wrong(err)
	}
	return d, nil
}

// takeover is one call of TakeOver.
type takeover struct {
	o  Takeover
	me string
}

// look finds the deployment, and why it cannot be taken over. besides is the description of a lease that is ours.
func (t *takeover) look(ctx context.Context, besides string) (*found, error) {
	r, err := t.observe(ctx)
	if err != nil {
		return nil, err
	}
	ee := Others(t.o.App, r, t.o.Now())
	i := slices.IndexFunc(ee, func(e Elsewhere) bool { return e.Head.Deploy == t.o.Deploy })
	if i < 0 {
		return nil, errors.New("no machine carries its mark: it has ended, or the machine with the mark is gone or cannot be reached")
	}
	e := &found{Elsewhere: ee[i], r: r}
	if e.Plan != nil {
		e.offer(t.o.App, r, besides, t.o.Now())
	}
	return e, e.Err
}

// observe looks until what is listed is as much as is counted: either can be from before.
func (t *takeover) observe(ctx context.Context) (Reading, error) {
	usual := DefaultTimings()
	ctx, cancel := context.WithTimeout(ctx, usual.Call)
	defer cancel()
	for tries := usual.Settle / usual.Poll; ; tries-- {
		r, err := t.o.Platform.Observe(ctx, Want{App: t.o.App, Deploy: t.o.Deploy})
		switch {
		case err != nil:
			return r, err
		case r.Count <= len(r.Machines)+len(r.Runs):
			return r, nil
		case tries <= 0:
			return r, fmt.Errorf("the list has %d machines, and the platform counts %d: try again", len(r.Machines), r.Count)
		}
		wait := time.NewTimer(usual.Poll)
		select {
		case <-ctx.Done():
			wait.Stop()
			return r, context.Cause(ctx)
		case <-wait.C:
		}
	}
}

type found struct {
	Elsewhere
	r Reading
}

func (t *takeover) do(ctx context.Context, p *Plan, in Intent) (Answer, error) {
	in.App, in.Timeout = p.App, p.Timings.Call
	ctx, cancel := context.WithTimeout(ctx, p.Timings.Call)
	defer cancel()
	return t.o.Platform.Do(ctx, in)
}

// mark puts our name onto the mark, with the first machine held, and writes the journal.
func (t *takeover) mark(ctx context.Context, seen *found, us Lessee, nonce string) (*Deployment, error) {
	// What was seen before the lease was ours may have changed since.
	e, err := t.look(ctx, us.String())
	if err != nil {
		return nil, err
	}
	if e.Head.String() != seen.Head.String() {
		return nil, fmt.Errorf("%s has gone on with it meanwhile: look again", e.Head.Holder)
	}
	h := e.Head
	h.Session, h.Holder = us.Session, us.Holder
	if _, err := t.do(ctx, e.Plan, Intent{
		Verb: VerbClaim, Machine: e.Machine, Nonce: nonce, Status: string(h.Phase), Tags: map[string]string{TagHead: h.String()},
	}); err != nil {
		return nil, fmt.Errorf("write onto machine %s whose it is now: %w", e.Machine, err)
	}
	path := Path(t.o.Dir, t.o.Deploy)
	if err := makeRoom(path); err != nil {
		return nil, err
	}
	f, err := journal.Create(path)
	if err != nil {
		return nil, err
	}
	rr := Adopt(e.Plan, e.Head, e.r, us.Holder, t.o.Now())
	items := make([]journal.Item, len(rr))
	for i := range rr {
		items[i] = rr[i].item()
	}
	ee, err := f.Append(items...)
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path)) // nothing was done that it would have to say
	}
	s, err := Fold(ee)
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	d := &Deployment{path: path, file: f, state: s, asks: make(chan ask, 8), nonces: map[string]string{e.Machine: nonce}}
	return d, nil
}

// before is the journal of the deployment that is here and has ended; nil: there is none.
func before(path string) (*State, error) {
	s, err := Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case s.Outcome == "":
		return nil, fmt.Errorf("its journal is here, and has not ended: %s", path)
	}
	return s, nil
}

// makeRoom puts a journal aside that has ended here: the deployment was taken over by somebody else, who has left it since.
func makeRoom(path string) error {
	s, err := before(path)
	if s == nil {
		return err
	}
	if err := os.Rename(path, fmt.Sprintf("%s.%d.ended", path, s.Session)); err != nil {
		return fmt.Errorf("put the journal of before aside: %w", err)
	}
	return nil
}
