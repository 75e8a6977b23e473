package platform

import (
	"cmp"
	"fmt"
	"time"
)

// volume is a disk of an app.
type volume struct {
	id        string
	name      string
	state     string
	sizeGB    int
	region    string
	host      string
	zone      string
	machine   string // id of the machine it is in; "": none
	created   time.Time
	retention int
	backups   bool
	snapshots []*snapshot // newest first
}

// snapshot is a volume as it was.
type snapshot struct {
	id        string
	size      int64
	created   time.Time
	status    string
	retention int
}

// VolumeSpec says what volume to add.
type VolumeSpec struct {
	App       string // the first app
	Name      string // data
	Region    string // ord
	SizeGB    int    // 3
	Machine   string // id of the machine it is in; "": none
	Snapshots int    // daily ones, the newest some hours old
}

// AddVolume adds a volume and returns its id.
func (w *World) AddVolume(s VolumeSpec) (string, error) {
	w.lock()
	defer w.unlock()
	a, err := w.appNamed(s.App)
	if err != nil {
		return "", fmt.Errorf("add volume: %w", err)
	}
	if _, ok := w.machines[s.Machine]; s.Machine != "" && !ok {
		return "", fmt.Errorf("add volume: no machine %q", s.Machine)
	}
	v := w.newVolume(a, cmp.Or(s.Name, "data"), cmp.Or(s.Region, "ord"), cmp.Or(s.SizeGB, 3))
	v.machine = s.Machine
	for i := s.Snapshots; i > 0; i-- {
		sn := w.newSnapshot(v)
		sn.created = w.now.Add(-time.Duration(i-1)*24*time.Hour - 5*time.Hour)
		sn.status = "created"
	}
	return v.id, nil
}

func (w *World) newVolume(a *app, name, region string, sizeGB int) *volume {
	v := &volume{
		id: "vol_" + w.newHex(8), name: name, state: "created", sizeGB: sizeGB, region: region, zone: w.newHex(2),
		host: region + "-host-01", created: w.now, retention: 5, backups: true,
	}
	a.volumes = append(a.volumes, v)
	w.dirty = true
	return v
}

func (w *World) newSnapshot(v *volume) *snapshot {
	s := &snapshot{
		id: "vs_" + w.newHex(9), size: int64(v.sizeGB) << 28, created: w.now, status: "creating", retention: v.retention,
	}
	v.snapshots = append([]*snapshot{s}, v.snapshots...)
	w.dirty = true
	return s
}

func (a *app) volume(id string) *volume {
	for _, v := range a.volumes {
		if v.id == id {
			return v
		}
	}
	return nil
}

// volumeJSON is a volume as the Machines API writes it.
type volumeJSON struct {
	ID                string  `json:"id"`
	Name              string  `json:"name"`
	State             string  `json:"state"`
	SizeGB            int     `json:"size_gb"`
	Region            string  `json:"region"`
	Zone              string  `json:"zone"`
	Encrypted         bool    `json:"encrypted"`
	AttachedMachineID *string `json:"attached_machine_id"`
	AttachedAllocID   *string `json:"attached_alloc_id"`
	CreatedAt         string  `json:"created_at"`
	SnapshotRetention int     `json:"snapshot_retention"`
	AutoBackupEnabled bool    `json:"auto_backup_enabled"`
	HostStatus        string  `json:"host_status"`
	Blocks            int64   `json:"blocks"`
	BlocksAvail       int64   `json:"blocks_avail"`
	BlocksFree        int64   `json:"blocks_free"`
	BlockSize         int64   `json:"block_size"`
	BytesUsed         int64   `json:"bytes_used"`
	BytesTotal        int64   `json:"bytes_total"`
	Fstype            string  `json:"fstype"`
}

func (w *World) volumeView(v *volume) volumeJSON {
	const block = 4096
	total := int64(v.sizeGB) << 30
	used := total / 4
	j := volumeJSON{
		ID: v.id, Name: v.name, State: v.state, SizeGB: v.sizeGB, Region: v.region, Zone: v.zone, Encrypted: true,
		CreatedAt: stamp(v.created), SnapshotRetention: v.retention, AutoBackupEnabled: v.backups, HostStatus: "ok",
		Blocks: total / block, BlocksAvail: (total - used) / block, BlocksFree: (total - used) / block, BlockSize: block,
		BytesUsed: used, BytesTotal: total, Fstype: "ext4",
	}
	if v.machine != "" {
		j.AttachedMachineID = &v.machine
		if m := w.machines[v.machine]; m != nil {
			j.HostStatus = m.hostStatus()
		}
	}
	return j
}

// snapshotJSON is a snapshot as the Machines API writes it.
type snapshotJSON struct {
	ID            string `json:"id"`
	Size          int64  `json:"size"`
	VolumeSize    int64  `json:"volume_size"`
	Digest        string `json:"digest"`
	CreatedAt     string `json:"created_at"`
	Status        string `json:"status"`
	RetentionDays int    `json:"retention_days"`
}

func (v *volume) snapshotView(s *snapshot) snapshotJSON {
	return snapshotJSON{
		ID: s.id, Size: s.size, VolumeSize: int64(v.sizeGB) << 30, Digest: imageDigest(s.id),
		CreatedAt: stamp(s.created), Status: s.status, RetentionDays: s.retention,
	}
}
