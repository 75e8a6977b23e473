package health

import (
	"slices"
	"time"

	"ops-console/ops"
)

// The codes of what can be wrong. They are stable: scripts match them.
const (
	codePlatformUnreachable  = "platform.unreachable"
	codePlatformUnauthorized = "platform.unauthorized"
	codeListUnconfirmed      = "platform.list_unconfirmed"
	codeAppNotFound          = "app.not_found"
	codeAppEmpty             = "app.empty"
	codeNetworkUnconfigured  = "network.unconfigured"
	codeNetworkConnecting    = "network.connecting"
	codeNetworkDead          = "network.dead"
	codePeerRemoved          = "network.peer_removed"
	codeDNSDown              = "network.dns_down"
	codeRegionDown           = "region.down"
	codeHostUnreachable      = "instance.host_unreachable"
	codeHostDisputed         = "instance.host_disputed"
	codeHostUnknown          = "instance.host_unknown"
	codeCrashLoop            = "instance.crash_loop"
	codeOOM                  = "instance.oom"
	codeCheckFailing         = "instance.check_failing"
	codeCheckWarning         = "instance.check_warning"
	codeStuck                = "instance.stuck"
	codeStopped              = "instance.stopped_unexpectedly"
	codeFailed               = "instance.failed"
	codeProbeFailed          = "instance.probe_failed"
	codeProbeStatus          = "instance.probe_status"
	codeProbeRelease         = "instance.probe_release"
	codeNotInDNS             = "instance.not_in_dns"
	codeDNSStale             = "instance.stale_in_dns"
	codeDNSAddress           = "instance.dns_address"
	codeUnknownToPlatform    = "instance.unknown_to_platform"
	codeCordoned             = "instance.cordoned"
	codeReleaseMixed         = "release.mixed"
	codeReleaseStuck         = "release.stuck"
	codeReleasesUnread       = "release.unread"
	codeContentDisagrees     = "content.disagrees"
	codeClusterSplit         = "cluster.split"
	codeClusterUnknown       = "cluster.unknown"
)

// conditions is never written to. Its order is that of docs/problems.md.
var conditions = []ops.Condition{
	{
		Code: codePlatformUnreachable, Severity: ops.Unknown, After: 12 * time.Second,
		Title: "platform API gives no answer",
		Hint:  "states and checks are as old as shown; probes over the network go on: see https://status.flyio.net",
	},
	{
		Code: codePlatformUnauthorized, Severity: ops.Unknown,
		Title: "platform API refuses the token",
		Hint:  "set FLY_ACCESS_TOKEN or log in again with `fly auth login`",
	},
	{
		Code: codeListUnconfirmed, Severity: ops.Unknown,
		Title: "machine list is incomplete",
		Hint:  "nothing is taken for gone until the app's own count or the network's DNS confirms it; do not deploy or scale on this list",
	},
	{
		Code: codeAppNotFound, Severity: ops.Unknown,
		Title: "app not found",
		Hint:  "check the name, and that the token's organization owns it: `fly apps list`",
	},
	{
		Code: codeAppEmpty, Severity: ops.Warning,
		Title: "app has no machines",
		Hint:  "the platform's count confirms it: deploy, or check whether this is the right app",
	},
	{
		Code: codeNetworkUnconfigured, Severity: ops.Unknown,
		Title: "private network not joined",
		Hint:  "instances cannot be asked themselves: run `ops-console wg join`",
	},
	{
		Code: codeNetworkConnecting, Severity: ops.Unknown, After: 10 * time.Second,
		Title: "private network not up yet",
		Hint:  "see `ops-console wg status`",
	},
	{
		Code: codeNetworkDead, Severity: ops.Unknown,
		Title: "private network does not answer",
		Hint:  "the tunnel is healed by itself; see `ops-console wg status`",
	},
	{
		Code: codePeerRemoved, Severity: ops.Unknown,
		Title: "our peer was removed at the platform",
		Hint:  "make a new one: `ops-console wg join --renew`; where the profile names a file of its own (network.config), replace that",
	},
	{
		Code: codeDNSDown, Severity: ops.Unknown, After: 12 * time.Second,
		Title:     "private network's DNS does not answer",
		Hint:      "instances are asked at the addresses the platform gives; what only DNS knows is unknown",
		DependsOn: []string{codeNetworkUnconfigured, codeNetworkConnecting, codeNetworkDead, codePeerRemoved},
	},
	{
		Code: codeRegionDown, Severity: ops.Critical,
		Title: "no instance of the region is well",
		Hint:  "traffic goes to other regions as far as there are any; see the region's instances, and https://status.flyio.net",
	},
	{
		Code: codeHostUnreachable, Severity: ops.Critical,
		Title: "host unreachable",
		Hint:  "the machine is unknown, not gone: do not destroy it; add one elsewhere if capacity is short",
	},
	{
		Code: codeHostDisputed, Severity: ops.Warning,
		Title: "host unreachable to the platform, yet the instance answers",
		Hint:  "it serves, but cannot be changed until the platform reaches its host again",
	},
	{
		Code: codeHostUnknown, Severity: ops.Unknown, After: 30 * time.Second,
		Title: "host state unknown to the platform",
		Hint:  "what the platform says of this machine may be old",
	},
	{
		Code: codeCrashLoop, Severity: ops.Critical,
		Title:     "crash loop",
		Hint:      "read its logs from just before the exit; roll back if the release is new",
		DependsOn: []string{codeHostUnreachable},
	},
	{
		Code: codeOOM, Severity: ops.Warning,
		Title:     "killed for want of memory",
		Hint:      "see its memory, give it more with `fly scale memory`, or find what grew",
		DependsOn: []string{codeCrashLoop},
	},
	{
		Code: codeCheckFailing, Severity: ops.Critical,
		Title:     "check failing",
		Hint:      "a failing service check takes the instance out of routing and never restarts it",
		DependsOn: []string{codeHostUnreachable, codeCrashLoop, codeFailed, codeStuck, codeStopped},
	},
	{
		Code: codeCheckWarning, Severity: ops.Warning, After: 30 * time.Second,
		Title:     "check warns",
		Hint:      "read the check's output",
		DependsOn: []string{codeHostUnreachable, codeCrashLoop, codeFailed, codeStuck, codeStopped, codeCheckFailing},
	},
	{
		Code: codeStuck, Severity: ops.Warning,
		Title:     "stuck between two states",
		Hint:      "a transition should take less than five minutes, an update less than ten",
		DependsOn: []string{codeHostUnreachable, codeCrashLoop},
	},
	{
		Code: codeStopped, Severity: ops.Critical,
		Title:     "stopped by itself",
		Hint:      "neither autostop nor a person stopped it: read its logs, then `fly machine start`",
		DependsOn: []string{codeHostUnreachable},
	},
	{
		Code: codeFailed, Severity: ops.Critical,
		Title:     "failed to launch",
		Hint:      "see the machine's events; often an image that cannot be pulled, or a volume",
		DependsOn: []string{codeHostUnreachable},
	},
	{
		Code: codeProbeFailed, Severity: ops.Critical,
		Title: "does not answer",
		Hint:  "the platform says it runs: see whether it listens on [::] and the right port, and its logs",
		DependsOn: []string{
			codeNetworkUnconfigured, codeNetworkConnecting, codeNetworkDead, codePeerRemoved,
			codeHostUnreachable, codeCrashLoop, codeFailed, codeStuck, codeStopped, codeCheckFailing,
		},
	},
	{
		Code: codeProbeStatus, Severity: ops.Critical,
		Title:     "answers with an error",
		Hint:      "ask it yourself through the network, and read its logs",
		DependsOn: []string{codeHostUnreachable, codeCrashLoop, codeFailed, codeStuck, codeStopped, codeCheckFailing},
	},
	{
		Code: codeProbeRelease, Severity: ops.Warning, After: 30 * time.Second,
		Title:     "says it runs another release than the platform says",
		Hint:      "an update may have been reverted, or the image is not what its tag says",
		DependsOn: []string{codePlatformUnreachable, codePlatformUnauthorized},
	},
	{
		Code: codeNotInDNS, Severity: ops.Warning, After: 20 * time.Second,
		Title:     "started, but not in the network's DNS",
		Hint:      "other instances cannot find it: Erlang clustering by DNS leaves it out",
		DependsOn: []string{codeHostUnreachable, codeCrashLoop, codeDNSDown, codeNetworkDead, codePeerRemoved},
	},
	{
		Code: codeDNSStale, Severity: ops.Warning, After: 30 * time.Second,
		Title:     "does not run, but is still in the network's DNS",
		Hint:      "other instances go on trying to reach it: the network's DNS is behind; see https://status.flyio.net",
		DependsOn: []string{codePlatformUnreachable, codePlatformUnauthorized, codeHostUnreachable, codeHostUnknown, codeCrashLoop, codeDNSDown, codeNetworkDead, codePeerRemoved},
	},
	{
		Code: codeDNSAddress, Severity: ops.Warning, After: 20 * time.Second,
		Title:     "DNS and the platform give different addresses",
		Hint:      "the address changes when a machine moves to another host; other instances may be talking to the old one",
		DependsOn: []string{codePlatformUnreachable, codePlatformUnauthorized, codeDNSDown, codeNetworkDead, codePeerRemoved},
	},
	{
		Code: codeUnknownToPlatform, Severity: ops.Warning, After: 20 * time.Second,
		Title:     "in the network's DNS, but unknown to the platform",
		Hint:      "it may still serve traffic inside the network: compare with `fly machine list`",
		DependsOn: []string{codePlatformUnreachable, codePlatformUnauthorized, codeListUnconfirmed, codeAppNotFound},
	},
	{
		Code: codeCordoned, Severity: ops.Warning, After: 5 * time.Minute,
		Title: "cordoned",
		Hint:  "the proxy sends it nothing: `fly machine uncordon` when it should serve again",
	},
	{
		Code: codeReleaseMixed, Severity: ops.Warning, After: 30 * time.Second,
		Title: "instances run different releases",
		Hint:  "no deploy is running: the last one stopped half way, or was reverted on some machines",
	},
	{
		Code: codeReleaseStuck, Severity: ops.Warning,
		Title: "release never finished",
		Hint:  "its deploy was probably killed: check what runs, then deploy again or roll back",
	},
	{
		Code: codeReleasesUnread, Severity: ops.Unknown, After: time.Minute,
		Title:     "releases cannot be read",
		Hint:      "whether a deploy is running is unknown",
		DependsOn: []string{codePlatformUnreachable, codePlatformUnauthorized, codeAppNotFound},
	},
	{
		Code: codeContentDisagrees, Severity: ops.Warning, After: 25 * time.Second,
		Title: "content differs between instances",
		Hint:  "the smaller group is likely the stale one: look at its caches, or restart it",
	},
	{
		Code: codeClusterSplit, Severity: ops.Critical, After: 45 * time.Second,
		Title: "Erlang cluster is split",
		Hint:  "PubSub, presence and locks do not cross the split: check DNS, the cookie, and node names",
	},
	{
		Code: codeClusterUnknown, Severity: ops.Unknown, After: 2 * time.Minute,
		Title:     "no instance says which Erlang nodes it sees",
		Hint:      "check the command under cluster in the profile",
		DependsOn: []string{codePlatformUnreachable, codePlatformUnauthorized, codeAppNotFound},
	},
}

// Conditions is everything that a snapshot can report as a problem.
func Conditions() []ops.Condition { return slices.Clone(conditions) }

func condition(code string) ops.Condition {
	i := slices.IndexFunc(conditions, func(c ops.Condition) bool { return c.Code == code })
	return conditions[i]
}
