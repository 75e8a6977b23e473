package fly

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxPages ends a listing whose cursor never ends.
const maxPages = 1000

// machines is a request to the Machines API. Elements of path are escaped.
func (c *Client) machines(op string, act action, path ...string) request {
	return request{op: op, act: act, url: join(c.o.MachinesURL+"/v1", path), auth: Token.machinesAuth}
}

func join(base string, path []string) string {
	for _, p := range path {
		base += "/" + url.PathEscape(p)
	}
	return base
}

// get asks the Machines API for one value.
func get[T any](ctx context.Context, c *Client, op string, act action, query url.Values, path ...string) (T, error) {
	var v T
	r := c.machines(op, act, path...)
	r.query, r.into = query, &v
	if _, err := c.do(ctx, r); err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// App is one app. Its Organization has no ID; OrganizationOf does.
func (c *Client) App(ctx context.Context, name string) (App, error) {
	if err := named("read app", name); err != nil {
		return App{}, err
	}
	return get[App](ctx, c, "read app "+name, action{"app", name}, nil, "apps", name)
}

// Apps are the apps of an organization, all pages.
func (c *Client) Apps(ctx context.Context, org string) ([]App, error) {
	op := "list apps of " + org
	if err := named(op, org); err != nil {
		return nil, err
	}
	type page struct {
		Apps []App  `json:"apps"`
		Next string `json:"next_cursor"`
	}
	return pages(op, func(cursor string) ([]App, string, error) {
		q := url.Values{"org_slug": {org}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		p, err := get[page](ctx, c, op, action{"apps", org}, q, "apps")
		return p.Apps, p.Next, err
	})
}

// Machines are the machines of an app that are not destroyed, all pages, without their leases. It is all or nothing:
// a list that breaks off in the middle is an error, not a shorter list.
func (c *Client) Machines(ctx context.Context, app string) ([]Machine, error) {
	return c.MachinesWhere(ctx, app, Where{})
}

// Where says which machines are listed, and what of them. The zero value lists those that are not destroyed, without
// their leases.
type Where struct {
	Leases   bool              // with their leases, but for the nonces
	Deleted  bool              // those that are destroyed too, as long as the platform remembers them
	Metadata map[string]string // that they have
}

func (w Where) query() url.Values {
	q := url.Values{}
	if w.Leases {
		q.Set("include_leases", "true")
	}
	if w.Deleted {
		q.Set("include_deleted", "true")
	}
	for k, v := range w.Metadata {
		q.Set("metadata."+k, v)
	}
	return q
}

// MachinesWhere is Machines for some of them, or with more of each.
func (c *Client) MachinesWhere(ctx context.Context, app string, where Where) ([]Machine, error) {
	op := "list machines of " + app
	if err := named(op, app); err != nil {
		return nil, err
	}
	mm, err := pages(op, func(cursor string) ([]Machine, string, error) {
		var page []Machine
		r := c.machines(op, action{"list", app}, "apps", app, "machines")
		r.into, r.query = &page, where.query()
		if cursor != "" {
			r.query.Set("cursor", cursor)
		}
		h, err := c.do(ctx, r)
		return page, h.Get(cursorHeader), err
	})
	if err != nil {
		return nil, err
	}
	return distinct(op, mm)
}

// distinct keeps the later of machines that moved from one page to another while the pages were read.
func distinct(op string, mm []Machine) ([]Machine, error) {
	at := make(map[string]int, len(mm))
	out := mm[:0]
	for _, m := range mm {
		if m.ID == "" {
			return nil, &Error{Op: op, Message: "the list has a machine without an id", Hint: hintBase, kind: ErrBadAnswer}
		}
		if i, ok := at[m.ID]; ok {
			if !m.UpdatedAt.Before(out[i].UpdatedAt) {
				out[i] = m
			}
			continue
		}
		at[m.ID] = len(out)
		out = append(out, m)
	}
	return out, nil
}

// pages reads page after page until there is no cursor.
func pages[T any](op string, read func(cursor string) ([]T, string, error)) ([]T, error) {
	var all []T
	cursor := ""
	for range maxPages {
		page, next, err := read(cursor)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if next == "" {
			return all, nil
		}
		if next == cursor {
			break
		}
		cursor = next
	}
	return nil, &Error{Op: op, Message: "the list never ends: its cursor leads back to itself", Hint: hintBase, kind: ErrBadAnswer}
}

// Machine is one machine. One whose host cannot be reached has no Config.
func (c *Client) Machine(ctx context.Context, app, id string) (Machine, error) {
	op := "read machine " + id
	if err := named(op, app, id); err != nil {
		return Machine{}, err
	}
	m, err := get[Machine](ctx, c, op, action{"get", id}, nil, "apps", app, "machines", id)
	if err == nil && m.ID != id {
		return Machine{}, &Error{Op: op, Message: "the answer is about another machine", Hint: hintBase, kind: ErrBadAnswer}
	}
	return m, err
}

// Events are the newest events of a machine, newest first, at most limit (the platform gives at most 50).
func (c *Client) Events(ctx context.Context, app, id string, limit int) ([]Event, error) {
	op := "read events of machine " + id
	if err := named(op, app, id); err != nil {
		return nil, err
	}
	var q url.Values
	if limit > 0 {
		q = url.Values{"limit": {strconv.Itoa(min(limit, 50))}}
	}
	return get[[]Event](ctx, c, op, action{"events", id}, q, "apps", app, "machines", id, "events")
}

// MachineVersion is a configuration that a machine had.
type MachineVersion struct {
	Version string        `json:"version"`
	Config  MachineConfig `json:"user_config"`
}

// Versions are the configurations that a machine had, as the platform keeps them.
func (c *Client) Versions(ctx context.Context, app, id string) ([]MachineVersion, error) {
	op := "read versions of machine " + id
	if err := named(op, app, id); err != nil {
		return nil, err
	}
	return get[[]MachineVersion](ctx, c, op, action{"versions", id}, nil, "apps", app, "machines", id, "versions")
}

// Process is a process in a machine.
type Process struct {
	PID           int    `json:"pid"`
	Command       string `json:"command"`
	Directory     string `json:"directory"`
	CPU           int64  `json:"cpu"`
	RSS           int64  `json:"rss"` // bytes
	ListenSockets []struct {
		Proto   string `json:"proto"`
		Address string `json:"address"`
	} `json:"listen_sockets"`
}

// Processes are the processes that run in a machine.
func (c *Client) Processes(ctx context.Context, app, id string) ([]Process, error) {
	op := "read processes of machine " + id
	if err := named(op, app, id); err != nil {
		return nil, err
	}
	return get[[]Process](ctx, c, op, action{"ps", id}, nil, "apps", app, "machines", id, "ps")
}

// Volumes are the volumes of an app.
func (c *Client) Volumes(ctx context.Context, app string) ([]Volume, error) {
	op := "list volumes of " + app
	if err := named(op, app); err != nil {
		return nil, err
	}
	return get[[]Volume](ctx, c, op, action{"volumes", app}, nil, "apps", app, "volumes")
}

// Secret is a secret of an app, without its value, which is never read.
type Secret struct {
	Name      string    `json:"name"`
	Digest    string    `json:"digest"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Secrets are the names and digests of an app's secrets.
func (c *Client) Secrets(ctx context.Context, app string) ([]Secret, error) {
	op := "list secrets of " + app
	if err := named(op, app); err != nil {
		return nil, err
	}
	v, err := get[struct {
		Secrets []Secret `json:"secrets"`
	}](ctx, c, op, action{"secrets", app}, nil, "apps", app, "secrets")
	return v.Secrets, err
}

// Regions are the places machines can run in, and the code of the one nearest to us.
func (c *Client) Regions(ctx context.Context) (regions []Region, nearest string, err error) {
	v, err := get[struct {
		Nearest string   `json:"nearest"`
		Regions []Region `json:"regions"`
	}](ctx, c, "list regions", action{}, nil, "platform", "regions")
	return v.Regions, v.Nearest, err
}

// LeaseOf is who holds a machine, or nil where nobody does. A machine that does not exist is ErrNotFound.
func (c *Client) LeaseOf(ctx context.Context, app, id string) (*Lease, error) {
	op := "read the lease of machine " + id
	if err := named(op, app, id); err != nil {
		return nil, err
	}
	v, err := get[leaseAnswer](ctx, c, op, action{"lease-get", id}, nil, "apps", app, "machines", id, "lease")
	switch {
	case noLease(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &v.Data, nil
}

// maxWait is the longest wait that the platform grants at once.
const maxWait = time.Minute

// Wait returns when the machine is in a state (started, stopped, suspended, destroyed, failed, settled) or fails with
// ErrTimeout after timeout. version ties it to one version of the machine, without which the one before it may answer;
// empty: any.
func (c *Client) Wait(ctx context.Context, app, id, state, version string, timeout time.Duration) error {
	op := fmt.Sprintf("wait for machine %s to be %s", id, state)
	if err := named(op, app, id, state); err != nil {
		return err
	}
	end := c.o.now().Add(timeout)
	for {
		left := min(maxWait, end.Sub(c.o.now()))
		seconds := max(1, int(left.Round(time.Second)/time.Second))
		q := url.Values{"state": {state}, "timeout": {strconv.Itoa(seconds)}}
		if version != "" {
			q.Set("version", version)
			q.Set("instance_id", version) // its older name
		}
		r := c.machines(op, action{"wait", id}, "apps", app, "machines", id, "wait")
		r.query = q
		r.timeout = time.Duration(seconds)*time.Second + c.o.Timeout
		_, err := c.do(ctx, r)
		if err == nil || !timedOut(err) || !c.o.now().Before(end) {
			return err
		}
	}
}

// timedOut tells of a wait that the platform gave up, as against one without an answer.
func timedOut(err error) bool {
	e, ok := err.(*Error) //nolint:errorlint // do returns it unwrapped for reads
	return ok && e.Status == http.StatusRequestTimeout
}

// named refuses an empty name, which would ask another question than the one meant.
func named(op string, names ...string) error {
	for _, n := range names {
		if n == "" || n == "." || n == ".." {
			return &Error{Op: op, Message: fmt.Sprintf("%q is not a name", n), kind: ErrInvalid}
		}
	}
	return nil
}

type leaseAnswer struct {
	Data Lease `json:"data"`
}
