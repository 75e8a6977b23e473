package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxListed bounds what one DNS answer is believed to list.
const maxListed = 10_000

// dnsFacts is what the private network's DNS said: the started instances.
type dnsFacts struct {
	reading
	listed map[string]dnsEntry // by id
}

// dnsEntry is one instance in DNS. Only instances that the platform's list lacks have their address looked up one by
// one.
type dnsEntry struct {
	id, region string
	address    string
	at         time.Time // of the address
}

// readDNS reads which instances the network's DNS lists, and where.
func (c *collector) readDNS(ctx context.Context) error {
	if c.o.Network == nil {
		return c.o.NetworkErr
	}
	entries, err := c.lookupVMs(ctx)
	now := c.o.Now()
	if err != nil {
		c.learn(func(f *facts) { f.dns.note(now, err) })
		return err
	}
	f := c.known()
	listed := make(map[string]dnsEntry, len(entries))
	for _, e := range entries {
		e.at = now
		listed[e.id] = e
	}
	c.locate(ctx, listed, f)
	c.learn(func(f *facts) {
		f.dns.note(now, nil)
		f.dns.listed = listed
	})
	return nil
}

// locate fills in addresses: all at once where the network has the list of instances, else one by one for those whose
// address the platform does not give.
func (c *collector) locate(ctx context.Context, listed map[string]dnsEntry, f facts) {
	if txt, err := c.o.Resolver.LookupTXT(ctx, "_instances.internal"); err == nil {
		for _, i := range parseInstances(txt) {
			if e, ok := listed[i.id]; ok && (i.app == c.o.App || i.app == "") {
				e.address = i.address
				listed[i.id] = e
			}
		}
	}
	placed := map[string]bool{}
	for _, m := range f.platform.machines {
		placed[m.ID] = m.Address != ""
	}
	var g errgroup.Group
	g.SetLimit(16)
	found := make(chan dnsEntry, len(listed))
	for _, e := range listed {
		if e.address != "" || placed[e.id] {
			continue
		}
		g.Go(func() error {
			aa, err := c.o.Resolver.LookupNetIP(ctx, e.id+".vm."+c.o.App+".internal")
			if err == nil && len(aa) > 0 {
				e.address = aa[0].String()
			} else if old, ok := f.dns.listed[e.id]; ok {
				e.address = old.address
			}
			found <- e
			return nil
		})
	}
	_ = g.Wait() // none returns an error
	close(found)
	for e := range found {
		listed[e.id] = e
	}
}

// lookupVMs asks for the started instances of the app. That there are none is an answer.
func (c *collector) lookupVMs(ctx context.Context) ([]dnsEntry, error) {
	txt, err := c.o.Resolver.LookupTXT(ctx, "vms."+c.o.App+".internal")
	if err != nil {
		if e := new(net.DNSError); errors.As(err, &e) && e.IsNotFound {
			return nil, nil
		}
		return nil, err
	}
	return parseVMs(txt), nil
}

// parseVMs reads "ID REGION,ID REGION". What does not look like that is left out.
func parseVMs(txt []string) []dnsEntry {
	var out []dnsEntry
	for _, record := range txt {
		for part := range strings.SplitSeq(record, ",") {
			fields := strings.Fields(part)
			if len(fields) == 0 || len(fields) > 2 || !plainID(fields[0]) {
				continue
			}
			e := dnsEntry{id: fields[0]}
			if len(fields) == 2 && plainID(fields[1]) {
				e.region = fields[1]
			}
			if out = append(out, e); len(out) == maxListed {
				return out
			}
		}
	}
	return out
}

// located is one instance of _instances.internal.
type located struct{ id, app, region, address string }

// parseInstances reads "instance=ID,app=A,ip=ADDRESS,region=R;…". What does not look like that is left out.
func parseInstances(txt []string) []located {
	var out []located
	for _, record := range txt {
		for part := range strings.SplitSeq(record, ";") {
			var l located
			for field := range strings.SplitSeq(part, ",") {
				switch k, v, _ := strings.Cut(strings.TrimSpace(field), "="); k {
				case "instance":
					l.id = v
				case "app":
					l.app = v
				case "region":
					l.region = v
				case "ip":
					if a, err := netip.ParseAddr(v); err == nil && a.Zone() == "" {
						l.address = a.String()
					}
				}
			}
			if !plainID(l.id) || l.address == "" {
				continue
			}
			if out = append(out, l); len(out) == maxListed {
				return out
			}
		}
	}
	return out
}

// plainID tells whether s can be a machine's id or a region's code: it goes into names that are looked up.
func plainID(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for i := range len(s) {
		b := s[i]
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '-' && b != '_' {
			return false
		}
	}
	return true
}
