package fly

import (
	"context"
	"net/http"
	"time"
)

// Snapshot is a copy of a volume that the platform keeps for some days. It makes them daily by itself.
type Snapshot struct {
	ID            string    `json:"id"`
	Size          int64     `json:"size"`        // bytes that it stores
	VolumeSize    int64     `json:"volume_size"` // bytes of the volume
	Digest        string    `json:"digest"`
	CreatedAt     time.Time `json:"created_at"`
	Status        string    `json:"status"` // creating, created, …
	RetentionDays int       `json:"retention_days"`
}

// Snapshots are those of a volume.
func (c *Client) Snapshots(ctx context.Context, app, volume string) ([]Snapshot, error) {
	op := "list snapshots of volume " + volume
	if err := named(op, app, volume); err != nil {
		return nil, err
	}
	return get[[]Snapshot](ctx, c, op, action{"snapshots", volume}, nil, "apps", app, "volumes", volume, "snapshots")
}

// TakeSnapshot has the platform begin one of a volume. Its answer does not name it: Snapshots has it once it is there. What a
// database on the volume had not written yet is not in it.
func (c *Client) TakeSnapshot(ctx context.Context, app, volume string) error {
	op := "take a snapshot of volume " + volume
	if err := named(op, app, volume); err != nil {
		return err
	}
	r := c.machines(op, action{"snapshot", volume}, "apps", app, "volumes", volume, "snapshots")
	r.method, r.writes = http.MethodPost, true
	_, err := c.do(ctx, r)
	return err
}
