package platform

import (
	"net/http"
	"strconv"
	"time"
)

func leaseEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET /v1/apps/{app}/machines/{machine}/lease":    {do: (*call).getLease},
		"POST /v1/apps/{app}/machines/{machine}/lease":   {do: (*call).postLease, limit: "lease_take"},
		"DELETE /v1/apps/{app}/machines/{machine}/lease": {do: (*call).deleteLease},
	}
}

func (c *call) getLease() (reply, error) {
	l := c.w.held(c.m)
	if l == nil {
		return reply{}, errNotFound("lease not found")
	}
	return ok(map[string]any{"status": "success", "data": l.view(c.nonce())})
}

// postLease takes a lease, or with its nonce prolongs it.
func (c *call) postLease() (reply, error) {
	var in struct {
		TTL         int    `json:"ttl"`
		Description string `json:"description"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if s := c.URL.Query().Get("ttl"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			return reply{}, errBadRequest("ttl %q is not a number of seconds", s)
		}
		in.TTL = n
	}
	const longest = 3600
	switch {
	case in.TTL < 0 || in.TTL > longest:
		return reply{}, errBadRequest("ttl %d is not in 1..%d", in.TTL, longest)
	case c.m.gone():
		return reply{}, errNotFound("machine not found: %s", c.m.id)
	case in.TTL == 0:
		in.TTL = 30
	}
	l, fresh, err := c.w.takeLease(c.m, c.user.Email, in.Description, c.nonce(), time.Duration(in.TTL)*time.Second)
	if err != nil {
		return reply{}, err
	}
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
	}
	return reply{status: status, body: map[string]any{"status": "success", "data": l.view(l.nonce)}}, nil
}

func (c *call) deleteLease() (reply, error) {
	if c.w.held(c.m) == nil {
		return reply{}, errNotFound("lease not found")
	}
	if err := c.w.mayChange(c.m, c.nonce()); err != nil {
		return reply{}, err
	}
	c.m.lease = nil
	return ok(map[string]any{"status": "success", "ok": true, "data": map[string]bool{"ok": true}})
}
