package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/fly"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres/conninfo"
)

const (
	// flexPort is where each machine of a Fly Postgres app has its own PostgreSQL (postgres-flex and its predecessor). 5432
	// is HAProxy, which leads to the primary.
	flexPort = 5433
	// maxMachines bounds what one DNS answer is believed to list.
	maxMachines = 1000
)

// machine is a machine of a Fly Postgres app.
type machine struct {
	id, region, address string
	role                string // what its role check says; empty: nothing
}

// machines are the nodes of a Fly Postgres app.
func (f *Finder) machines(ctx context.Context, l login) ([]Node, error) {
	app := f.o.Database.App
	mm, err := f.listed(ctx, app)
	if err != nil {
		var dns error
		if mm, dns = f.resolved(ctx, app); dns != nil {
			return nil, fmt.Errorf("find the machines of %s: %w; and its DNS: %w", app, err, dns)
		}
		err = fmt.Errorf("the platform did not say which machines %s has, these are from the network's DNS: %w", app, err)
	}
	if len(mm) == 0 && err == nil {
		return nil, fmt.Errorf("the app %s has no machine that is started and runs PostgreSQL", app)
	}
	names := both(app+".internal", app+".flycast")
	if hh, wrong := l.settings.Hosts(); wrong == nil {
		names = append(names, hh...)
	}
	var nn []Node
	errs := []error{err}
	for _, m := range mm {
		h := conninfo.Host{Name: m.address, Port: flexPort}
		n, wrong := l.node(l.settings, h, f.o.Database.Via, append(both(m.address, m.id+".vm."+app+".internal"), names...)...)
		if wrong != nil {
			errs = append(errs, wrong)
			continue
		}
		n.Name, n.Region, n.Expect, n.From = m.id, m.region, roles[m.role], "app "+app
		nn = append(nn, n)
	}
	return nn, errors.Join(errs...)
}

// roles are the outputs of the role check that are roles of ours; leader is the predecessor's word.
var roles = map[string]Role{"primary": RolePrimary, "leader": RolePrimary, "replica": RoleReplica}

// listed asks the platform.
func (f *Finder) listed(ctx context.Context, app string) ([]machine, error) {
	if f.o.Platform == nil {
		return nil, errors.New("there is no platform to ask")
	}
	all, err := f.o.Platform.Machines(ctx, app)
	if err != nil {
		return nil, err
	}
	some := slices.ContainsFunc(all, managed)
	var mm []machine
	for _, m := range all {
		if some && !managed(m) || !runs(m) {
			continue
		}
		x := machine{id: m.ID, region: plaintext.Line(m.Region, 20), address: m.PrivateIP, role: roleCheck(m)}
		if x.role == "witness" || x.role == "barman" { // members of the cluster, but no copies of the database
			continue
		}
		if x.address == "" {
			x.address = m.ID + ".vm." + app + ".internal"
		}
		mm = append(mm, x)
	}
	return sorted(mm), nil
}

// managed tells whether a machine says of itself that it runs Fly Postgres.
func managed(m fly.Machine) bool {
	c := m.Config
	if c == nil {
		c = m.IncompleteConfig
	}
	if m.ImageRef.Labels["fly.pg-manager"] != "" || c != nil && c.Metadata["fly-managed-postgres"] == "true" {
		return true
	}
	return slices.ContainsFunc(m.Checks, func(c fly.CheckStatus) bool { return c.Name == "role" })
}

// runs tells whether a machine may answer. Of one on a host that cannot be reached the platform does not know.
func runs(m fly.Machine) bool {
	return m.State == fly.StateStarted || m.HostStatus != "" && m.HostStatus != fly.HostOK
}

// roleCheck is what postgres-flex's check of the role says (GET :5500/flycheck/role).
func roleCheck(m fly.Machine) string {
	for _, c := range m.Checks {
		if c.Name == "role" && c.Status == fly.CheckPassing {
			return strings.ToLower(strings.Trim(c.Output, " \t\r\n\""))
		}
	}
	return ""
}

// resolved asks the network's DNS for the machines that are started, and where they are.
func (f *Finder) resolved(ctx context.Context, app string) ([]machine, error) {
	if f.o.Resolver == nil {
		return nil, errors.New("the private network was not joined")
	}
	txt, err := f.o.Resolver.LookupTXT(ctx, "vms."+app+".internal")
	if err != nil {
		return nil, err
	}
	mm := parseVMs(txt)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i := range mm {
		name := mm[i].id + ".vm." + app + ".internal"
		g.Go(func() error {
			aa, err := f.o.Resolver.LookupNetIP(ctx, name)
			if gone := (*net.DNSError)(nil); errors.As(err, &gone) && gone.IsNotFound {
				return nil // stopped between the two questions
			}
			if err != nil {
				return err
			}
			mm[i].address = aa[0].String()
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return sorted(slices.DeleteFunc(mm, func(m machine) bool { return m.address == "" })), nil
}

// parseVMs reads "ID REGION,ID REGION". What does not look like that is left out.
func parseVMs(txt []string) []machine {
	var mm []machine
	for _, record := range txt {
		for part := range strings.SplitSeq(record, ",") {
			id, region, _ := strings.Cut(strings.TrimSpace(part), " ")
			if !plainWord(id) || region != "" && !plainWord(region) {
				continue
			}
			if mm = append(mm, machine{id: id, region: region}); len(mm) == maxMachines {
				return mm
			}
		}
	}
	return mm
}

// plainWord tells whether s can be a machine's id or a region: it goes into names that are looked up.
func plainWord(s string) bool {
	return s != "" && len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}

func sorted(mm []machine) []machine {
	slices.SortFunc(mm, func(a, b machine) int { return cmp.Or(cmp.Compare(a.region, b.region), cmp.Compare(a.id, b.id)) })
	return mm
}
