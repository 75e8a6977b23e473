package flyplatform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/deploy"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
)

type verb = func(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error)

// verbs is how each thing is done.
var verbs = map[deploy.Verb]verb{
	deploy.VerbLease:    lease,
	deploy.VerbRenew:    renew,
	deploy.VerbRelease:  plain(func(ctx context.Context, p *Platform, m fly.Ref) error { return p.o.API.DropLease(ctx, m) }),
	deploy.VerbGate:     gate,
	deploy.VerbClaim:    claim,
	deploy.VerbOpen:     open,
	deploy.VerbClose:    closeRecord,
	deploy.VerbPrepare:  prepare,
	deploy.VerbStartRun: plain(func(ctx context.Context, p *Platform, m fly.Ref) error { return p.o.API.Start(ctx, m) }),
	deploy.VerbDiscard:  plain(func(ctx context.Context, p *Platform, m fly.Ref) error { return p.o.API.Destroy(ctx, m, true) }),
	deploy.VerbUpdate:   update,
	deploy.VerbRestart:  plain(func(ctx context.Context, p *Platform, m fly.Ref) error { return p.o.API.Restart(ctx, m, false, 0) }),
	deploy.VerbStart:    plain(func(ctx context.Context, p *Platform, m fly.Ref) error { return p.o.API.Start(ctx, m) }),
	deploy.VerbStop:     plain(func(ctx context.Context, p *Platform, m fly.Ref) error { return p.o.API.Stop(ctx, m, "", 0) }),
	deploy.VerbCreate:   create,
	deploy.VerbDestroy:  plain(func(ctx context.Context, p *Platform, m fly.Ref) error { return p.o.API.Destroy(ctx, m, true) }),
	deploy.VerbCordon:   plain(func(ctx context.Context, p *Platform, m fly.Ref) error { return p.o.API.Cordon(ctx, m) }),
	deploy.VerbUncordon: plain(func(ctx context.Context, p *Platform, m fly.Ref) error { return p.o.API.Uncordon(ctx, m) }),
}

func ref(in deploy.Intent) fly.Ref { return fly.Ref{App: in.App, ID: in.Machine, Nonce: in.Nonce} }

// plain is a verb that only says whether it was done.
func plain(do func(context.Context, *Platform, fly.Ref) error) verb {
	return func(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
		return deploy.Answer{Machine: in.Machine}, do(ctx, p, ref(in))
	}
}

func lease(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
	l, err := p.o.API.TakeLease(ctx, in.App, in.Machine, in.Description, in.TTL)
	return deploy.Answer{Machine: in.Machine, Nonce: l.Nonce, Expires: p.expires(l, in.TTL)}, err
}

func renew(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
	l, err := p.o.API.RefreshLease(ctx, ref(in), in.TTL)
	return deploy.Answer{Machine: in.Machine, Nonce: l.Nonce, Expires: p.expires(l, in.TTL)}, err
}

// expires is when a lease ends, by our own clock: the platform's may be ahead of it.
func (p *Platform) expires(l fly.Lease, ttl time.Duration) time.Time {
	at := p.o.Now().Add(ttl)
	if t := time.Unix(l.ExpiresAt, 0); l.ExpiresAt > 0 && t.Before(at) {
		return t
	}
	return at
}

func gate(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
	ask := p.o.Gates[in.Gate]
	if ask == nil {
		return deploy.Answer{Verdict: deploy.Unknown, Text: "this program does not know the gate " + plaintext.Line(in.Gate, 60)}, nil
	}
	v, text := ask(ctx)
	return deploy.Answer{Verdict: v, Text: plaintext.Line(text, 1000)}, nil
}

func claim(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
	if in.Plan != nil {
		s, err := p.copyOf(in.Plan)
		if err != nil {
			return deploy.Answer{}, fmt.Errorf("%w: %w", deploy.ErrRefused, err)
		}
		in.Tags = maps.Clone(in.Tags)
		in.Tags[deploy.TagPlan] = s
	}
	values := make(map[string]*string, len(in.Tags))
	for k, v := range in.Tags {
		values[k] = nil // an empty one is removed
		if v != "" {
			values[k] = &v
		}
	}
	return deploy.Answer{Machine: in.Machine}, p.o.API.SetMetadata(ctx, ref(in), "", values)
}

// open records the release. Its record has no room for whose it is. One that is the newest, of this image, and said to be under
// way can only be ours, whose answer was lost, or was left behind by somebody who holds no machine any more: all of them are
// held by us. Either way it is taken, or it would be said to be under way for ever.
func open(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
	strategy := strings.ToUpper(string(in.Strategy))
	rr, err := p.o.API.WebReleases(ctx, in.App, 1)
	if err != nil {
		return deploy.Answer{}, err
	}
	var r fly.Release
	if len(rr) == 1 && rr[0].InProgress && rr[0].ImageRef == in.Image && strings.EqualFold(rr[0].Strategy, strategy) {
		r = rr[0]
	} else if r, err = p.o.API.CreateRelease(ctx, fly.NewRelease{App: in.App, Image: in.Image, Strategy: strategy, Definition: p.o.Definition}); err != nil {
		return deploy.Answer{}, err
	}
	answer := deploy.Answer{Record: &deploy.ReleaseRecord{ID: r.ID, Version: r.Version, Status: strings.ToLower(r.Status)}}
	// The record is there, and that is what was asked for. A status that could not be written is written again at the end.
	if err := p.o.API.PatchRelease(ctx, r.ID, "running", ""); err == nil {
		answer.Record.Status = "running"
	} else {
		answer.Text = "the release is recorded, but not yet as running: " + plaintext.Line(err.Error(), 300)
	}
	return answer, nil
}

func closeRecord(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
	if in.Record == nil {
		return deploy.Answer{}, fmt.Errorf("close the release record: %w: it is not said which", deploy.ErrRefused)
	}
	if err := p.o.API.PatchRelease(ctx, in.Record.ID, in.Status, in.Text); err != nil {
		return deploy.Answer{}, err
	}
	r := *in.Record
	r.Status = in.Status
	return deploy.Answer{Record: &r}, nil
}

func prepare(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
	c, err := merged(in.Config, in.Tags, func(c map[string]json.RawMessage, md map[string]string) {
		md[fly.MetaProcessGroup] = GroupReleaseCommand
		c["auto_destroy"] = json.RawMessage("true")
		c["restart"] = json.RawMessage(`{"policy":"no"}`)
		delete(c, "services")
		delete(c, "checks")
		delete(c, "schedule")
	})
	if err != nil {
		return deploy.Answer{}, err
	}
	m, err := p.o.API.Create(ctx, in.App, in.Region, "", fly.Launch{Config: c, SkipLaunch: true})
	return deploy.Answer{Machine: m.ID, Version: m.InstanceID}, err
}

func update(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
	if in.Plan != nil {
		// Metadata is replaced with the rest. It was written once, so that it can be made.
		if s, err := p.copyOf(in.Plan); err == nil {
			in.Tags = maps.Clone(in.Tags)
			in.Tags[deploy.TagPlan] = s
		}
	}
	c, err := merged(in.Config, in.Tags, released(in.Record))
	if err != nil {
		return deploy.Answer{}, err
	}
	m, err := p.o.API.Update(ctx, ref(in), in.Version, fly.Launch{Config: c, SkipLaunch: in.SkipLaunch, SkipServiceRegistration: in.Cordoned})
	return deploy.Answer{Machine: in.Machine, Version: m.InstanceID}, err
}

func create(ctx context.Context, p *Platform, in deploy.Intent) (deploy.Answer, error) {
	c, err := merged(in.Config, in.Tags, released(in.Record))
	if err != nil {
		return deploy.Answer{}, err
	}
	// Without a lease: one that comes with a machine says nothing of whose it is, and where the answer is lost, or the console
	// killed, nobody could tell it from somebody else's. It is taken like the others as soon as the machine is seen.
	m, err := p.o.API.Create(ctx, in.App, in.Region, "", fly.Launch{Config: c, SkipLaunch: in.SkipLaunch, SkipServiceRegistration: in.Cordoned})
	return deploy.Answer{Machine: m.ID, Version: m.InstanceID}, err
}

// released writes the release that a configuration is of into its metadata, as the platform's own client does. Where there
// is none, what stands there stays.
func released(r *deploy.ReleaseRecord) func(map[string]json.RawMessage, map[string]string) {
	if r == nil {
		return nil
	}
	return func(_ map[string]json.RawMessage, md map[string]string) {
		md[fly.MetaReleaseID], md[fly.MetaReleaseVersion] = r.ID, strconv.Itoa(r.Version)
	}
}

// merged is a configuration with tags in its metadata. All else of it goes as it came: the platform replaces a
// configuration whole.
func merged(raw json.RawMessage, tags map[string]string, more func(c map[string]json.RawMessage, md map[string]string)) (fly.MachineConfig, error) {
	c, md := map[string]json.RawMessage{}, map[string]string{}
	wrong := func(err error) (fly.MachineConfig, error) {
		return fly.MachineConfig{}, fmt.Errorf("%w: the configuration of the plan cannot be read: %w", deploy.ErrRefused, err)
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return wrong(err)
	}
	if len(c) == 0 {
		return wrong(errors.New("it is empty"))
	}
	if m := c["metadata"]; len(m) > 0 && string(m) != "null" {
		if err := json.Unmarshal(m, &md); err != nil {
			return wrong(err)
		}
	}
	maps.Copy(md, tags)
	maps.DeleteFunc(md, func(k, v string) bool { _, ours := tags[k]; return ours && v == "" })
	if more != nil {
		more(c, md)
	}
	b, err := json.Marshal(md)
	if err != nil {
		return wrong(err)
	}
	c["metadata"] = b
	if b, err = json.Marshal(c); err != nil {
		return wrong(err)
	}
	return fly.MachineConfig{Raw: b}, nil
}
