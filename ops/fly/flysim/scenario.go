package flysim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Scenario is what a world is like: its machines, and what goes wrong in it since when.
type Scenario struct {
	Name  string
	Help  string // one line
	Fleet Fleet
	Story []Step // in any order

	WrongToken  bool // the token that is written is not accepted
	ExpiredCert bool // the platform's interfaces come over TLS with an expired certificate
}

// Fleet is the machines of a scenario. The zero value is the usual one.
type Fleet struct {
	Regions   int  // 0: 5
	Instances int  // 0: 18
	Empty     bool // no machines at all
	Near      bool // all regions answer as if next door
	Hostile   bool // machines have names made to hurt a terminal
}

// Step is a fault that was switched on, or off, some time before the world began. Its target may also be GROUP#N, the
// machine of a process group that stands N-th, counted from 0 and over again where there are fewer.
type Step struct {
	Ago   time.Duration
	Fault string // as platform.ParseFault reads it
	Clear bool
	Past  bool // history only: left out where a running world changes to the scenario
}

// history is how long before the start the earliest Step may lie.
const history = 7 * 24 * time.Hour

// contentAge is how old the newest edition of the pages is: a little less than the newest release.
const contentAge = 26 * time.Minute

// deploy is a release going out to all machines, one after the other, or to those it reaches in the time it gets.
func deploy(ago, every, gets time.Duration) []Step {
	return []Step{
		{Ago: ago, Fault: fmt.Sprintf("concurrent-deployer every=%s owner=deployer@example.com", every), Past: true},
		{Ago: ago - gets, Fault: "concurrent-deployer", Clear: true, Past: true},
	}
}

// deploys is how most applications got where they are: the newest release went out 40 minutes ago, in gets.
func deploys(every, gets time.Duration) []Step {
	return slices.Concat(
		deploy(6*24*time.Hour, every, time.Hour),
		deploy(26*time.Hour, every, time.Hour),
		deploy(40*time.Minute, every, gets),
	)
}

func after(first []Step, more ...Step) []Step { return append(first, more...) }

// scenarios are all of them, the default first.
func scenarios() []Scenario {
	usual := func() []Step { return deploys(4*time.Second, 6*time.Minute) }
	m := time.Minute
	return []Scenario{
		{Name: "calm", Help: "all is well, 40 minutes after a release", Story: usual()},
		{
			Name: "ailing",
			Help: "what a deployment mends: a crash loop, a failing check, kills for want of memory, an instance that errs, a slow one, stale pages on one; and a replica that is two seconds behind",
			Story: after(usual(),
				Step{Ago: 31 * m, Fault: "content-stale app#13 previous until=restart"},
				Step{Ago: 25 * m, Fault: "crash-loop app#5 exit=1 up=6s wait=14s until=restart"},
				Step{Ago: 19 * m, Fault: "oom worker#1 up=230s wait=2s until=restart"},
				Step{Ago: 18 * m, Fault: "health app#2 503 until=restart"},
				Step{Ago: 12 * m, Fault: `check-failing app#8 'Get "http://localhost:4000/health/db": context deadline exceeded' check=db until=restart`},
				Step{Ago: 9 * m, Fault: "slow app#12 900ms until=restart"},
				Step{Ago: 5 * m, Fault: "replica-delay syd 2s"}),
		},
		{
			Name: "incident",
			Help: "a failing check, a crash loop, kills for want of memory, an unreachable host, stale pages on one instance, a release that stopped half-way, a replica whose replay a query blocks",
			Story: after(
				deploys(4*time.Second, 26*time.Second),
				Step{Ago: 31 * m, Fault: "content-stale app#13 previous"},
				Step{Ago: 39 * m, Fault: "crash-loop app#5 exit=1 up=6s wait=14s"},
				Step{Ago: 19 * m, Fault: "oom worker#1 up=230s wait=2s"},
				Step{Ago: 18 * m, Fault: "health app#2 503"},
				Step{Ago: 12 * m, Fault: `check-failing app#8 'Get "http://localhost:4000/health/db": context deadline exceeded' check=db`},
				Step{Ago: 9 * m, Fault: "slow app#12 900ms"},
				Step{Ago: 7 * m, Fault: "cordoned app#11"},
				Step{Ago: 6 * m, Fault: "host-unreachable app#9"},
				Step{Ago: 5 * m, Fault: "replica-conflict syd"},
			),
		},
		{
			Name: "blackout", Help: "the platform's interfaces are down, the network and the instances are not",
			Story: after(usual(), Step{Ago: 4 * m, Fault: "api-down"}),
		},
		{
			Name: "split-brain", Help: "the Erlang nodes of two regions do not see the others",
			Story: after(usual(),
				Step{Ago: 12 * m, Fault: "split-brain region:sin east"},
				Step{Ago: 12 * m, Fault: "split-brain region:syd east"}),
		},
		{
			Name: "region-down", Help: "every host of one region is unreachable",
			Story: after(usual(), Step{Ago: 5 * m, Fault: "host-unreachable region:fra"}),
		},
		{
			Name: "restarts", Help: "instances of one region crash and come back all the time, workers run out of memory",
			Story: after(usual(),
				Step{Ago: 15 * m, Fault: "crash-loop region:fra exit=70 up=4s wait=3s"},
				Step{Ago: 28 * m, Fault: "oom group:worker up=95s wait=2s"}),
		},
		{
			Name: "flapping", Help: "checks fail and pass by turns, one region answers late",
			Story: after(usual(),
				Step{Ago: 14 * m, Fault: "check-flapping region:iad period=7s"},
				Step{Ago: 10 * m, Fault: "check-flapping app#0 period=3s"},
				Step{Ago: 10 * m, Fault: "slow region:sin 1500ms"}),
		},
		{
			Name: "replica-lag", Help: "a replica of the database falls behind, because a long query stands in the way of replay",
			Story: after(usual(), Step{Ago: 5 * m, Fault: "replica-conflict"}),
		},
		{
			Name: "failover", Help: "a replica of the database was promoted, and the old primary does not know: there are two, and they differ",
			Story: after(usual(), Step{Ago: 5 * m, Fault: "promote"}),
		},
		{Name: "dns-down", Help: "the network's DNS does not answer", Story: after(usual(), Step{Ago: 6 * m, Fault: "dns-silent"})},
		{
			Name: "dns-stale", Help: "the network's DNS still answers what was before the instances of two regions were stopped",
			Story: after(usual(), Step{Ago: 30 * m, Fault: "dns-stale"}, Step{Ago: 8 * m, Fault: "stopped region:sin"}, Step{Ago: 8 * m, Fault: "stopped region:syd"}),
		},
		{Name: "list-empty", Help: "the platform says that there are no machines, which is not so", Story: after(usual(), Step{Ago: 3 * m, Fault: "list-empty"})},
		{Name: "list-short", Help: "the platform's list of machines lacks a region", Story: after(usual(), Step{Ago: 3 * m, Fault: "list-short region=fra"})},
		{Name: "slow-api", Help: "the platform's interfaces answer late and refuse many requests", Story: after(usual(), Step{Ago: 9 * m, Fault: "api-slow 2s"}, Step{Ago: 2 * m, Fault: "api-5xx-burst 25"})},
		{Name: "portal", Help: "a captive portal answers in the platform's place", Story: after(usual(), Step{Ago: m, Fault: "html-error"})},
		{Name: "flaky-network", Help: "the tunnel loses one packet in ten", Story: after(usual(), Step{Ago: 5 * m, Fault: "tunnel-loss 10"})},
		{Name: "revoked-peer", Help: "the console's peer is not known to the network any more", Story: after(usual(), Step{Ago: 5 * m, Fault: "peer-revoke console"})},
		{Name: "wrong-token", Help: "the token is not accepted", Story: usual(), WrongToken: true},
		{Name: "expired-cert", Help: "the certificate of the platform's interfaces has ended", Story: usual(), ExpiredCert: true},
		{Name: "empty-org", Help: "the application has no machines", Fleet: Fleet{Empty: true}},
		{
			Name: "hostile", Help: "names, check output, DNS answers, headers and bodies are made to hurt a terminal",
			Fleet: Fleet{Hostile: true},
			Story: after(usual(),
				Step{Ago: 5 * m, Fault: "check-failing app#1 '" + nasty + "'"},
				Step{Ago: 4 * m, Fault: "hostile app#2"},
				Step{Ago: 4 * m, Fault: "hostile app#5"},
				Step{Ago: 3 * m, Fault: "dns-hostile"}),
		},
		{
			Name: "big", Help: "1,000 instances in 12 regions, a few of them unwell",
			Fleet: Fleet{Regions: 12, Instances: 1000, Near: true},
			Story: after(deploys(300*time.Millisecond, 6*m),
				Step{Ago: 21 * m, Fault: "health app#40 503"},
				Step{Ago: 17 * m, Fault: "content-stale app#500 previous"},
				Step{Ago: 9 * m, Fault: "host-unreachable app#77"}),
		},
	}
}

// nasty is a text for check outputs and names that a terminal must never see as it is.
const nasty = "\x1b[2J\x1b[31m\x1b]0;owned\x07\u202eemag\u202c\u200b\u0301\u0301漢字👩‍👩‍👧\tend"

// Scenarios is the names of all scenarios, the default first.
func Scenarios() []string {
	var names []string
	for _, sc := range scenarios() {
		names = append(names, sc.Name)
	}
	return names
}

// ScenarioNames is Scenarios in one line of text, for help.
func ScenarioNames() string { return strings.Join(Scenarios(), ", ") }

func scenarioNamed(name string) (Scenario, error) {
	all := scenarios()
	i := slices.IndexFunc(all, func(sc Scenario) bool { return sc.Name == name })
	if i < 0 {
		return Scenario{}, fmt.Errorf("no scenario %q: there are %s", name, ScenarioNames())
	}
	return all[i], nil
}

// startOnly says why a running world cannot change to the scenario; empty: it can.
func (sc Scenario) startOnly() string {
	switch {
	case sc.Fleet != Fleet{}:
		return "it has other machines"
	case sc.WrongToken, sc.ExpiredCert:
		return "clients know the token and the address already"
	}
	return ""
}
