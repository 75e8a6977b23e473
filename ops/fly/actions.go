package fly

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Ref names the machine that an action is for. Nonce is that of a lease of ours on it; empty: without one, which the
// platform refuses with ErrConflict while somebody else holds the machine.
type Ref struct {
	App, ID, Nonce string
}

// act sends one action to a machine.
func (c *Client) act(ctx context.Context, m Ref, name string, query url.Values, body, into any) error {
	op := name + " machine " + m.ID
	if err := named(op, m.App, m.ID); err != nil {
		return err
	}
	r := c.machines(op, action{name, m.ID}, "apps", m.App, "machines", m.ID, name)
	r.method, r.writes, r.nonce = http.MethodPost, true, m.Nonce
	r.query, r.body, r.into = query, body, into
	_, err := c.do(ctx, r)
	return err
}

// Start starts a stopped machine.
func (c *Client) Start(ctx context.Context, m Ref) error {
	return c.act(ctx, m, "start", nil, nil, nil)
}

// Suspend writes a machine's memory to disk and stops it.
func (c *Client) Suspend(ctx context.Context, m Ref) error {
	return c.act(ctx, m, "suspend", nil, nil, nil)
}

// Cordon takes a machine out of the proxy's routing. It goes on running, and stays in DNS.
func (c *Client) Cordon(ctx context.Context, m Ref) error {
	return c.act(ctx, m, "cordon", nil, nil, nil)
}

// Uncordon takes Cordon back.
func (c *Client) Uncordon(ctx context.Context, m Ref) error {
	return c.act(ctx, m, "uncordon", nil, nil, nil)
}

// Stop stops a machine. signal and grace are those of its configuration where empty and 0.
func (c *Client) Stop(ctx context.Context, m Ref, signal string, grace time.Duration) error {
	body := map[string]string{"id": m.ID}
	if signal != "" {
		body["signal"] = signal
	}
	if grace > 0 {
		body["timeout"] = grace.String()
	}
	return c.act(ctx, m, "stop", nil, body, nil)
}

// Restart stops and starts a machine. With force it is killed instead of stopped; grace 0: that of its configuration.
func (c *Client) Restart(ctx context.Context, m Ref, force bool, grace time.Duration) error {
	q := url.Values{"force_stop": {strconv.FormatBool(force)}}
	if grace > 0 {
		q.Set("timeout", grace.String())
	}
	return c.act(ctx, m, "restart", q, nil, nil)
}

// Signal sends a signal, like SIGUSR1, to a machine's main process.
func (c *Client) Signal(ctx context.Context, m Ref, signal string) error {
	return c.act(ctx, m, "signal", nil, map[string]string{"signal": signal}, nil)
}

// Destroy ends a machine for good. With kill it does not have to be stopped.
func (c *Client) Destroy(ctx context.Context, m Ref, kill bool) error {
	op := "destroy machine " + m.ID
	if err := named(op, m.App, m.ID); err != nil {
		return err
	}
	r := c.machines(op, action{"destroy", m.ID}, "apps", m.App, "machines", m.ID)
	r.method, r.writes, r.nonce = http.MethodDelete, true, m.Nonce
	if kill {
		r.query = url.Values{"kill": {"true"}}
	}
	_, err := c.do(ctx, r)
	return err
}

// Exec runs a command in a machine and waits for its end, at most timeout (rounded up to seconds). It is sent once: a
// lost answer is an *AmbiguousError, and the command may have run.
func (c *Client) Exec(ctx context.Context, app, id string, cmd []string, timeout time.Duration) (ExecResult, error) {
	op := "run a command in machine " + id
	if err := named(op, app, id); err != nil {
		return ExecResult{}, err
	}
	if len(cmd) == 0 || timeout <= 0 {
		return ExecResult{}, &Error{Op: op, Message: "it needs a command and a timeout", kind: ErrInvalid}
	}
	seconds := int((timeout + time.Second - 1) / time.Second)
	var out ExecResult
	r := c.machines(op, action{"exec", id}, "apps", app, "machines", id, "exec")
	r.method, r.writes, r.into = http.MethodPost, true, &out
	r.timeout = time.Duration(seconds)*time.Second + c.o.Timeout
	r.body = struct {
		Command []string `json:"command"`
		Timeout int      `json:"timeout"`
	}{cmd, seconds}
	if _, err := c.do(ctx, r); err != nil {
		return ExecResult{}, err
	}
	return out, nil
}

// Launch is how Create and Update bring a machine up.
type Launch struct {
	Config MachineConfig `json:"config"`
	// SkipLaunch leaves the machine stopped.
	SkipLaunch bool `json:"skip_launch,omitempty"`
	// SkipServiceRegistration brings it up cordoned.
	SkipServiceRegistration bool `json:"skip_service_registration,omitempty"`
	SkipSecrets             bool `json:"skip_secrets,omitempty"`
	MinSecretsVersion       int  `json:"min_secrets_version,omitempty"`
	// LeaseTTL, in seconds, takes a lease at once; the answer's Nonce is its.
	LeaseTTL int `json:"lease_ttl,omitempty"`
}

// Create makes a machine in a region. name may be empty. The platform has no way to make a repeated create harmless:
// put something into the metadata by which the machine is found again after an *AmbiguousError.
func (c *Client) Create(ctx context.Context, app, region, name string, l Launch) (Machine, error) {
	op := "create a machine in " + region
	if err := named(op, app, region); err != nil {
		return Machine{}, err
	}
	r := c.machines(op, action{"create", app}, "apps", app, "machines")
	r.body = struct {
		Region string `json:"region"`
		Name   string `json:"name,omitempty"`
		Launch
	}{region, name, l}
	return c.launch(ctx, r, l)
}

// Update replaces a machine's whole configuration if the machine is still the version named; ErrConflict if it is not.
// The answer has the new version, and the state replacing.
func (c *Client) Update(ctx context.Context, m Ref, version string, l Launch) (Machine, error) {
	op := "update machine " + m.ID
	if err := named(op, m.App, m.ID, version); err != nil {
		return Machine{}, err
	}
	r := c.machines(op, action{"update", m.ID}, "apps", m.App, "machines", m.ID)
	r.nonce = m.Nonce
	r.body = struct {
		CurrentVersion string `json:"current_version"`
		Launch
	}{version, l}
	return c.launch(ctx, r, l)
}

func (c *Client) launch(ctx context.Context, r request, l Launch) (Machine, error) {
	if len(l.Config.Raw) > 0 {
		if err := validObject(l.Config.Raw); err != nil {
			return Machine{}, &Error{Op: r.op, Message: "the configuration to send is " + err.Error(), kind: ErrInvalid}
		}
	}
	var m Machine
	r.method, r.writes, r.into = http.MethodPost, true, &m
	r.check = func() *Error {
		if m.ID == "" {
			return &Error{Status: http.StatusOK, Message: "the answer has no machine id", kind: ErrBadAnswer}
		}
		return nil
	}
	if _, err := c.do(ctx, r); err != nil {
		return Machine{}, err
	}
	return m, nil
}

// TakeLease locks a machine for ttl (rounded up to seconds). ErrConflict: somebody holds it, named in the message.
func (c *Client) TakeLease(ctx context.Context, app, id, description string, ttl time.Duration) (Lease, error) {
	return c.lease(ctx, "lease", Ref{App: app, ID: id}, description, ttl)
}

// RefreshLease makes the lease of m.Nonce last ttl from now.
func (c *Client) RefreshLease(ctx context.Context, m Ref, ttl time.Duration) (Lease, error) {
	if err := named("refresh the lease of machine "+m.ID, m.Nonce); err != nil {
		return Lease{}, err
	}
	return c.lease(ctx, "lease-refresh", m, "", ttl)
}

func (c *Client) lease(ctx context.Context, name string, m Ref, description string, ttl time.Duration) (Lease, error) {
	op := "lease machine " + m.ID
	if err := named(op, m.App, m.ID); err != nil {
		return Lease{}, err
	}
	seconds := max(1, int((ttl+time.Second-1)/time.Second))
	var v leaseAnswer
	r := c.machines(op, action{name, m.ID}, "apps", m.App, "machines", m.ID, "lease")
	r.method, r.writes, r.nonce, r.into = http.MethodPost, true, m.Nonce, &v
	r.query = url.Values{"ttl": {strconv.Itoa(seconds)}}
	r.body = struct {
		Description string `json:"description,omitempty"`
		TTL         int    `json:"ttl"`
	}{description, seconds}
	r.check = func() *Error {
		if v.Data.Nonce == "" {
			return &Error{Status: http.StatusOK, Message: "the answer has no nonce", kind: ErrBadAnswer}
		}
		return nil
	}
	_, err := c.do(ctx, r)
	return v.Data, err
}

// DropLease gives the lease of m.Nonce back. One that is gone already is no error.
func (c *Client) DropLease(ctx context.Context, m Ref) error {
	op := "drop the lease of machine " + m.ID
	if err := named(op, m.App, m.ID, m.Nonce); err != nil {
		return err
	}
	r := c.machines(op, action{"lease-drop", m.ID}, "apps", m.App, "machines", m.ID, "lease")
	r.method, r.writes, r.nonce = http.MethodDelete, true, m.Nonce
	if _, err := c.do(ctx, r); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

// noLease tells a machine that nobody holds from one that does not exist: both are 404.
func noLease(err error) bool {
	e := new(Error)
	return errors.As(err, &e) && errors.Is(err, ErrNotFound) && strings.Contains(strings.ToLower(e.Message), "lease")
}

// SetMetadata writes metadata of a machine, and removes the keys whose value is nil, without a restart or a new
// version. With version it is refused with ErrPrecondition if the machine has another one; platforms that cannot do
// that get single writes, and only without version.
func (c *Client) SetMetadata(ctx context.Context, m Ref, version string, values map[string]*string) error {
	op := "write metadata of machine " + m.ID
	if err := named(op, m.App, m.ID); err != nil {
		return err
	}
	r := c.machines(op, action{"metadata", m.ID}, "apps", m.App, "machines", m.ID, "metadata")
	r.method, r.writes, r.nonce = http.MethodPatch, true, m.Nonce
	r.body = struct {
		Metadata map[string]*string `json:"metadata"`
		Version  string             `json:"machine_version,omitempty"`
	}{values, version}
	_, err := c.do(ctx, r)
	if !noRoute(err) || version != "" {
		return err
	}
	keys := make([]string, 0, len(values))
	for k := range values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for i, k := range keys {
		if err := c.setMetadatum(ctx, m, op, k, values[k]); err != nil {
			if i > 0 {
				return fmt.Errorf("after %s: %w", strings.Join(keys[:i], ", "), err)
			}
			return err
		}
	}
	return nil
}

func (c *Client) setMetadatum(ctx context.Context, m Ref, op, key string, value *string) error {
	if err := named(op, key); err != nil {
		return err
	}
	r := c.machines(op+" ("+key+")", action{"metadata", m.ID}, "apps", m.App, "machines", m.ID, "metadata", key)
	r.method, r.writes, r.nonce = http.MethodDelete, true, m.Nonce
	if value != nil {
		r.method, r.body = http.MethodPost, map[string]string{"value": *value}
	}
	_, err := c.do(ctx, r)
	return err
}

// noRoute tells of a platform that does not know the request, as against one that does not know the machine.
func noRoute(err error) bool {
	e, ok := err.(*Error) //nolint:errorlint // an ambiguous one is not meant
	if !ok {
		return false
	}
	return e.Status == http.StatusMethodNotAllowed ||
		e.Status == http.StatusNotFound && (e.Message == "" || strings.Contains(e.Message, "page not found"))
}
