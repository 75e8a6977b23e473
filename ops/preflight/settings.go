package preflight

import (
	"fmt"
	"strings"
	"time"

	"ops-console/ops/fly/flytoml"
	"ops-console/ops/page"
	"ops-console/ops/preflight/source"
)

func settingsChecks() []Check {
	return []Check{
		{"settings.file", GroupSettings, "fly.toml is understood", "Fails where it cannot; warns where it has to be guessed which of several is meant, and where it has keys that do nothing.", settingsFile},
		{"settings.app", GroupSettings, "fly.toml is this application's", "Fails where it names another one; warns where it names none.", settingsApp},
		{"settings.region", GroupSettings, "The primary region is set", "Warns where primary_region is not set, is deprecated, or [env] says another; fails where fly_postgres needs it, or no such region exists.", settingsRegion},
		{"settings.checks", GroupSettings, "Checks tell whether it works", "Fails where no service has a check, or one that could not pass in time; warns where they only see an open port, or have too little or too much grace.", settingsChecked},
		{"settings.redirect", GroupSettings, "Checks are not redirected", "Warns where the endpoint redirects to https and the check does not say that it came that way.", settingsRedirect},
		{"settings.stop", GroupSettings, "Stopping is SIGTERM, with time", "Warns where kill_signal is not SIGTERM, or kill_timeout too short for what runs; fails above the platform's 300 s.", settingsStop},
		{"settings.concurrency", GroupSettings, "Limits of concurrency make sense", "Fails where the soft limit is not below the hard one; warns where none is set, or LiveView's sockets are counted as requests.", settingsConcurrency},
		{"settings.workers", GroupSettings, "Background work goes with the strategy", "Warns where bluegreen runs two versions' workers side by side, or machines that have them stop by themselves.", settingsWorkers},
		{"settings.volumes", GroupSettings, "Volumes go with the strategy", "Fails where canary or bluegreen meets a volume, which only one machine can have.", settingsVolumes},
		{"settings.ipv6", GroupSettings, "The database is reached over IPv6", "Fails where the database is in the private network and the repo does not connect over IPv6; warns where that depends on a variable that nothing sets.", settingsIPv6},
		{"settings.cluster", GroupSettings, "Machines can cluster", "Warns where there is a library for it and the names or the protocol that it needs in the private network are not set.", settingsCluster},
		{"settings.host", GroupSettings, "The endpoint knows its name and listens", "Fails where it listens on loopback only; warns where the variable with its host name is not set.", settingsHost},
	}
}

const (
	noFly   = "there is no fly.toml in this tree"
	flyMend = "say where it is: --fly-toml FILE"
)

// fly is the fly.toml, or why nothing is known of it.
func (f *Facts) fly() (*source.Tree, *flytoml.File, *verdict) {
	t, v := f.tree()
	switch {
	case v != nil:
		return nil, nil, v
	case t.Fly == nil && t.FlyErr != "":
		v := unknown("fly.toml cannot be read", "see above")
		return t, nil, &v
	case t.Fly == nil:
		v := unknown(noFly, flyMend)
		return t, nil, &v
	}
	return t, t.Fly, nil
}

// line is a key of fly.toml as evidence.
func line(t *source.Tree, key, text string) Evidence {
	return Evidence{Path: t.FlyPath, Line: t.Fly.Lines[key], Text: text}
}

func settingsFile(f *Facts) verdict {
	t, v := f.tree()
	switch {
	case v != nil:
		return *v
	case t.FlyErr != "":
		return fail(t.FlyErr, "mend it: flyctl config validate", Evidence{Path: t.FlyPath})
	case t.Fly == nil && len(t.FlyOthers) > 0:
		return unknown("there is no fly.toml of this project; "+names(t.FlyOthers)+" looks like another one's", flyMend)
	case t.Fly == nil:
		return unknown(noFly, flyMend)
	}
	var why []string
	var ee []Evidence
	if t.FlyWhy != "" && !f.Named {
		why = append(why, fmt.Sprintf("%s was taken: %s. There is %s, too", t.FlyPath, t.FlyWhy, strings.Join(t.FlyOthers[:min(len(t.FlyOthers), 4)], " and ")))
		ee = append(ee, Evidence{Path: t.FlyPath})
	}
	if t.Fly.Experimental.AutoRollback {
		why = append(why, "auto_rollback does nothing: nobody reads it")
		ee = append(ee, line(t, "experimental.auto_rollback", "auto_rollback = true"))
	}
	var keys []string
	for _, u := range t.Fly.Unknown {
		keys = append(keys, u.Key)
		if len(ee) < 8 {
			ee = append(ee, Evidence{Path: t.FlyPath, Line: u.Line, Text: u.Key})
		}
	}
	if len(keys) > 0 {
		why = append(why, plural(len(keys), "key")+" not known: "+names(keys))
	}
	switch {
	case len(why) == 0:
		return pass(t.FlyPath)
	case t.FlyWhy != "" && !f.Named:
		return warn(strings.Join(why, "; "), "name the application (--app) or the file (--fly-toml)", ee...)
	}
	return warn(strings.Join(why, "; "), "take out what does nothing, or look for a slip", ee...)
}

func settingsApp(f *Facts) verdict {
	t, file, v := f.fly()
	switch {
	case v != nil:
		return *v
	case file.App == "":
		return warn("it names no application: flyctl wants --app each time", `app = "NAME" at its top`, Evidence{Path: t.FlyPath})
	case f.Named && file.App != f.App:
		return fail(fmt.Sprintf("it is for %s, and %s is meant: it would change the wrong settings", file.App, f.App), "say the right --app, or the right --fly-toml", line(t, "app", file.App))
	}
	return pass(file.App, line(t, "app", file.App))
}

func settingsRegion(f *Facts) verdict {
	t, file, v := f.fly()
	if v != nil {
		return *v
	}
	env := file.Env["PRIMARY_REGION"]
	primary := file.PrimaryRegion
	e := line(t, "primary_region", primary)
	const mend = `primary_region = "CODE" at the top of fly.toml`
	if primary == "" {
		if t.Has("fly_postgres", "fly_rpc") && env == "" {
			return fail("it is not set: fly_postgres does not know where to send writes", mend, Evidence{Path: t.FlyPath})
		}
		return warn("it is not set: the release command and new machines go to whatever region is near to whoever deploys", mend, Evidence{Path: t.FlyPath})
	}
	if regions, ok := f.Regions.Get(); ok {
		known := false
		for _, r := range regions {
			if r.Code != primary {
				continue
			}
			if known = true; r.Deprecated {
				return warn(fmt.Sprintf("%s is deprecated by the platform: no new machines there", primary), "choose another: fly platform regions", e)
			}
		}
		if !known && len(regions) > 0 {
			return fail("the platform has no region "+primary, "choose another: fly platform regions", e)
		}
	}
	if env != "" && env != primary {
		return warn(fmt.Sprintf("[env] says %s, and primary_region, which wins, %s", env, primary), "say it once, as primary_region", e, line(t, "env.PRIMARY_REGION", env))
	}
	return pass(primary, e)
}

const (
	defaultWait = 5 * time.Minute // of [deploy] wait_timeout
	quickBoot   = 5 * time.Second // what a release needs at least
	slowBoot    = 20 * time.Second
	muchGrace   = 3 * time.Minute
)

// services are those of the file, [http_service] first.
func services(file *flytoml.File) []flytoml.Service {
	var out []flytoml.Service
	if file.HTTPService != nil {
		out = append(out, *file.HTTPService)
	}
	return append(out, file.Services...)
}

func settingsChecked(f *Facts) verdict {
	t, file, v := f.fly()
	if v != nil {
		return *v
	}
	type placed struct {
		flytoml.Check
		http bool
	}
	var cc []placed
	first := Evidence{Path: t.FlyPath}
	ss := services(file)
	for i, s := range ss {
		if i == 0 {
			first.Line = s.Line
		}
		for _, c := range s.HTTPChecks {
			cc = append(cc, placed{c, true})
		}
		for _, c := range s.TCPChecks {
			cc = append(cc, placed{c, false})
		}
	}
	const mend = `add [[http_service.checks]] (or [[services.http_checks]]) with path, grace_period = "30s", interval = "15s", timeout = "5s"`
	if len(cc) == 0 {
		switch {
		case file.Deploy.Strategy == "bluegreen":
			return fail("no service has a check: bluegreen is refused without one", mend, first)
		case len(file.Checks) > 0:
			return warn("only top-level [checks] are there: they are waited for, and never take a machine out of the traffic", "move them to the service", first)
		case len(ss) == 0:
			return warn("there is no service, and no check: a deploy cannot tell whether the new release works", "add [checks.NAME] with type, port, interval and timeout", first)
		}
		return fail("no service has a check: a deploy cannot tell whether the new release works, and the proxy sends traffic to machines that do not", mend, first)
	}
	wait := file.Deploy.WaitTimeout
	if wait == 0 {
		wait = defaultWait
	}
	need, what := quickBoot, "a release"
	if _, bb, _ := f.boots(); len(bb) > 0 {
		if _, mix := bb[0].Find(source.StartsMix); mix {
			need, what = slowBoot, "mix"
		}
	}
	http := false
	for _, c := range cc {
		http = http || c.http
		e := Evidence{Path: t.FlyPath, Line: c.Line, Text: fmt.Sprintf("grace_period %s, interval %s, timeout %s", c.GracePeriod, c.Interval, c.Timeout)}
		switch {
		case c.GracePeriod+c.Interval >= wait:
			return fail(fmt.Sprintf("with %s of grace it cannot pass within the %s that a deploy waits", c.GracePeriod, wait), "shorten grace_period, or lengthen wait_timeout under [deploy]", e)
		case c.GracePeriod < need:
			return warn(fmt.Sprintf("%s of grace is less than %s takes to start: a machine counts as unhealthy while it does", span(c.GracePeriod), what), fmt.Sprintf(`grace_period = "%s"`, 2*max(need, slowBoot/2)), e)
		case c.GracePeriod > muchGrace:
			return warn(fmt.Sprintf("%s of grace: for so long a release that does not work is not noticed", c.GracePeriod), `grace_period = "30s"`, e)
		case c.Interval > 0 && c.Timeout > c.Interval:
			return warn(fmt.Sprintf("a timeout of %s is longer than the interval of %s", c.Timeout, c.Interval), "make it shorter", e)
		}
	}
	e := Evidence{Path: t.FlyPath, Line: cc[0].Line}
	if !http {
		return warn("they only see that a port is open: a release that answers everything with an error passes", "add an HTTP check of a path that says whether the application works", e)
	}
	path := "/"
	for _, c := range cc {
		if c.http && c.Path != "" {
			path, e.Line = c.Path, c.Line
			break
		}
	}
	return pass(fmt.Sprintf("%s of %s, %s of grace", plural(len(cc), "check"), path, cc[0].GracePeriod), e)
}

// span is a duration in words where it is none.
func span(d time.Duration) string {
	if d == 0 {
		return "no time"
	}
	return d.String()
}

func settingsRedirect(f *Facts) verdict {
	t, file, v := f.fly()
	if v != nil {
		return *v
	}
	var force *source.Mention
	for _, e := range t.Config.Endpoints {
		if e.ForceSSL != nil {
			force = e.ForceSSL
		}
	}
	n := 0
	for _, s := range services(file) {
		for _, c := range s.HTTPChecks {
			n++
			secure := c.Protocol == "https"
			for k, v := range c.Headers {
				secure = secure || strings.EqualFold(k, "x-forwarded-proto") && strings.EqualFold(v, "https")
			}
			if force != nil && !secure && !excludes(force.Text, c.Path) {
				return warn(fmt.Sprintf("force_ssl sends the check of %s on to https, where nothing answers in the machine: it fails, unless a plug answers before", c.Path),
					`headers = { X-Forwarded-Proto = "https" } in the check, with rewrite_on: [:x_forwarded_proto]; or exclude the path in force_ssl`,
					Evidence{Path: t.FlyPath, Line: c.Line, Text: c.Path}, at(force.At, clip(force.Text)))
			}
		}
	}
	switch {
	case n == 0:
		return pass("there is no HTTP check")
	case force == nil:
		return pass("the endpoint does not redirect to https")
	}
	return pass("the checks say that they came over https", at(force.At, clip(force.Text)))
}

// excludes says whether force_ssl's own text names a path as an exception.
func excludes(text, path string) bool {
	i := strings.Index(text, "exclude")
	return i >= 0 && strings.Contains(text[i:], `"`+path+`"`)
}

// The platform's own defaults and limit.
const (
	defaultSignal = "SIGINT"
	defaultKill   = 5 * time.Second
	mostKill      = 300 * time.Second
	// drain is what Oban (shutdown_grace_period) and Bandit (shutdown_timeout) take by default to end what they are doing.
	drain = 15 * time.Second
)

func settingsStop(f *Facts) verdict {
	t, file, v := f.fly()
	if v != nil {
		return *v
	}
	signal := strings.ToUpper(file.KillSignal)
	if signal == "" {
		signal = defaultSignal
	}
	timeout := file.KillTimeout
	if timeout == 0 {
		timeout = defaultKill
	}
	sig, tim := line(t, "kill_signal", file.KillSignal), line(t, "kill_timeout", "")
	work := ""
	switch {
	case t.Has("oban"):
		work = "Oban lets jobs end for 15 s"
	case t.Has("bandit", "plug_cowboy"):
		work = "requests and sockets that are open are let end for up to 15 s"
	}
	switch {
	case timeout > mostKill:
		return fail(fmt.Sprintf("kill_timeout is %s: the platform takes at most %s", timeout, mostKill), "kill_timeout = 300", tim)
	case signal != "SIGTERM" && signal != "TERM":
		return warn(fmt.Sprintf("kill_signal is %s, which the BEAM does not stop on in good order: jobs and sockets are cut off", signal), `kill_signal = "SIGTERM" at the top of fly.toml`, sig)
	case file.KillTimeout == 0 && work != "":
		return warn(fmt.Sprintf("kill_timeout is not set, which makes it %s, and %s", timeout, work), "kill_timeout = 30", tim)
	case timeout < drain && work != "":
		return warn(fmt.Sprintf("kill_timeout is %s, and %s", timeout, work), "kill_timeout = 30", tim)
	}
	return pass(fmt.Sprintf("%s, then %s", signal, timeout), sig, tim)
}

func settingsConcurrency(f *Facts) verdict {
	t, file, v := f.fly()
	if v != nil {
		return *v
	}
	ss := services(file)
	if len(ss) == 0 {
		return pass("there is no service")
	}
	for _, s := range ss {
		c := s.Concurrency
		e := Evidence{Path: t.FlyPath, Line: s.Line}
		switch {
		case c.Hard > 0 && c.Soft >= c.Hard:
			return fail(fmt.Sprintf("the soft limit of %d is not below the hard limit of %d: machines refuse before others take over", c.Soft, c.Hard), "soft_limit at 80 % of hard_limit", e)
		case c.Soft == 0 && c.Hard == 0:
			return warn("none is set: the platform takes a machine for full at 20 connections", `concurrency = { type = "connections", soft_limit = 1000, hard_limit = 2500 }, or what a machine can bear`, e)
		case c.Type == "requests" && t.Has("phoenix_live_view"):
			return warn("requests are counted, and a LiveView's socket is one that lasts: connections tell more", `type = "connections"`, e)
		}
	}
	c := ss[0].Concurrency
	kind := c.Type
	if kind == "" {
		kind = "connections"
	}
	if c.Hard == 0 {
		return pass(fmt.Sprintf("soft %d %s", c.Soft, kind))
	}
	return pass(fmt.Sprintf("soft %d, hard %d %s", c.Soft, c.Hard, kind))
}

func settingsWorkers(f *Facts) verdict {
	t, file, v := f.fly()
	if v != nil {
		return *v
	}
	work := ""
	for _, d := range []string{"oban", "oban_pro", "quantum", "exq", "broadway", "verk"} {
		if t.Has(d) {
			work = d
			break
		}
	}
	if work == "" {
		return pass("no library for it is among the dependencies")
	}
	e := at(t.Mix.Deps[work].At, work)
	if file.Deploy.Strategy == "bluegreen" {
		return warn("bluegreen: both versions' "+work+" work side by side until the old machines are gone", "see that jobs of either version bear the other's, and that what cron starts is unique; or start queues only in a group of its own", line(t, "deploy.strategy", "bluegreen"), e)
	}
	for _, s := range services(file) {
		stops := s.AutoStop != "" && s.AutoStop != "off" && s.AutoStop != "false"
		if stops && s.MinMachines == 0 {
			return warn(fmt.Sprintf("machines stop by themselves when nobody asks, and %s with them", work), `min_machines_running = 1, or auto_stop_machines = "off"`, Evidence{Path: t.FlyPath, Line: s.Line}, e)
		}
	}
	return pass("nothing here stands in the way of "+work, e)
}

func settingsVolumes(f *Facts) verdict {
	t, file, v := f.fly()
	switch {
	case v != nil:
		return *v
	case len(file.Mounts) == 0:
		return pass("there is none")
	case file.Deploy.Strategy == "canary" || file.Deploy.Strategy == "bluegreen":
		return fail(file.Deploy.Strategy+" makes machines beside the old ones, and a volume can only be in one", `strategy = "rolling"`, line(t, "deploy.strategy", file.Deploy.Strategy))
	}
	return pass("rolling keeps each machine with its volume", Evidence{Path: t.FlyPath, Text: file.Mounts[0].Source})
}

// ago is how long before the judgement something was.
func ago(f *Facts, t time.Time) string { return page.Ago(f.At.Sub(t)) + " ago" }
