package platform

import (
	"cmp"
	"encoding/json"
	"net/http"
)

func webEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET /api/v1/organizations":               {do: (*call).webOrganizations},
		"GET /api/v1/organizations/{org}":         {do: (*call).webOrganization},
		"GET /api/v1/apps/{app}/releases":         {do: (*call).webReleases},
		"GET /api/v1/apps/{app}/releases/current": {do: (*call).webCurrentRelease},
		"GET /api/v1/releases/all_current":        {do: (*call).webAllCurrent},
		"POST /api/v1/releases":                   {do: (*call).webCreateRelease},
		"PATCH /api/v1/releases/{release}":        {do: (*call).webUpdateRelease},
		"POST /api/v1/builds":                     {do: (*call).webBuild},
		"POST /api/v1/builds/finish":              {do: (*call).webFinishBuild},
		"GET /api/v1/apps/{app}/logs":             {do: (*call).webLogs},
	}
}

// webOrgJSON is the organization as the web REST interface writes it.
type webOrgJSON struct {
	ID                 string `json:"id"`
	InternalNumericID  int    `json:"internal_numeric_id"`
	Slug               string `json:"slug"`
	RawSlug            string `json:"raw_slug"`
	Name               string `json:"name"`
	PaidPlan           bool   `json:"paid_plan"`
	Personal           bool   `json:"personal"`
	BillingStatus      string `json:"billing_status"`
	Billable           bool   `json:"billable"`
	RemoteBuilderImage string `json:"remote_builder_image"`
}

func (w *World) webOrg() webOrgJSON {
	o := w.opts.Org
	return webOrgJSON{
		ID: o.ID, InternalNumericID: orgNumericID, Slug: o.Slug, RawSlug: o.Slug, Name: o.Name,
		PaidPlan: true, BillingStatus: "CURRENT", Billable: true,
	}
}

func (c *call) webOrganizations() (reply, error) {
	return ok(map[string]any{"organizations": []webOrgJSON{c.w.webOrg()}})
}

func (c *call) webOrganization() (reply, error) {
	if org := c.PathValue("org"); org != c.w.opts.Org.Slug && org != c.w.opts.Org.ID {
		return reply{}, errNotFound("organization not found: %s", org)
	}
	return ok(map[string]any{"organization": c.w.webOrg()})
}

func (c *call) webReleases() (reply, error) {
	limit, err := limitOf(c.URL.Query().Get("limit"), 1000)
	if err != nil {
		return reply{}, err
	}
	rr := make([]releaseJSON, 0, min(limit, len(c.app.releases)))
	for _, r := range c.app.releases[:min(limit, len(c.app.releases))] {
		rr = append(rr, r.view())
	}
	return ok(map[string]any{"releases": rr})
}

func (c *call) webCurrentRelease() (reply, error) {
	if len(c.app.releases) == 0 {
		return reply{}, errNotFound("release not found")
	}
	return ok(c.app.releases[0].view())
}

func (c *call) webAllCurrent() (reply, error) {
	out := map[string]string{}
	for _, a := range c.w.appOrder {
		if len(a.releases) > 0 {
			out[a.name] = stamp(a.releases[0].created)
		}
	}
	return ok(out)
}

func (c *call) webCreateRelease() (reply, error) {
	var in struct {
		App        string          `json:"app_name"`
		Definition json.RawMessage `json:"definition"`
		Image      string          `json:"image"`
		Strategy   string          `json:"strategy"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	a := c.w.apps[in.App]
	if a == nil {
		return reply{}, errNotFound("app not found: %s", in.App)
	}
	if string(in.Definition) == "null" {
		in.Definition = nil
	}
	r := c.w.addRelease(a, ReleaseSpec{
		Status: "pending", Strategy: cmp.Or(in.Strategy, "ROLLING"), Image: in.Image, User: c.user, Definition: in.Definition,
	})
	return reply{status: http.StatusCreated, body: map[string]any{"release": r.view()}}, nil
}

func (c *call) webUpdateRelease() (reply, error) {
	var in struct {
		Status   string          `json:"status"`
		Metadata json.RawMessage `json:"metadata"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	switch in.Status {
	case "pending", "running", "complete", "failed", "interrupted":
	default:
		return reply{}, errBadRequest("invalid status %q", in.Status)
	}
	for _, a := range c.w.appOrder {
		for _, r := range a.releases {
			if r.id != c.PathValue("release") {
				continue
			}
			r.status = in.Status
			if len(in.Metadata) > 0 && string(in.Metadata) != "null" {
				r.metadata = in.Metadata
			}
			c.w.dirty = true
			return ok(r.view())
		}
	}
	return reply{}, errNotFound("release not found")
}

func (c *call) webBuild() (reply, error) {
	var in struct {
		App string `json:"app_name"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	a := c.w.apps[in.App]
	if a == nil {
		return reply{}, errNotFound("app not found: %s", in.App)
	}
	a.builds++
	return ok(map[string]any{"id": a.builds, "status": "started", "wallclock_time_ms": 0})
}

func (c *call) webFinishBuild() (reply, error) {
	var in struct {
		App    string `json:"app_name"`
		ID     int    `json:"build_id"`
		Status string `json:"status"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if c.w.apps[in.App] == nil {
		return reply{}, errNotFound("app not found: %s", in.App)
	}
	return ok(map[string]any{"id": in.ID, "status": cmp.Or(in.Status, "completed"), "wallclock_time_ms": 5})
}
