package platform

import (
	"cmp"
	"slices"

	"ops-console/ops/fly"
)

func placeEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET /v1/platform/regions":     {do: (*call).listRegions},
		"POST /v1/platform/placements": {do: (*call).placements},
		"GET /v1/tokens/current":       {do: (*call).currentToken},
	}
}

func (c *call) listRegions() (reply, error) {
	type regionJSON struct {
		Code             string  `json:"code"`
		Name             string  `json:"name"`
		Latitude         float64 `json:"latitude"`
		Longitude        float64 `json:"longitude"`
		GatewayAvailable bool    `json:"gateway_available"`
		RequiresPaidPlan bool    `json:"requires_paid_plan"`
		Deprecated       bool    `json:"deprecated"`
		Capacity         int     `json:"capacity"`
		GeoRegion        string  `json:"geo_region"`
		MPGAvailable     bool    `json:"mpg_available"`
	}
	var rr []regionJSON
	for _, r := range Regions() {
		rr = append(rr, regionJSON{
			Code: r.Code, Name: r.Name, Latitude: r.Latitude, Longitude: r.Longitude, GatewayAvailable: r.GatewayAvailable,
			Deprecated: r.Deprecated, Capacity: 100, GeoRegion: geoRegion(r), MPGAvailable: !r.Deprecated,
		})
	}
	return ok(map[string]any{"nearest": c.w.nearest(), "regions": rr})
}

// placements answers how many machines there is room for, the nearest region first.
func (c *call) placements() (reply, error) {
	var in struct {
		Org    string `json:"org_slug"`
		Region string `json:"region"`
		Count  int    `json:"count"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.Org != "" && in.Org != c.w.opts.Org.Slug {
		return reply{}, errNotFound("organization not found: %s", in.Org)
	}
	wanted := splitList([]string{in.Region})
	from, _ := RegionNamed(c.w.nearest())
	all := Regions()
	slices.SortStableFunc(all, func(a, b fly.Region) int { return cmp.Compare(Distance(from, a), Distance(from, b)) })
	type place struct {
		Region      string `json:"region"`
		Count       int    `json:"count"`
		Concurrency int    `json:"concurrency"`
	}
	pp := []place{}
	for _, r := range all {
		if r.Deprecated || len(wanted) > 0 && !slices.Contains(wanted, r.Code) && !slices.Contains(wanted, "any") {
			continue
		}
		pp = append(pp, place{r.Code, max(in.Count, 1), 1})
	}
	return ok(map[string]any{"regions": pp})
}

func (c *call) currentToken() (reply, error) {
	return ok(map[string]any{"tokens": []any{map[string]any{
		"token_id": "tok_1", "user": c.user.Email, "organization": c.w.opts.Org.Slug, "org_slug": c.w.opts.Org.Slug, "apps": []string{}, "restricted_to_machine": "",
	}}})
}
