package platform

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"ops-console/ops/fly"
)

func appEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET /v1/apps":                     {do: (*call).listApps},
		"POST /v1/apps":                    {do: (*call).createApp},
		"GET /v1/apps/{app}":               {do: (*call).getApp},
		"DELETE /v1/apps/{app}":            {do: (*call).deleteApp},
		"POST /v1/apps/{app}/deploy_token": {do: (*call).deployToken},
	}
}

// appJSON is an app as the Machines API writes it.
type appJSON struct {
	ID                string  `json:"id"`
	InternalNumericID int     `json:"internal_numeric_id"`
	Name              string  `json:"name"`
	Network           string  `json:"network"`
	NetworkCIDR       string  `json:"network_cidr"`
	Status            string  `json:"status"`
	MachineCount      int     `json:"machine_count"`
	VolumeCount       int     `json:"volume_count"`
	Organization      orgJSON `json:"organization"`
	CnameTarget       string  `json:"cname_target"`
	AppRole           string  `json:"app_role"`
}

type orgJSON struct {
	Name              string `json:"name"`
	Slug              string `json:"slug"`
	InternalNumericID int    `json:"internal_numeric_id"`
}

// orgNumericID is the organization's number, which some interfaces write as text.
const orgNumericID = 700_123

func (w *World) appJSON(a *app) appJSON {
	return appJSON{
		ID: a.id, InternalNumericID: a.numericID, Name: a.name, Network: a.network, NetworkCIDR: w.prefix.String(),
		Status: a.status, MachineCount: a.machineCount(), VolumeCount: len(a.volumes),
		Organization: orgJSON{w.opts.Org.Name, w.opts.Org.Slug, orgNumericID},
		CnameTarget:  a.cname(), AppRole: a.role,
	}
}

func (a *app) cname() string    { return imageDigest(a.name)[7:14] + "." + a.hostname() }
func (a *app) hostname() string { return a.name + ".fly.dev" }

func (c *call) listApps() (reply, error) {
	q := c.URL.Query()
	switch org := q.Get("org_slug"); {
	case org == "":
		return reply{}, errBadRequest("org_slug is required")
	case org != c.w.opts.Org.Slug && org != "personal":
		return reply{}, errNotFound("organization not found: %s", org)
	}
	limit, err := limitOf(q.Get("limit"), 1000)
	if err != nil {
		return reply{}, err
	}
	aa := c.w.appOrder
	if cur := q.Get("cursor"); cur != "" {
		i := slices.IndexFunc(aa, func(a *app) bool { return a.id == cur })
		if i < 0 {
			return reply{}, errBadRequest("invalid cursor")
		}
		aa = aa[i+1:]
	}
	next := ""
	if len(aa) > limit {
		aa, next = aa[:limit], aa[limit-1].id
	}
	list := make([]appJSON, 0, len(aa))
	for _, a := range aa {
		list = append(list, c.w.appJSON(a))
	}
	return ok(map[string]any{"total_apps": len(c.w.appOrder), "next_cursor": next, "apps": list})
}

// limitOf reads a page size.
func limitOf(s string, most int) (int, error) {
	if s == "" {
		return most, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, errBadRequest("limit %q is not in 1..%d", s, most)
	}
	return n, nil
}

func (c *call) createApp() (reply, error) {
	var in struct {
		Name    string `json:"name"`
		AppName string `json:"app_name"`
		Org     string `json:"org_slug"`
		Network string `json:"network"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	name := cmp.Or(in.Name, in.AppName)
	switch {
	case name == "":
		return reply{}, errBadRequest("name is required")
	case in.Org != c.w.opts.Org.Slug:
		return reply{}, errNotFound("organization not found: %s", in.Org)
	case c.w.apps[name] != nil:
		return reply{}, apiError{http.StatusUnprocessableEntity, "Validation failed: Name has already been taken", "name_taken"}
	}
	a := c.w.addApp(fly.App{Name: name, Network: in.Network, Status: "pending"})
	return reply{status: http.StatusCreated, body: map[string]any{"id": a.id, "name": a.name, "created_at": a.created.UnixMilli(), "token": ""}}, nil
}

func (c *call) getApp() (reply, error) { return ok(c.w.appJSON(c.app)) }

func (c *call) deleteApp() (reply, error) {
	if c.app.machineCount() > 0 && c.URL.Query().Get("force") != "true" {
		return reply{}, errPrecondition("app %s still has machines", c.app.name)
	}
	for _, m := range c.app.machines {
		delete(c.w.machines, m.id)
	}
	delete(c.w.apps, c.app.name)
	c.w.appOrder = slices.DeleteFunc(c.w.appOrder, func(a *app) bool { return a == c.app })
	c.w.dirty = true
	return reply{status: http.StatusAccepted}, nil
}

func (c *call) deployToken() (reply, error) {
	t := "fo1_deploy_" + c.w.newHex(12)
	c.w.tokens[t] = c.user
	return ok(map[string]string{"token": t})
}
