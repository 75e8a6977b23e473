package platform

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/fly"
)

// launchRequest is the body of a create or update.
type launchRequest struct {
	Config           json.RawMessage `json:"config"`
	Region           string          `json:"region"`
	Name             string          `json:"name"`
	SkipLaunch       bool            `json:"skip_launch"`
	SkipRegistration bool            `json:"skip_service_registration"`
	LeaseTTL         int             `json:"lease_ttl"`
	CurrentVersion   string          `json:"current_version"`
	MinSecrets       int             `json:"min_secrets_version"`
}

func (c *call) launchRequest() (launchRequest, config, error) {
	var in launchRequest
	if err := c.decode(&in); err != nil {
		return in, config{}, err
	}
	cfg, err := parseConfig(in.Config)
	if err != nil {
		return in, cfg, errBadRequest("invalid_argument: %v", err)
	}
	if in.MinSecrets > c.app.secretsV {
		return in, cfg, errPrecondition("secrets version %d is not there yet", in.MinSecrets)
	}
	return in, cfg, nil
}

func (c *call) createMachine() (reply, error) {
	in, cfg, err := c.launchRequest()
	if err != nil {
		return reply{}, err
	}
	if in.Region == "" {
		in.Region = c.w.nearest()
	}
	if r, found := RegionNamed(in.Region); !found || r.Deprecated {
		return reply{}, errBadRequest("invalid_argument: region %q not found", in.Region)
	}
	vol, err := c.mountable(cfg, in.Region, "")
	if err != nil {
		return reply{}, err
	}
	if in.Name != "" && slices.ContainsFunc(c.app.machines, func(m *machine) bool { return m.name == in.Name && !m.gone() }) {
		return reply{}, apiError{http.StatusConflict, "already_exists: unique machine name violation, machine " + in.Name + " already exists", "unknown"}
	}
	host := ""
	if vol != nil {
		host = vol.host
	}
	m := c.w.newMachine(c.app, "", in.Name, in.Region, host, cfg)
	if vol != nil {
		vol.machine = m.id
	}
	m.cordoned = in.SkipRegistration
	c.w.event(m, "launch", fly.StateCreated, byUser, nil)
	c.w.enter(m, fly.StateCreated)
	c.w.resetChecks(m)
	c.w.created(m)
	if in.SkipLaunch {
		c.w.prepare(m)
	} else {
		c.w.launch(m)
	}
	nonce := ""
	if in.LeaseTTL > 0 {
		l, _, err := c.w.takeLease(m, c.user.Email, "", "", time.Duration(in.LeaseTTL)*time.Second)
		if err != nil {
			return reply{}, err
		}
		nonce = l.nonce
	}
	if c.w.use("create-ignored") {
		// The caller is told that all is well, and nothing comes of it.
		raw := m.jsonWith(nil, nonce)
		c.w.vanish(m)
		return reply{status: http.StatusOK, raw: raw}, nil
	}
	if c.w.use("408-after-create") {
		// The machine is there, and the caller is not told: what makes a create ambiguous.
		return reply{}, apiError{http.StatusRequestTimeout, "deadline_exceeded: machine creation took too long", "unknown"}
	}
	return reply{status: http.StatusOK, raw: m.jsonWith(nil, nonce)}, nil
}

// mountable is the volume that a config wants, free to be taken by the machine of that id.
func (c *call) mountable(cfg config, region, id string) (*volume, error) {
	if len(cfg.Mounts) == 0 {
		return nil, nil
	}
	v := c.app.volume(cfg.Mounts[0].Volume)
	switch {
	case v == nil:
		return nil, errBadRequest("invalid_argument: volume %q not found", cfg.Mounts[0].Volume)
	case v.region != region:
		return nil, errBadRequest("invalid_argument: volume %s is in %s, not in %s", v.id, v.region, region)
	case v.machine != "" && v.machine != id:
		return nil, errPrecondition("volume %s is already attached to machine %s", v.id, v.machine)
	}
	return v, nil
}

func (c *call) updateMachine() (reply, error) {
	in, cfg, err := c.launchRequest()
	if err != nil {
		return reply{}, err
	}
	switch {
	case in.CurrentVersion != "" && in.CurrentVersion != c.m.version:
		return reply{}, apiError{http.StatusConflict, "aborted: machine version has changed: current version is " + c.m.version + ", not " + in.CurrentVersion, "unknown"}
	case in.Region != "" && in.Region != c.m.region:
		return reply{}, errBadRequest("invalid_argument: the region of a machine cannot change")
	case in.Name != "" && in.Name != c.m.name:
		return reply{}, errBadRequest("invalid_argument: the name of a machine cannot change")
	case c.m.state == fly.StateReplacing || c.m.state == fly.StateDestroying:
		return reply{}, errPrecondition("unable to update machine from current state: '%s'", c.m.state)
	}
	vol, err := c.mountable(cfg, c.m.region, c.m.id)
	if err != nil {
		return reply{}, err
	}
	for _, v := range c.app.volumes {
		if v.machine == c.m.id {
			v.machine = ""
		}
	}
	if vol != nil {
		vol.machine = c.m.id
	}
	nonce := c.nonce()
	if in.LeaseTTL > 0 {
		l, _, err := c.w.takeLease(c.m, c.user.Email, "", nonce, time.Duration(in.LeaseTTL)*time.Second)
		if err != nil {
			return reply{}, err
		}
		nonce = l.nonce
	}
	c.w.update(c.m, cfg, !in.SkipLaunch)
	if l := c.w.held(c.m); l != nil {
		l.version = c.m.version
	}
	return reply{status: http.StatusOK, raw: c.m.jsonWith(nil, nonce)}, nil
}

func (c *call) startMachine() (reply, error) {
	before := c.m.state
	switch before {
	case fly.StateCreated, fly.StateStopped, fly.StateSuspended, fly.StateFailed, fly.StateLaunchFailed:
	default:
		return reply{}, errPrecondition("unable to start machine from current state: '%s'", before)
	}
	c.w.start(c.m, byUser)
	return ok(map[string]any{"message": "", "status": "starting", "previous_state": before, "migrated": false, "new_host": ""})
}

func done() (reply, error) { return ok(map[string]bool{"ok": true}) }

func (c *call) stopMachine() (reply, error) {
	var in struct {
		Signal  string       `json:"signal"`
		Timeout fly.Duration `json:"timeout"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if !c.m.active() && c.m.state != fly.StateStopped && c.m.state != fly.StateSuspended {
		return reply{}, errPrecondition("unable to stop machine from current state: '%s'", c.m.state)
	}
	c.w.stopMachine(c.m)
	return done()
}

func (c *call) restartMachine() (reply, error) {
	if c.m.state != fly.StateStarted {
		return reply{}, errPrecondition("unable to restart machine from current state: '%s'", c.m.state)
	}
	c.w.restart(c.m)
	return done()
}

func (c *call) suspendMachine() (reply, error) {
	if c.m.state != fly.StateStarted {
		return reply{}, errPrecondition("unable to suspend machine from current state: '%s'", c.m.state)
	}
	c.w.suspend(c.m)
	return done()
}

func (c *call) signalMachine() (reply, error) {
	var in struct {
		Signal json.RawMessage `json:"signal"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	sig := strings.Trim(string(in.Signal), `"`)
	if n, err := strconv.Atoi(sig); err == nil {
		sig = map[int]string{1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 6: "SIGABRT", 9: "SIGKILL", 15: "SIGTERM"}[n]
	}
	switch {
	case sig == "":
		return reply{}, errBadRequest("invalid_argument: signal is missing")
	case c.m.state != fly.StateStarted:
		return reply{}, errPrecondition("machine not running")
	}
	c.w.signal(c.m, sig)
	return done()
}

func (c *call) deleteMachine() (reply, error) {
	q := c.URL.Query()
	force := q.Get("kill") == "true" || q.Get("force") == "true"
	if c.m.active() && !force {
		return reply{}, errPrecondition("unable to destroy machine, not currently in stopped, suspended or failed state (state is '%s')", c.m.state)
	}
	c.w.destroy(c.m, byUser)
	return done()
}

func (c *call) cordon() (reply, error)   { return c.setCordon(true) }
func (c *call) uncordon() (reply, error) { return c.setCordon(false) }

func (c *call) setCordon(on bool) (reply, error) {
	if c.m.cordoned != on {
		c.m.cordoned = on
		c.w.touch(c.m)
	}
	return done()
}
