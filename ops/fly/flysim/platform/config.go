package platform

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"ops-console/ops/fly"
)

// config is a machine's configuration: raw as the client sent it, and the part the platform acts on. It is never
// changed in place, so that versions can share it.
type config struct {
	fly.MachineConfig
	init struct {
		Exec       []string `json:"exec"`
		Entrypoint []string `json:"entrypoint"`
		Cmd        []string `json:"cmd"`
	}
	raw json.RawMessage
}

// parseConfig reads the config of a create or update request.
func parseConfig(raw json.RawMessage) (config, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return config{}, fmt.Errorf("config is missing")
	}
	var c config
	// Without its methods, the type is read strictly: the platform refuses what a client would put up with.
	type strict fly.MachineConfig
	if err := json.Unmarshal(raw, (*strict)(&c.MachineConfig)); err != nil {
		return config{}, fmt.Errorf("config: %w", err)
	}
	var extra struct {
		Init *struct {
			Exec       []string `json:"exec"`
			Entrypoint []string `json:"entrypoint"`
			Cmd        []string `json:"cmd"`
		} `json:"init"`
	}
	if err := json.Unmarshal(raw, &extra); err != nil {
		return config{}, fmt.Errorf("config: %w", err)
	}
	if extra.Init != nil {
		c.init = *extra.Init
	}
	switch {
	case c.Image == "":
		return config{}, fmt.Errorf("config.image is missing")
	case len(c.Mounts) > 1:
		return config{}, fmt.Errorf("config.mounts: a machine takes one volume, not %d", len(c.Mounts))
	}
	for i, s := range c.Services {
		if s.InternalPort < 1 || s.InternalPort > 65535 {
			return config{}, fmt.Errorf("config.services[%d].internal_port: %d is no port", i, s.InternalPort)
		}
	}
	if c.Guest != nil && (c.Guest.CPUs < 0 || c.Guest.MemoryMB < 0) {
		return config{}, fmt.Errorf("config.guest: negative size")
	}
	if err := checkSchedule(c.Schedule); err != nil {
		return config{}, err
	}
	compact, err := json.Marshal(raw)
	if err != nil {
		return config{}, fmt.Errorf("config: %w", err)
	}
	c.raw = compact
	return c, nil
}

// with is c with one key of the raw form replaced; a nil value removes it.
func (c config) with(key string, value any) config {
	raw := map[string]json.RawMessage{}
	// raw was valid JSON when it came in, and value is one of our own: neither can fail.
	_ = json.Unmarshal(c.raw, &raw)
	if value == nil {
		delete(raw, key)
	} else {
		raw[key], _ = json.Marshal(value)
	}
	c.raw, _ = json.Marshal(raw)
	return c
}

// withMetadata is c with some metadata set, or removed where the value is nil.
func (c config) withMetadata(change map[string]*string) config {
	md := maps.Clone(c.Metadata)
	if md == nil {
		md = map[string]string{}
	}
	for k, v := range change {
		if v == nil {
			delete(md, k)
		} else {
			md[k] = *v
		}
	}
	c.Metadata = md
	return c.with("metadata", md)
}

func (c config) group() string {
	return cmp.Or(c.Metadata[fly.MetaProcessGroup], c.Metadata["process_group"])
}

// release is the version of the release that made c, or 0.
func (c config) release() int {
	n, _ := strconv.Atoi(c.Metadata[fly.MetaReleaseVersion])
	return n
}

// command is what the machine runs instead of its image's own command.
func (c config) command() []string {
	return append(append(append([]string(nil), c.init.Exec...), c.init.Entrypoint...), c.init.Cmd...)
}

// job says that the machine is to run something once and end.
func (c config) job() bool {
	policy := ""
	if c.Restart != nil {
		policy = c.Restart.Policy
	}
	return c.Schedule != "" || c.AutoDestroy && policy == "no" || c.group() == "fly_app_release_command"
}

// incomplete is the little that is known of the config of a machine on an unreachable host.
func (c config) incomplete() json.RawMessage {
	raw := map[string]json.RawMessage{}
	_ = json.Unmarshal(c.raw, &raw)
	for k := range raw {
		switch k {
		case "image", "guest", "metadata", "init":
		default:
			delete(raw, k)
		}
	}
	b, _ := json.Marshal(raw)
	return b
}

// flexRepository is that of the platform's PostgreSQL image.
const flexRepository = "flyio/postgres-flex"

// parseImage splits registry/repository:tag@digest. Where there is no digest, it is that of the image's Manifest, so
// that the same reference always is the same image.
func parseImage(ref string) fly.ImageRef {
	r := fly.ImageRef{Registry: "docker-hub-mirror.fly.io", Labels: map[string]string{}}
	rest, digest, hasDigest := strings.Cut(ref, "@")
	if first, after, ok := strings.Cut(rest, "/"); ok && strings.ContainsAny(first, ".:") {
		r.Registry, rest = first, after
	}
	r.Repository, r.Tag, _ = strings.Cut(rest, ":")
	if r.Tag == "" && !hasDigest {
		r.Tag = "latest"
	}
	if r.Repository == flexRepository {
		// What the image says of itself: clients go by these.
		r.Labels = map[string]string{"fly.app_role": rolePostgres, "fly.pg-manager": "repmgr", "fly.version": "v0.1.0"}
	}
	r.Digest = digest
	if !hasDigest {
		manifest, _ := Manifest(r.Registry, r.Repository, r.Tag)
		r.Digest = digestOf(manifest)
	}
	return r
}
