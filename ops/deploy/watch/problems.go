package watch

import (
	"fmt"
	"slices"
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
	codeGuarded    = "deploy.guarded"
	codeAlone      = "deploy.elsewhere"
)

// Conditions are all that can be wrong with deployments.
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
			Hint: "put the journal aside, in pane 7: from the mark on its first machine it can be taken over then (`ops-console resume`); where there is none, look which release each machine runs and whether the release command ran",
		},
		{
			Code: codePaused, Severity: ops.Warning, Title: "a deployment is paused",
			Hint: "machines run different releases as long as it is: let it go on, or back",
		},
		{
			Code: codeGuarded, Severity: ops.Warning, Title: "a guard has paused a deployment",
			Hint: "look at the log of the new machines: what is measured got worse since they run. It goes on by itself once that is calm, " +
				"and goes back once it is not for as long as a machine may take to become healthy. `a` in pane 7 goes back at once; " +
				"`u` goes on in spite of the guards, for the rest of this deployment",
		},
		{
			Code: codeAlone, Severity: ops.Warning, Title: "a deployment that nobody else can go on with has not ended",
			Hint: "its plan is only where its journal is: ask who has it",
		},
	}
}

// problems are what is wrong with deployments, and with those among elsewhere that cannot be taken over.
func problems(dd, elsewhere []Deployment) []ops.Problem {
	var out []ops.Problem
	add := func(code string, d *Deployment, detail string) {
		for _, c := range Conditions() {
			if c.Code == code {
				out = append(out, c.Of(ops.Subject{}, since(d), detail))
			}
		}
	}
	for i := range elsewhere {
		d := &elsewhere[i]
		if d.Plan == nil && !slices.ContainsFunc(dd, func(x Deployment) bool { return x.ID == d.ID }) {
			add(codeAlone, d, fmt.Sprintf("%s, of %s: %v", d.ID, d.Holder, d.Err))
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
			add(codeLeft, d, what(d.Plan)+", by "+d.Plan.By+where(d))
		case p.Paused != "" && p.ByGuard:
			add(codeGuarded, d, p.Paused)
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

// where says whether its journal is here.
func where(d *Deployment) string {
	if d.Elsewhere {
		return "; its journal is not here, but it can be taken over"
	}
	return ""
}

// what is a plan in a few words.
func what(p *deploy.Plan) string { return string(p.Kind) + " of " + p.Artifact.Image }
