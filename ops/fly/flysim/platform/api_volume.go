package platform

import (
	"cmp"
	"net/http"
	"slices"
)

func volumeEndpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET /v1/apps/{app}/volumes":                     {do: (*call).listVolumes},
		"POST /v1/apps/{app}/volumes":                    {do: (*call).createVolume},
		"GET /v1/apps/{app}/volumes/{volume}":            {do: withVolume((*call).getVolume)},
		"PUT /v1/apps/{app}/volumes/{volume}":            {do: withVolume((*call).updateVolume)},
		"DELETE /v1/apps/{app}/volumes/{volume}":         {do: withVolume((*call).deleteVolume)},
		"PUT /v1/apps/{app}/volumes/{volume}/extend":     {do: withVolume((*call).extendVolume)},
		"GET /v1/apps/{app}/volumes/{volume}/snapshots":  {do: withVolume((*call).listSnapshots)},
		"POST /v1/apps/{app}/volumes/{volume}/snapshots": {do: withVolume((*call).createSnapshot)},
	}
}

// withVolume finds the volume of the path.
func withVolume(do func(*call, *volume) (reply, error)) func(*call) (reply, error) {
	return func(c *call) (reply, error) {
		v := c.app.volume(c.PathValue("volume"))
		if v == nil {
			return reply{}, errNotFound("volume not found: %s", c.PathValue("volume"))
		}
		return do(c, v)
	}
}

func (c *call) listVolumes() (reply, error) {
	vv := make([]volumeJSON, 0, len(c.app.volumes))
	for _, v := range c.app.volumes {
		vv = append(vv, c.w.volumeView(v))
	}
	return ok(vv)
}

func (c *call) createVolume() (reply, error) {
	var in struct {
		Name      string `json:"name"`
		Region    string `json:"region"`
		SizeGB    int    `json:"size_gb"`
		Retention int    `json:"snapshot_retention"`
		Snapshot  string `json:"snapshot_id"`
		Source    string `json:"source_volume_id"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if _, found := RegionNamed(in.Region); !found {
		return reply{}, errBadRequest("invalid_argument: region %q not found", in.Region)
	}
	if in.SizeGB < 0 || in.SizeGB > 500 {
		return reply{}, errBadRequest("invalid_argument: size_gb %d is not in 1..500", in.SizeGB)
	}
	if in.Source != "" && c.app.volume(in.Source) == nil {
		return reply{}, errNotFound("volume not found: %s", in.Source)
	}
	known := func(v *volume) bool {
		return slices.ContainsFunc(v.snapshots, func(s *snapshot) bool { return s.id == in.Snapshot })
	}
	if in.Snapshot != "" && !slices.ContainsFunc(c.app.volumes, known) {
		return reply{}, errNotFound("snapshot not found: %s", in.Snapshot)
	}
	v := c.w.newVolume(c.app, cmp.Or(in.Name, "data"), in.Region, cmp.Or(in.SizeGB, 3))
	v.retention = cmp.Or(in.Retention, 5)
	return ok(c.w.volumeView(v))
}

func (c *call) getVolume(v *volume) (reply, error) { return ok(c.w.volumeView(v)) }

func (c *call) updateVolume(v *volume) (reply, error) {
	var in struct {
		Retention *int  `json:"snapshot_retention"`
		Backups   *bool `json:"auto_backup_enabled"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.Retention != nil {
		if *in.Retention < 1 || *in.Retention > 60 {
			return reply{}, errBadRequest("invalid_argument: snapshot_retention %d is not in 1..60", *in.Retention)
		}
		v.retention = *in.Retention
	}
	if in.Backups != nil {
		v.backups = *in.Backups
	}
	return ok(c.w.volumeView(v))
}

func (c *call) deleteVolume(v *volume) (reply, error) {
	if v.machine != "" {
		return reply{}, errPrecondition("volume %s is attached to machine %s", v.id, v.machine)
	}
	v.state = "pending_destroy"
	c.app.volumes = slices.DeleteFunc(c.app.volumes, func(x *volume) bool { return x == v })
	c.w.dirty = true
	return ok(c.w.volumeView(v))
}

func (c *call) extendVolume(v *volume) (reply, error) {
	var in struct {
		SizeGB int `json:"size_gb"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if in.SizeGB <= v.sizeGB || in.SizeGB > 500 {
		return reply{}, errBadRequest("invalid_argument: size_gb %d must be more than %d and at most 500", in.SizeGB, v.sizeGB)
	}
	v.sizeGB = in.SizeGB
	return ok(map[string]any{"volume": c.w.volumeView(v), "needs_restart": v.machine != ""})
}

func (c *call) listSnapshots(v *volume) (reply, error) {
	ss := make([]snapshotJSON, 0, len(v.snapshots))
	for _, s := range v.snapshots {
		ss = append(ss, v.snapshotView(s))
	}
	return ok(ss)
}

func (c *call) createSnapshot(v *volume) (reply, error) {
	s := c.w.newSnapshot(v)
	c.w.after(c.w.opts.Delays.Job, func() { s.status = "created"; c.w.dirty = true })
	return reply{status: http.StatusOK, body: v.snapshotView(s)}, nil
}
