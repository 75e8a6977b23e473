package platform

import (
	"cmp"
	"slices"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flysim/platform/graphql"
)

func queryFields() fields[struct{}] {
	return fields[struct{}]{
		"app": func(c *call, _ struct{}, a graphql.Args) (any, error) {
			return c.gqlApp(cmp.Or(a.Text("name"), a.Text("id"), a.Text("internalId")))
		},
		"apps": func(c *call, _ struct{}, a graphql.Args) (any, error) {
			apps := c.w.appOrder
			if org := a.Text("organizationId"); org != "" && org != c.w.opts.Org.ID {
				apps = nil
			}
			return c.gqlApps(apps, a)
		},
		"organization": func(c *call, _ struct{}, a graphql.Args) (any, error) {
			o := c.w.opts.Org
			name := cmp.Or(a.Text("slug"), a.Text("id"), a.Text("name"))
			if name != o.Slug && name != o.ID && name != o.Name {
				return nil, gqlNotFound("Organization", name)
			}
			return c.gqlOrg(), nil
		},
		"organizations": func(c *call, _ struct{}, _ graphql.Args) (any, error) {
			return connection("Organization", []any{c.gqlOrg()}, ""), nil
		},
		"viewer": func(c *call, _ struct{}, _ graphql.Args) (any, error) {
			u := userNode(c.user)
			u.values["enablePaidHobby"] = false
			u.values["featureFlags"] = []any{}
			u.values["personalOrganization"] = c.gqlOrg()
			return u, nil
		},
		"nearestRegion": func(c *call, _ struct{}, _ graphql.Args) (any, error) {
			r, _ := RegionNamed(c.w.nearest())
			return regionNode(r), nil
		},
		"platform": func(c *call, _ struct{}, _ graphql.Args) (any, error) {
			var rr []any
			for _, r := range Regions() {
				rr = append(rr, regionNode(r))
			}
			return record{"PlatformInfo", map[string]any{"regions": rr, "requestRegion": c.w.nearest()}}, nil
		},
		"latestImageDetails": func(_ *call, _ struct{}, a graphql.Args) (any, error) {
			r := parseImage(a.Text("image"))
			return record{"ImageVersion", map[string]any{
				"registry": r.Registry, "repository": r.Repository, "tag": r.Tag, "version": "N/A", "digest": r.Digest,
			}}, nil
		},
		"canPerformBluegreenDeployment": func(c *call, _ struct{}, a graphql.Args) (any, error) {
			if c.w.apps[a.Text("name")] == nil {
				return nil, gqlNotFound("App", a.Text("name"))
			}
			return true, nil
		},
	}
}

func (c *call) gqlApp(name string) (any, error) {
	for _, a := range c.w.appOrder {
		if a.name == name || a.id == name {
			return object(c, "App", appFields, a), nil
		}
	}
	return nil, gqlNotFound("App", name)
}

func (c *call) gqlApps(apps []*app, a graphql.Args) (any, error) {
	apps, next, err := page(apps, a, func(x *app) string { return x.id })
	if err != nil {
		return nil, err
	}
	nodes := make([]any, 0, len(apps))
	for _, x := range apps {
		nodes = append(nodes, object(c, "App", appFields, x))
	}
	return connection("App", nodes, next), nil
}

// constant is a field that is the same for all values.
func constant[T any](v any) func(*call, T, graphql.Args) (any, error) {
	return func(*call, T, graphql.Args) (any, error) { return v, nil }
}

// plain is a field that needs the value only.
func plain[T any](f func(T) any) func(*call, T, graphql.Args) (any, error) {
	return func(_ *call, v T, _ graphql.Args) (any, error) { return f(v), nil }
}

func appFields() fields[*app] {
	releases := func(typ string) func(c *call, x *app, a graphql.Args) (any, error) {
		return func(c *call, x *app, a graphql.Args) (any, error) {
			rr, next, err := page(x.releases, a, func(r *release) string { return r.id })
			if err != nil {
				return nil, err
			}
			nodes := make([]any, 0, len(rr))
			for _, r := range rr {
				nodes = append(nodes, releaseNode(typ, r))
			}
			return connection(typ, nodes, next), nil
		}
	}
	current := func(typ string) func(c *call, x *app, a graphql.Args) (any, error) {
		return func(_ *call, x *app, _ graphql.Args) (any, error) {
			if len(x.releases) == 0 {
				return nil, nil
			}
			return releaseNode(typ, x.releases[0]), nil
		}
	}
	return fields[*app]{
		"id":                        plain(func(a *app) any { return a.id }),
		"internalId":                plain(func(a *app) any { return a.id }),
		"internalNumericId":         plain(func(a *app) any { return a.numericID }),
		"name":                      plain(func(a *app) any { return a.name }),
		"hostname":                  plain(func(a *app) any { return a.hostname() }),
		"cnameTarget":               plain(func(a *app) any { return a.cname() }),
		"deployed":                  plain(func(a *app) any { return len(a.releases) > 0 || len(a.machines) > 0 }),
		"network":                   plain(func(a *app) any { return a.network }),
		"status":                    plain(func(a *app) any { return a.status }),
		"state":                     constant[*app]("DEPLOYED"),
		"appUrl":                    plain(func(a *app) any { return "https://" + a.hostname() }),
		"platformVersion":           constant[*app]("machines"),
		"createdAt":                 plain(func(a *app) any { return stamp(a.created) }),
		"version":                   plain(func(a *app) any { return a.version() }),
		"role":                      plain(func(a *app) any { return record{"EmptyAppRole", map[string]any{"name": a.role}} }),
		"organization":              func(c *call, _ *app, _ graphql.Args) (any, error) { return c.gqlOrg(), nil },
		"currentRelease":            current("Release"),
		"currentReleaseUnprocessed": current("ReleaseUnprocessed"),
		"releases":                  releases("Release"),
		"releasesUnprocessed":       releases("ReleaseUnprocessed"),
		"image":                     imageField,
		"ipAddresses":               ipAddresses,
		"sharedIpAddress":           constant[*app]("66.241.125.1"),
		"egressIpAddresses":         constant[*app](connection("EgressIPAddress", []any{}, "")),
		"appHostIssues":             constant[*app](connection("AppHostIssue", []any{}, "")),
		"currentLock":               currentLock,
		"config":                    plain(func(a *app) any { return record{"AppConfig", map[string]any{"definition": a.definition()}} }),
		"secrets": plain(func(a *app) any {
			ss := make([]any, 0, len(a.secrets))
			for _, s := range a.secrets {
				v := s.view(false)
				ss = append(ss, record{"Secret", map[string]any{"id": v.Name, "name": v.Name, "digest": v.Digest, "createdAt": v.CreatedAt}})
			}
			return ss
		}),
	}
}

func (a *app) version() int {
	if len(a.releases) == 0 {
		return 0
	}
	return a.releases[0].version
}

func imageField(_ *call, _ *app, a graphql.Args) (any, error) {
	ref := a.Text("ref")
	r := parseImage(ref)
	if r.Repository == "" || traitOf(r.Tag).gone {
		return nil, gqlNotFound("Image", ref)
	}
	full := r.Registry + "/" + r.Repository + ":" + r.Tag
	return record{"Image", map[string]any{
		"id": "img_" + r.Digest[7:min(len(r.Digest), 21)], "digest": r.Digest, "ref": full, "absoluteRef": full + "@" + r.Digest,
		"registry": r.Registry, "repository": r.Repository, "tag": r.Tag, "label": r.Tag,
		"compressedSize": 123456789, "compressedSizeFull": "123456789",
		"manifest": map[string]any{"schemaVersion": 2}, "config": map[string]any{}, "configDigest": r.Digest,
	}}, nil
}

func ipAddresses(_ *call, x *app, _ graphql.Args) (any, error) {
	ip := func(id, address, typ string) any {
		return record{"IPAddress", map[string]any{
			"id": id, "address": address, "type": typ, "region": "global", "createdAt": stamp(x.created), "network": nil, "serviceName": "",
		}}
	}
	return connection("IPAddress", []any{ip("ip_"+x.name+"_6", "2a09:8280:1::1", "v6"), ip("ip_"+x.name+"_4", "66.241.125.1", "shared_v4")}, ""), nil
}

func currentLock(c *call, x *app, _ graphql.Args) (any, error) {
	if x.lock == nil || !c.w.now.Before(x.lock.expires) {
		return nil, nil
	}
	return record{"AppLock", map[string]any{"lockId": x.lock.id, "expiration": stamp(x.lock.expires)}}, nil
}

func (c *call) gqlOrg() graphql.Object {
	return object(c, "Organization", orgFields, struct{}{})
}

func orgFields() fields[struct{}] {
	ff := fields[struct{}]{
		"wireGuardPeers": func(c *call, _ struct{}, a graphql.Args) (any, error) {
			pp, next, err := page(c.w.peers, a, func(p *peer) string { return p.id })
			if err != nil {
				return nil, err
			}
			nodes := make([]any, 0, len(pp))
			for _, p := range pp {
				nodes = append(nodes, p.node())
			}
			return connection("WireGuardPeer", nodes, next), nil
		},
		"wireGuardPeer": func(c *call, _ struct{}, a graphql.Args) (any, error) {
			i := slices.IndexFunc(c.w.peers, func(p *peer) bool { return p.name == a.Text("name") })
			if i < 0 {
				return nil, gqlNotFound("WireGuardPeer", a.Text("name"))
			}
			return c.w.peers[i].node(), nil
		},
		"apps": func(c *call, _ struct{}, a graphql.Args) (any, error) { return c.gqlApps(c.w.appOrder, a) },
	}
	text := func(f func(fly.Organization) any) func(*call, struct{}, graphql.Args) (any, error) {
		return func(c *call, _ struct{}, _ graphql.Args) (any, error) { return f(c.w.opts.Org), nil }
	}
	ff["id"] = text(func(o fly.Organization) any { return o.ID })
	ff["slug"] = text(func(o fly.Organization) any { return o.Slug })
	ff["rawSlug"] = text(func(o fly.Organization) any { return o.Slug })
	ff["name"] = text(func(o fly.Organization) any { return o.Name })
	for name, v := range map[string]any{
		// Large numbers are text, as the schema has it.
		"internalNumericId": itoa(orgNumericID), "type": "SHARED", "paidPlan": true, "billable": true, "billingStatus": "CURRENT",
		"viewerRole": "admin", "settings": map[string]any{}, "remoteBuilderImage": "",
		"limitedAccessTokens": connection("LimitedAccessToken", []any{}, ""),
	} {
		ff[name] = constant[struct{}](v)
	}
	return ff
}

func (p *peer) node() record {
	return record{"WireGuardPeer", map[string]any{
		"id": p.id, "name": p.name, "pubkey": p.pubkey, "region": p.region, "peerip": p.ip.String(), "network": p.network, "gatewayStatus": nil,
	}}
}

func releaseNode(typ string, r *release) record {
	v := map[string]any{
		"id": r.id, "version": r.version, "description": r.description, "reason": r.reason, "status": r.status,
		"imageRef": r.image, "stable": r.status == "complete", "inProgress": r.inProgress(), "deploymentStrategy": r.strategy,
		"createdAt": stamp(r.created), "updatedAt": stamp(r.created), "evaluationId": nil, "revertedTo": nil,
		"user": userNode(r.user), "metadata": nil,
	}
	if r.metadata != nil {
		v["metadata"] = r.metadata
	}
	if typ == "ReleaseUnprocessed" {
		v["configDefinition"] = r.definition
	} else {
		v["config"] = record{"AppConfig", map[string]any{"definition": r.definition}}
	}
	return record{typ, v}
}

func userNode(u fly.User) record {
	return record{"User", map[string]any{"id": u.ID, "email": u.Email, "name": u.Name}}
}

func regionNode(r fly.Region) record {
	return record{"Region", map[string]any{
		"code": r.Code, "name": r.Name, "latitude": r.Latitude, "longitude": r.Longitude,
		"gatewayAvailable": r.GatewayAvailable, "deprecated": r.Deprecated, "requiresPaidPlan": false, "processGroup": nil,
	}}
}
