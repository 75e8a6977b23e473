package overview

import (
	"slices"

	"ops-console/ops"
	"ops-console/tui/ident"
	"ops-console/tui/pane"
)

// takeDeploys takes in what is wrong with deployments. While one runs there are readings several times a second, of which
// few say anything new.
func (p *Pane) takeDeploys(m pane.DeploysMsg) {
	var pp []ops.Problem
	if m.Known && m.Snapshot.Value != nil {
		pp = m.Snapshot.Value.Problems
	}
	if slices.Equal(pp, p.deploys) {
		return
	}
	p.deploys = pp
	p.build()
}

// ofDeploys makes an entry one of deployments.
func ofDeploys(e problem, _ ops.Subject, _ string) problem {
	e.subject = "deploy"
	e.address = ident.To("deploy")
	return e
}
