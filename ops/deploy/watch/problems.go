package watch

import (
	"time"

	"ops-console/ops"
	"ops-console/ops/deploy"
)

// The codes.
const (
	codeLeft       = "deploy.left"
	codeStill      = "deploy.still"
	codeUnreadable = "deploy.unreadable"
	codePaused     = "deploy.paused"
)

// Conditions are all that can be wrong with deployments whose journals are on this machine.
func Conditions() []ops.Condition {
	return []ops.Condition{
		{
			Code: codeStill, Severity: ops.Critical, Title: "a deployment stands still and needs a decision",
			Hint: "pane 7 says why, and what each answer does; without it: `ops-console resume --choose`",
		},
		{
			Code: codeLeft, Severity: ops.Critical, Title: "a deployment was left in the middle",
			Hint: "machines may run different releases: go on with `ops-console resume`, or go back with `ops-console abort`",
		},
		{
			Code: codeUnreadable, Severity: ops.Critical, Title: "a deployment's journal cannot be read",
			Hint: "look which release each machine runs and whether the release command ran; then put the journal aside, in pane 7",
		},
		{
			Code: codePaused, Severity: ops.Warning, Title: "a deployment is paused",
			Hint: "machines run different releases as long as it is: let it go on, or back",
		},
	}
}

// problems are what is wrong with deployments.
func problems(dd []Deployment) []ops.Problem {
	var out []ops.Problem
	add := func(code string, d *Deployment, detail string) {
		for _, c := range Conditions() {
			if c.Code == code {
				out = append(out, c.Of(ops.Subject{}, since(d), detail))
			}
		}
	}
	for i := range dd {
		d := &dd[i]
		p := &d.Progress
		switch {
		case d.Over():
		case d.Plan == nil && d.Err != nil:
			add(codeUnreadable, d, d.ID+": "+d.Err.Error())
		case p.Halt != "":
			add(codeStill, d, p.Reason)
		case d.Waits():
			add(codeLeft, d, what(d.Plan)+", by "+d.Plan.By)
		case p.Paused != "":
			add(codePaused, d, p.Paused)
		}
	}
	ops.SortProblems(out)
	return out
}

// since is when a deployment was last heard of.
func since(d *Deployment) time.Time {
	if n := len(d.Events); n > 0 {
		return d.Events[n-1].At
	}
	return d.Progress.At
}

// what is a plan in a few words.
func what(p *deploy.Plan) string { return string(p.Kind) + " of " + p.Artifact.Image }
