package platform

import (
	"net/http"
)

func metadataEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET /v1/apps/{app}/machines/{machine}/metadata":          {do: (*call).getMetadata},
		"POST /v1/apps/{app}/machines/{machine}/metadata/{key}":   {do: (*call).setMetadata, leased: true},
		"DELETE /v1/apps/{app}/machines/{machine}/metadata/{key}": {do: (*call).deleteMetadata, leased: true},
		"PATCH /v1/apps/{app}/machines/{machine}/metadata":        {do: (*call).patchMetadata, leased: true},
	}
}

func (c *call) getMetadata() (reply, error) {
	if c.m.cfg.Metadata == nil {
		return ok(map[string]string{})
	}
	return ok(c.m.cfg.Metadata)
}

// changeMetadata needs no restart and makes no version.
func (c *call) changeMetadata(change map[string]*string) (reply, error) {
	c.m.cfg = c.m.cfg.withMetadata(change)
	if n := len(c.m.versions); n > 0 {
		c.m.versions[n-1].cfg = c.m.cfg
	}
	c.m.updated = c.w.now
	c.w.touch(c.m)
	return reply{status: http.StatusNoContent}, nil
}

func (c *call) setMetadata() (reply, error) {
	var in struct {
		Value *string `json:"value"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.Value == nil {
		return reply{}, errBadRequest("value is missing")
	}
	return c.changeMetadata(map[string]*string{c.PathValue("key"): in.Value})
}

func (c *call) deleteMetadata() (reply, error) {
	return c.changeMetadata(map[string]*string{c.PathValue("key"): nil})
}

// patchMetadata changes several keys at once, if the machine is still of the version the caller saw.
func (c *call) patchMetadata() (reply, error) {
	var in struct {
		Metadata       map[string]*string `json:"metadata"`
		MachineVersion string             `json:"machine_version"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.MachineVersion != "" && in.MachineVersion != c.m.version {
		return reply{}, errPrecondition("machine version has changed: current version is %s", c.m.version)
	}
	return c.changeMetadata(in.Metadata)
}
