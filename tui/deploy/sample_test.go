package deploy

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"ops-console/ops/audit"
	engine "ops-console/ops/deploy"
	"ops-console/ops/deploy/watch"
	"ops-console/ops/feed"
	"ops-console/ops/preflight"
	"ops-console/ops/preflight/source"
	"ops-console/ops/preflight/versions"
	"ops-console/tui/pane"
	"ops-console/tui/tuitest"
)

const repo = "registry.example.com/changelog:deployment-"

func ago(d time.Duration) time.Time { return tuitest.Now().Add(-d) }

// fleet is n machines in five regions, all on v1482 but the first k, which run v1483.
func fleet(n, k int) watch.Fleet {
	var f watch.Fleet
	for i, what := range []string{"deploy of deployment-43", "", "rollback to v1479", "", "deploy of deployment-40"} {
		v := 1482 - i
		status := "complete"
		if i == 1 {
			status = "failed"
		}
		f.Releases = append(f.Releases, watch.Release{
			Version: v, Status: status, Description: what, Image: fmt.Sprintf("%s%d", repo, v-1440), By: "ana@example.com", At: ago(time.Duration(12+i*i*700) * time.Minute), Strategy: "ROLLING",
		})
	}
	for i := range n {
		m := watch.Machine{ID: machineID(i), Region: regionOf(i), Group: "app", State: "started", Release: 1482, Image: repo + "42"}
		if i < k {
			m.Release = 1483
		}
		f.Machines = append(f.Machines, m)
	}
	return f
}

func machineID(i int) string  { return fmt.Sprintf("%014x", 0x91857a0c5d+i*0x3d1f00cab7) }
func regionOf(i int) string   { return []string{"fra", "ams", "lhr", "iad", "ord"}[i%5] }
func id(minute int) string    { return fmt.Sprintf("01KAP7Q4ZD%016d", minute) }
func image(n int) string      { return fmt.Sprintf("%s%d", repo, n) }
func seconds(n int) time.Time { return ago(2*time.Minute - time.Duration(n)*time.Second) }

// plan is one for n machines.
func plan(n int) *engine.Plan {
	p := &engine.Plan{
		ID: id(1), App: "changelog", Kind: engine.KindDeploy, By: "ana@laptop", At: seconds(0),
		Artifact: engine.Artifact{Image: image(43), Digest: "sha256:9f2c"}, From: engine.Artifact{Image: image(42), Digest: "sha256:11aa", Release: 1482},
		Strategy: engine.StrategyRolling, Groups: []engine.Group{{Name: "app", MaxUnavailable: 2}},
		Command:    &engine.Command{Text: "/app/bin/migrate", Region: "fra", Timeout: 5 * time.Minute},
		Migrations: []engine.Migration{{Version: 20261120101500, Name: "add_index_on_events", Additive: true}},
		Old:        engine.Eligibility{Able: engine.Able},
		Gates: []engine.Gate{
			{Name: "preflight", When: engine.BeforeChange, Required: true}, {Name: "backup", When: engine.BeforeChange, Required: true}, {Name: "content", When: engine.BeforeCommit},
		},
		Timings: engine.DefaultTimings(),
	}
	for i := range n {
		p.Targets = append(p.Targets, engine.Target{
			Machine: machineID(i), Region: regionOf(i), Group: "app", Checks: 3,
			Prev: engine.Snapshot{Version: fmt.Sprintf("01KAP%04d", i), Image: image(42), Digest: "sha256:11aa", Release: 1482, State: engine.Started, Healthy: true, Checks: 3},
		})
	}
	return p
}

// forbidden is the plan with a migration from which there is no way back.
func forbidden(p *engine.Plan) *engine.Plan {
	p.Migrations = append(p.Migrations, engine.Migration{Version: 20261120102000, Name: "drop_legacy_ref", Why: "drops orders.legacy_ref, which the release before reads"})
	p.Old = engine.Eligibility{Able: engine.Unable, Reason: "migration 20261120102000_drop_legacy_ref: drops orders.legacy_ref"}
	return p
}

// rolling is a deployment of n machines of which done are changed, and two are being changed.
func rolling(n, done int) watch.Deployment {
	d := watch.Deployment{ID: id(1), Path: "/home/ana/.local/state/ops-console/deploys/changelog/" + id(1) + ".jsonl", Plan: plan(n), Holder: "ana@laptop", Seq: 40, Here: true}
	d.Progress = engine.Progress{
		At: tuitest.Now(), Phase: engine.Rolling, Began: seconds(0), Done: done, Total: n, ETA: 110 * time.Second,
		Choices: []engine.Choice{engine.Pause, engine.Abort, engine.Abandon}, Waiting: "machine " + machineID(done) + " to be healthy",
		Record: &engine.ReleaseRecord{ID: "r", Version: 1483, Status: "running"},
		Steps: []engine.StepStatus{
			{Name: "lock machines", State: engine.StepDone, Took: 800 * time.Millisecond},
			{Name: "preflight", State: engine.StepDone, Took: 4 * time.Second},
			{Name: "backup", State: engine.StepDone, Text: "backup 01KAP7, decoded", Took: 41 * time.Second},
			{Name: "release command", State: engine.StepDone, Text: "/app/bin/migrate", Took: 2400 * time.Millisecond},
			{Name: "old release on the new schema", State: engine.StepDone, Took: 30 * time.Second},
			{Name: "machines", State: engine.StepRunning, Took: 91 * time.Second},
			{Name: "whole fleet", State: engine.StepPending},
			{Name: "content", State: engine.StepPending},
			{Name: "finish", State: engine.StepPending},
		},
	}
	event := func(at int, k engine.EventKind, ph engine.Phase, machine int, step, text string, took time.Duration) {
		e := engine.Event{At: seconds(at), Seq: len(d.Events), Deploy: d.ID, Kind: k, Phase: ph, Step: step, Text: text, Took: took, Done: done, Total: n}
		if machine >= 0 {
			e.Machine, e.Region, e.Group = machineID(machine), regionOf(machine), "app"
		}
		d.Events = append(d.Events, e)
	}
	event(0, engine.EventPhase, engine.Locking, -1, "", "", 0)
	event(1, engine.EventDone, engine.Gating, -1, "lock", fmt.Sprintf("%d machines are held", n), 0)
	event(1, engine.EventBegun, engine.Gating, -1, "gate", "backup", 0)
	event(42, engine.EventDone, engine.Gating, -1, "gate", "backup: pass", 41*time.Second)
	event(44, engine.EventPhase, engine.Rolling, -1, "", "", 0)
	for i := range n {
		m := engine.MachineStatus{ID: machineID(i), Region: regionOf(i), Group: "app", From: 1482, Checks: 3, Passing: 3, State: engine.StepPending, Step: "queued", To: 1483}
		switch {
		case i < done:
			m.State, m.Step, m.Took = engine.StepDone, "healthy", 14*time.Second
			event(50+i, engine.EventBegun, engine.Rolling, i, "update", "put the new release onto machine "+machineID(i), 0)
			event(51+i, engine.EventHealthy, engine.Rolling, i, "new", "runs the new release and is healthy", 14*time.Second)
		case i == done:
			m.State, m.Step, m.Passing, m.Took = engine.StepRunning, "checks", 2, 9*time.Second
			event(110, engine.EventBegun, engine.Rolling, i, "update", "put the new release onto machine "+machineID(i), 0)
		case i == done+1:
			m.State, m.Step, m.Passing, m.Took = engine.StepRunning, "starting", 0, 4*time.Second
			event(111, engine.EventBegun, engine.Rolling, i, "update", "put the new release onto machine "+machineID(i), 0)
		}
		d.Progress.Machines = append(d.Progress.Machines, m)
	}
	event(114, engine.EventWaiting, engine.Rolling, -1, "", "machine "+machineID(done)+" to be healthy", 0)
	return d
}

// still is a deployment that stands still for a reason.
func still(h engine.Halt, reason string, cc ...engine.Choice) watch.Deployment {
	d := rolling(12, 3)
	d.Here, d.Plan = false, forbidden(d.Plan)
	p := &d.Progress
	p.Phase, p.Halt, p.Reason, p.Choices, p.Waiting, p.ETA = engine.Parked, h, reason, cc, "", 0
	p.Machines[3].State, p.Machines[3].Step, p.Machines[3].Text = engine.StepFailed, "unhealthy", "check readyz: 503 Service Unavailable: column orders.legacy_ref does not exist"
	p.Steps[5].State = engine.StepFailed
	d.Events = append(d.Events, engine.Event{At: seconds(118), Kind: engine.EventHalted, Phase: engine.Parked, Text: reason})
	return d
}

// over is a deployment that ended.
func over(o engine.Outcome, back string) watch.Deployment {
	d := rolling(12, 12)
	d.Here = false
	p := &d.Progress
	p.Phase, p.Outcome, p.Choices, p.Waiting, p.ETA, p.Back = engine.Ended, o, nil, "", 0, back
	for i := range p.Steps {
		p.Steps[i].State = engine.StepDone
	}
	if back != "" {
		p.Steps[5].State, p.Steps[6].State, p.Steps[7].State, p.Steps[8].State = engine.StepFailed, engine.StepSkipped, engine.StepSkipped, engine.StepSkipped
		p.Steps = append(p.Steps, engine.StepStatus{Name: "put back", State: engine.StepDone, Text: back, Took: 34 * time.Second}, engine.StepStatus{Name: "whole fleet as before", State: engine.StepDone, Took: 11 * time.Second})
		for i := range p.Machines {
			p.Machines[i].State, p.Machines[i].Step = engine.StepSkipped, "not touched"
			if i < 2 {
				p.Machines[i].State, p.Machines[i].Step = engine.StepDone, "as before"
			}
		}
		d.Events = append(d.Events, engine.Event{At: seconds(60), Kind: engine.EventBack, Phase: engine.Reverting, Text: back})
	}
	d.Events = append(d.Events, engine.Event{At: seconds(110), Kind: engine.EventEnded, Phase: engine.Ended, Step: string(o), Took: 110 * time.Second})
	return d
}

// report is a preflight.
func report() *watch.Checked {
	r := &preflight.Report{At: ago(40 * time.Second), App: "changelog", Image: image(43)}
	add := func(id, title string, res preflight.Result, why, mend string, ee ...preflight.Evidence) {
		r.Items = append(r.Items, preflight.Item{ID: id, Group: preflight.GroupImage, Title: title, Result: res, Why: why, Mend: mend, Evidence: ee})
		switch res {
		case preflight.Pass:
			r.Counts.Pass++
		case preflight.Warn:
			r.Counts.Warn++
		case preflight.Fail:
			r.Counts.Fail++
		default:
			r.Counts.Unknown++
		}
	}
	add("image.exists", "the image is in its registry", preflight.Pass, "deployment-43 is there, 212 MB", "")
	add("start.migrate", "migrations do not run at container start", preflight.Fail, "the server migrates before it starts: twelve machines would migrate at once", "move it into release_command, under [deploy] of fly.toml",
		preflight.Evidence{Path: "rel/overlays/bin/server", Line: 4, Text: "./changelog eval Changelog.Release.migrate"})
	add("settings.kill", "kill_timeout covers what is under way", preflight.Warn, "it is 5 s, and requests take up to 30 s", "kill_timeout = 35", preflight.Evidence{Path: "fly.toml", Line: 6, Text: "kill_timeout = 5"})
	add("db.pool", "the pools fit into max_connections", preflight.Unknown, "the database could not be asked", "set database.url_env")
	at := func(from, v string) source.Pin { return source.Pin{Tool: source.Elixir, From: from, Version: v} }
	rows := versions.Matrix([]source.Pin{at(".tool-versions", "1.18.4"), at("Dockerfile", "1.17.3"), {Tool: source.Erlang, From: ".tool-versions", Version: "27.3"}})
	return &watch.Checked{Report: r, Matrix: rows}
}

// acts are some that were done.
func acts() []audit.Act {
	var out []audit.Act
	for i, o := range []audit.Outcome{audit.Began, audit.Done, audit.Failed, audit.Detached, audit.Cancelled} {
		a := audit.Act{Entry: audit.Entry{
			At: ago(time.Duration(1+i*95) * time.Minute), User: "ana@laptop", Action: []string{"deploy", "deploy", "rollback", "deploy resume", "backup run"}[i], Target: image(43 - i), Outcome: o,
			Command: "ops-console deploy --image " + image(43-i),
		}}
		if o != audit.Began {
			a.Ended = a.At.Add(83 * time.Second)
		}
		if o == audit.Failed {
			a.Detail = "rollback to v1479 went back: machine 91857a0c5d never became healthy"
		}
		out = append(out, a)
	}
	return out
}

// snapshot is a world with these deployments.
func snapshot(f watch.Fleet, dd ...watch.Deployment) *watch.Snapshot {
	return &watch.Snapshot{Fleet: f, Deployments: dd, Acts: acts()}
}

func message(seq uint64, s *watch.Snapshot) pane.DeploysMsg {
	return pane.DeploysMsg{Known: true, Snapshot: feed.Snapshot[*watch.Snapshot]{Seq: seq, At: tuitest.Now(), GoodAt: ago(3 * time.Second), Value: s}}
}

// with is a pane that shows a snapshot.
func with(s *watch.Snapshot) *Pane {
	p := New("changelog")
	p.Update(message(1, s))
	return p
}

func planned(p *engine.Plan, notes ...string) *watch.Planned {
	return &watch.Planned{Plan: p, Notes: notes, At: ago(5 * time.Second)}
}

// worlds are what there can be to show.
func worlds() map[string]*watch.Snapshot {
	change := func(s *watch.Snapshot, f func(*watch.Snapshot)) *watch.Snapshot { f(s); return s }
	dep := func(d watch.Deployment, f func(*watch.Deployment)) watch.Deployment { f(&d); return d }
	rollback := plan(12)
	rollback.Kind, rollback.Command, rollback.Migrations, rollback.Gates = engine.KindRollback, nil, nil, nil
	rollback.Artifact = engine.Artifact{Image: image(40), Digest: "sha256:33", Release: 1480}
	return map[string]*watch.Snapshot{
		"calm":    snapshot(fleet(12, 0), over(engine.Deployed, "")),
		"mixed":   change(snapshot(fleet(12, 5)), func(s *watch.Snapshot) { s.Checked = report() }),
		"none":    snapshot(watch.Fleet{}),
		"planned": change(snapshot(fleet(12, 0)), func(s *watch.Snapshot) { s.Planned = planned(plan(12)) }),
		"noback": change(snapshot(fleet(42, 0)), func(s *watch.Snapshot) {
			s.Planned = planned(forbidden(plan(42)), "fly.toml asks for [deploy] wait_timeout, which is not carried out")
		}),
		"rollback": change(snapshot(fleet(12, 12), dep(over(engine.Deployed, ""), func(d *watch.Deployment) { d.Plan = forbidden(d.Plan) })), func(s *watch.Snapshot) { s.Planned = planned(rollback) }),
		"planning": change(snapshot(fleet(12, 0)), func(s *watch.Snapshot) {
			s.Job = &watch.Job{Kind: watch.JobPlan, Title: "plan a deployment of " + image(43), Started: ago(2 * time.Second)}
		}),
		"planfailed": change(snapshot(fleet(12, 0)), func(s *watch.Snapshot) {
			s.Job = &watch.Job{Kind: watch.JobPlan, Title: "plan a deployment of " + image(99), Started: ago(4 * time.Second), Ended: ago(2 * time.Second), Err: errors.New("find the image to deploy: the registry does not have it")}
		}),
		"rolling": snapshot(fleet(42, 18), dep(rolling(42, 18), func(d *watch.Deployment) { d.Progress.Guards = calm() })),
		"guards": snapshot(fleet(12, 3), dep(rolling(12, 3), func(d *watch.Deployment) {
			d.Progress.Paused, d.Progress.Choices = "5xx of the new machines is 2.1%, over 1%", []engine.Choice{engine.Resume, engine.Abort, engine.Abandon}
			d.Progress.Guards, d.Progress.ByGuard, d.Progress.BackAt = guards(), true, ago(-4*time.Minute)
		})),
		"back": snapshot(fleet(12, 3), dep(rolling(12, 3), func(d *watch.Deployment) {
			d.Progress.Phase, d.Progress.Back, d.Progress.Choices = engine.Reverting, "machine "+machineID(3)+" never became healthy: check readyz answers 503", []engine.Choice{engine.Forward, engine.Abandon}
		})),
		"halted":    snapshot(fleet(12, 3), still(engine.HaltSchema, "machine "+machineID(3)+" is not healthy, and the old release is not known to work with the schema: drops orders.legacy_ref", engine.Resume, engine.RollBackAnyway, engine.Abandon)),
		"lost":      snapshot(fleet(12, 3), still(engine.HaltMigration, "the machine of the release command is gone, and how it ended is not known", engine.Resume, engine.Ran, engine.RollBackAnyway, engine.Abandon)),
		"killed":    snapshot(fleet(12, 3), dep(rolling(12, 3), func(d *watch.Deployment) { d.Here, d.Progress.ETA, d.Progress.Waiting = false, 0, "" })),
		"elsewhere": snapshot(fleet(12, 3), dep(rolling(12, 3), func(d *watch.Deployment) { d.Here, d.InUse, d.Holder = false, true, "ben@desk" })),
		"away": snapshot(fleet(12, 3), dep(rolling(12, 3), func(d *watch.Deployment) {
			d.Here, d.Elsewhere, d.Holder, d.Progress.ETA, d.Progress.Waiting = false, true, "ben@desk", 0, ""
		})),
		"awayheld":   snapshot(fleet(12, 3), dep(rolling(12, 3), func(d *watch.Deployment) { d.Here, d.Elsewhere, d.InUse, d.Holder = false, true, true, "ben@desk" })),
		"damaged":    snapshot(fleet(12, 3), watch.Deployment{ID: id(1), Path: "/home/ana/" + id(1) + ".jsonl", Err: errors.New("line 17: its sum is wrong")}),
		"rolledback": snapshot(fleet(12, 0), over(engine.RolledBack, "machine "+machineID(1)+" never became healthy: its process ended with 1")),
		"record":     change(snapshot(fleet(12, 0)), func(s *watch.Snapshot) { s.Flaws = []string{"line 7: what stood before it was changed or taken out"} }),
		"checked":    change(snapshot(fleet(12, 0)), func(s *watch.Snapshot) { s.Checked = report() }),
		"checking": change(snapshot(fleet(12, 0)), func(s *watch.Snapshot) {
			s.Job = &watch.Job{Kind: watch.JobCheck, Title: "preflight", Started: ago(3 * time.Second)}
		}),
		"hostile": hostile(),
	}
}

// guards are one that pauses, one that does not, one that cannot, and one of which nothing is known.
func guards() []engine.Guard {
	nan := math.NaN()
	return []engine.Guard{
		{Name: "5xx", Value: "2.1%", Limit: "1%", Before: "0.12%", Where: "the new machines", Over: true, At: ago(20 * time.Second), Top: .01, Recent: []float64{.001, .002, .001, .001, .004, .009, .021}},
		{Name: "p99", Value: "205ms", At: ago(70 * time.Second), Recent: []float64{.2, .21, nan, nan, .205}},
		{Name: "lag", Limit: "10s", Top: 10, Unknown: true, Why: "no replica says how far behind it is", Recent: []float64{2, nan, nan}},
		{Name: "restarts", Value: "0", Limit: "0", At: ago(0), Recent: []float64{0, 0, 0, 1, 0}},
	}
}

// calm are guards that let it go on.
func calm() []engine.Guard {
	return []engine.Guard{
		{Name: "5xx", Value: "0.18%", Limit: "1%", Before: "0.12%", At: ago(20 * time.Second), Top: .01, Recent: []float64{.001, .001, .001, .002, .002, .0018, .001, .0018}},
		{Name: "p99", Value: "205ms", Limit: "400ms", At: ago(20 * time.Second), Top: .4, Recent: []float64{.2, .21, .22, .22, .23, .2, .21, .205}},
		{Name: "lag", Value: "2.4s", Limit: "10s", Where: "syd", At: ago(3 * time.Second), Top: 10, Recent: []float64{3, 3, 4, 4, 3.5, 3, 2.5, 2.4}},
		{Name: "restarts", Value: "0", Limit: "0", At: ago(0), Recent: []float64{0, 0, 0, 0, 0, 0, 0, 0}},
	}
}

// hostile is a world whose texts are not to be trusted.
func hostile() *watch.Snapshot {
	bad := strings.Join(tuitest.Hostile(), " ")
	d := still(engine.HaltSchema, bad, engine.Resume, engine.Abandon)
	d.Plan.By, d.Plan.Artifact.Image, d.Plan.Command.Text, d.Err = bad, bad, bad, errors.New(bad)
	d.Plan.Migrations[0].Name, d.Plan.Migrations[1].Why = bad, bad
	for i := range d.Progress.Machines {
		m := &d.Progress.Machines[i]
		m.Text, m.Region, m.Group, m.ID = bad, bad, bad, bad+m.ID
	}
	for i := range d.Events {
		d.Events[i].Text, d.Events[i].Machine, d.Events[i].Region = bad, bad, bad
	}
	d.Progress.Guards = []engine.Guard{{Name: bad, Value: bad, Limit: bad, Where: bad, Before: bad, Over: true, Recent: []float64{1, math.NaN(), math.Inf(1)}}, {Name: bad, Unknown: true, Why: bad}}
	f := fleet(6, 2)
	for i := range f.Releases {
		r := &f.Releases[i]
		r.Status, r.Description, r.Image, r.By, r.Strategy = bad, bad, bad, bad, bad
	}
	s := snapshot(f, d)
	s.Flaws, s.LocalErr = []string{bad}, errors.New(bad)
	for i := range s.Acts {
		a := &s.Acts[i]
		a.Action, a.User, a.Target, a.Detail = bad, bad, bad, bad
	}
	s.Checked = report()
	for i := range s.Checked.Report.Items {
		it := &s.Checked.Report.Items[i]
		it.Title, it.Why, it.Mend = bad, bad, bad
	}
	s.Job = &watch.Job{Kind: watch.JobPlan, Title: bad, Started: ago(time.Minute), Ended: ago(time.Second), Err: errors.New(bad)}
	return s
}
