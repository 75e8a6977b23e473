package health

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops"
	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
	"ops-console/wg"
)

// How long a transition may take.
const (
	stuckAfter        = 5 * time.Minute
	stuckUpdating     = 10 * time.Minute
	releaseStuckAfter = 15 * time.Minute
	oomShownFor       = time.Hour
	// dnsLag is how long DNS may lack an instance that started: both sources have to have been read since, and DNS keeps
	// answers for a few seconds.
	dnsLag = 15 * time.Second
)

// findings are all conditions that hold, whether or not they are shown in the end.
func (v *view) findings(s *Snapshot) []ops.Problem {
	pp := v.sources(s)
	for _, b := range v.members {
		pp = v.instance(pp, b)
	}
	pp = append(pp, v.releaseFindings()...)
	pp = append(pp, v.agreementFindings(s)...)
	pp = append(pp, v.clusterFindings()...)
	return append(pp, v.regionsDown(pp)...)
}

// sources are the findings about what cannot be found out.
func (v *view) sources(s *Snapshot) []ops.Problem {
	var pp []ops.Problem
	add := func(code string, since time.Time, detail string) {
		pp = append(pp, condition(code).Of(ops.Subject{}, since, plaintext.Line(detail, maxLine)))
	}
	refused := func(err error, since time.Time) {
		add(platformCode(err), since, err.Error())
		p := &pp[len(pp)-1]
		p.Hint = plaintext.Line(either(fly.HintOf(err), p.Hint), maxLine)
	}
	if err := v.platform.err; err != nil {
		refused(err, v.platform.good)
	} else if err := v.releases.appErr; err != nil && platformCode(err) != codePlatformUnreachable {
		refused(err, time.Time{})
	} else if err := v.releases.err; err != nil {
		add(codeReleasesUnread, v.releases.good, err.Error())
	}
	if v.platform.doubt != "" {
		add(codeListUnconfirmed, v.platform.since, v.platform.doubt)
	} else if n := v.unlisted(); n > 0 && v.platform.count < 0 {
		add(codeListUnconfirmed, time.Time{}, fmt.Sprintf("DNS lists %d more, and the platform's count cannot be read", n))
	}
	if !v.platform.good.IsZero() && v.platform.err == nil && v.platform.doubt == "" && len(v.members) == 0 && v.platform.count == 0 {
		add(codeAppEmpty, time.Time{}, "neither the list nor the platform's own count has a machine")
	}
	switch {
	case v.networkErr != nil:
		add(codeNetworkUnconfigured, time.Time{}, v.networkErr.Error())
	case carries(v.network.State):
	case v.peerRemoved():
		add(codePeerRemoved, v.network.Since, "the platform knows no peer with the address "+v.peer.address.String())
	case v.network.State == wg.StateConnecting:
		add(codeNetworkConnecting, v.network.Since, joined(v.network.Cause, v.network.Advice))
	default:
		add(codeNetworkDead, v.network.Since, joined(v.network.Cause, v.network.Advice))
	}
	if err := v.dns.err; err != nil && v.networkErr == nil {
		add(codeDNSDown, v.dns.good, err.Error())
	} else if v.network.State == wg.StateDNSDown {
		add(codeDNSDown, v.network.Since, joined(v.network.Cause, v.network.Advice))
	} else if n := v.dnsBlank(); n > 0 {
		add(codeNotInDNS, time.Time{}, "DNS lists none of "+counted(n, "started instance"))
		pp[len(pp)-1].Title = "no instance is in the network's DNS"
	}
	return pp
}

// unlisted counts the instances that DNS lists and the platform's list, read well, lacks.
func (v *view) unlisted() int {
	if v.platform.good.IsZero() || v.platform.err != nil {
		return 0
	}
	n := 0
	for _, b := range v.members {
		if b.m == nil {
			n++
		}
	}
	return n
}

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// instance appends the findings about one instance.
func (v *view) instance(pp []ops.Problem, b *member) []ops.Problem {
	subject := ops.Subject{Region: b.Region, Instance: b.ID}
	add := func(code string, since time.Time, detail string) {
		pp = append(pp, condition(code).Of(subject, since, plaintext.Line(detail, maxLine)))
	}
	if b.m == nil {
		if !v.platform.good.IsZero() && v.platform.err == nil && v.platform.doubt == "" {
			add(codeUnknownToPlatform, time.Time{}, "DNS gives "+either(b.Address, "no address")+answering(b.Probe))
		}
		v.probeFindings(b, add)
		return pp
	}
	v.hostFindings(b, add)
	v.stateFindings(b, add)
	v.checkFindings(b, add)
	v.probeFindings(b, add)
	v.dnsFindings(b, add)
	return pp
}

type adder func(code string, since time.Time, detail string)

func (v *view) hostFindings(b *member, add adder) {
	switch b.HostStatus {
	case fly.HostUnreachable:
		if v.fresh(b.Probe) && b.Probe.State == ProbeOK {
			add(codeHostDisputed, time.Time{}, "it answers "+strconv.Itoa(b.Probe.Status)+" over the network")
			return
		}
		add(codeHostUnreachable, time.Time{}, "the platform cannot reach the host of this machine"+answering(b.Probe))
	case fly.HostUnknown:
		add(codeHostUnknown, time.Time{}, "")
	}
}

func (v *view) stateFindings(b *member, add adder) {
	m := b.m
	if m.loop.holds(v.now) {
		detail := counted(max(len(m.loop.exits), m.loop.count), "restart")
		if m.LastExit != nil {
			detail += ", last " + m.LastExit.String()
		}
		if m.loop.oom && m.MemoryMB > 0 {
			detail += fmt.Sprintf(" (it has %d MB)", m.MemoryMB)
		}
		add(codeCrashLoop, m.loop.first, detail)
	}
	if n := within(m.ooms, v.now, oomShownFor); n > 0 {
		detail := counted(n, "time") + " in the last hour"
		if m.MemoryMB > 0 {
			detail += fmt.Sprintf(", it has %d MB", m.MemoryMB)
		}
		add(codeOOM, m.ooms[n-1], detail)
	}
	took := v.now.Sub(m.StateSince)
	switch m.State {
	case fly.StateFailed, fly.StateLaunchFailed:
		add(codeFailed, m.StateSince, "state "+m.State)
	case fly.StateStopped, fly.StateSuspended:
		if !v.legitimatelyStopped(m) {
			detail := "state " + m.State
			if m.LastExit != nil {
				detail = m.LastExit.String()
			}
			add(codeStopped, m.StateSince, detail)
		}
	case fly.StateStarting, fly.StateStopping, fly.StateRestarting, fly.StateDestroying, fly.StateCreating, fly.StateSuspending:
		if took > stuckAfter {
			add(codeStuck, m.StateSince, "state "+m.State)
		}
	case fly.StateUpdating, fly.StateReplacing:
		if took > stuckUpdating {
			add(codeStuck, m.StateSince, "state "+m.State)
		}
	}
	if m.Cordoned && !v.deploying && !v.legitimatelyStopped(m) {
		add(codeCordoned, time.Time{}, "")
	}
}

func (v *view) checkFindings(b *member, add adder) {
	if b.State != fly.StateStarted || v.booting(b.m) {
		return
	}
	for _, severity := range []struct{ status, code string }{{fly.CheckCritical, codeCheckFailing}, {fly.CheckWarning, codeCheckWarning}} {
		var names []string
		var output string
		var since time.Time
		for _, c := range b.Checks {
			if c.Status != severity.status {
				continue
			}
			names = append(names, c.Name)
			if output == "" {
				output = c.Output
			}
			since = earlier(since, c.Since)
		}
		if len(names) == 0 {
			continue
		}
		detail := strings.Join(names, ", ")
		if output != "" {
			detail += ": " + output
		}
		add(severity.code, since, plaintext.Line(detail, 160)+answering(b.Probe))
	}
}

func (v *view) probeFindings(b *member, add adder) {
	p := b.Probe
	if !v.fresh(p) || b.m != nil && v.booting(b.m) {
		return
	}
	// One lost packet is no news.
	if h := p.History; p.State != ProbeOK && (len(h) < 2 || h[len(h)-2].State == ProbeOK || h[len(h)-2].State == ProbeNoNetwork) {
		return
	}
	since := p.Since
	if v.oneShot {
		since = time.Time{} // that of the first try just now
	}
	switch p.State {
	case ProbeRefused, ProbeError:
		// Whether a machine that only DNS knows has anything to be asked at is not known.
		if b.m != nil {
			add(codeProbeFailed, since, p.Error)
		}
	case ProbeTimeout:
		// A timeout is the instance's fault only where the network carried something since.
		if b.m != nil && v.carriedSince(p.Since) {
			add(codeProbeFailed, since, p.Error)
		}
	case ProbeBadStatus:
		add(codeProbeStatus, since, "status "+strconv.Itoa(p.Status)+" for "+p.URL)
	case ProbeOK:
		if b.m == nil || p.Release == "" || b.Release == 0 || v.deploying {
			return
		}
		if n, err := strconv.Atoi(strings.TrimPrefix(p.Release, "v")); err == nil && n != b.Release {
			add(codeProbeRelease, time.Time{}, fmt.Sprintf("it says v%d, the platform says v%d", n, b.Release))
		}
	}
}

// carriedSince tells whether the network is known to have carried an answer after t.
func (v *view) carriedSince(t time.Time) bool {
	return !v.probes.proof.Before(t) || !v.network.LastOK.Before(t) || v.dns.err == nil && !v.dns.good.Before(t)
}

// dnsBlank counts the started instances where DNS answers that there are none: then it is DNS that is at fault.
func (v *view) dnsBlank() int {
	if v.dns.err != nil || v.dns.good.IsZero() || len(v.dns.listed) > 0 || v.platform.err != nil {
		return 0
	}
	n := 0
	for _, b := range v.members {
		if b.State == fly.StateStarted && !b.m.skipDNS && v.dns.good.Sub(b.StateSince) > dnsLag {
			n++
		}
	}
	return n
}

func (v *view) dnsFindings(b *member, add adder) {
	if v.dns.err != nil || v.dns.good.IsZero() || v.platform.err != nil || b.m.skipDNS || b.Retained {
		return
	}
	switch {
	case b.listed && slices.Contains([]string{fly.StateStopped, fly.StateSuspended, fly.StateFailed}, b.State):
		if v.dns.good.Sub(b.StateSince) > time.Minute {
			add(codeDNSStale, b.StateSince, "state "+b.State+answering(b.Probe))
		}
	case !b.listed && b.State == fly.StateStarted:
		if v.dns.good.Sub(b.StateSince) > dnsLag && len(v.dns.listed) > 0 {
			add(codeNotInDNS, time.Time{}, "address "+either(b.Address, "unknown")+answering(b.Probe))
		}
	case b.listed && b.DNS.Address != "" && b.m.Address != "" && b.DNS.Address != b.m.Address:
		add(codeDNSAddress, time.Time{}, "DNS gives "+b.DNS.Address+", the platform "+b.m.Address)
	}
}

// answering is what an instance says for itself, to put beside what others say of it.
func answering(p Probe) string {
	switch p.State {
	case ProbeOK, ProbeBadStatus:
		return "; the instance itself answers " + strconv.Itoa(p.Status)
	case ProbeRefused:
		return "; the instance refuses connections"
	case ProbeTimeout:
		return "; the instance does not answer either"
	}
	return ""
}

// within counts the moments, newest first, that are not longer ago than d.
func within(tt []time.Time, now time.Time, d time.Duration) int {
	n := 0
	for _, t := range tt {
		if now.Sub(t) <= d {
			n++
		}
	}
	return n
}

// earlier is the earlier of two known times.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
