package flyplan

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"ops-console/ops/fly"
	"ops-console/ops/fly/flytoml"
)

// First is the configuration of the first machine of a group: all that fly.toml says, with the image of in.Artifact.
func First(in Input, group, releaseID string) (json.RawMessage, error) {
	if in.File == nil {
		return nil, fmt.Errorf("there is no fly.toml, which would say what a machine of %s is like", group)
	}
	if _, ok := in.File.Processes[group]; !ok && group != defaultGroup(in.File) {
		return nil, fmt.Errorf("fly.toml names no process group %s", group)
	}
	o := object{}
	o.set("guest", guest(in.File, group))
	o.set("metadata", map[string]string{fly.MetaReleaseVersion: strconv.Itoa(in.Artifact.Release), fly.MetaReleaseID: releaseID})
	return in.config(o.raw(), group)
}

// Running is how many machines run each release; those of no release count for 0.
func Running(mm []fly.Machine) map[int]int {
	out := map[int]int{}
	for i := range mm {
		m := &mm[i]
		if m.Config == nil || strings.HasPrefix(groupOf(m), "fly_app_") || m.Config.Metadata[fly.MetaRole] != "" {
			continue
		}
		out[release(m.Config)]++
	}
	return out
}

// size is a preset of the platform: shared-cpu-2x, performance-1x.
var size = regexp.MustCompile(`^(shared|performance)-(?:cpu-)?([0-9]+)x$`)

// guest is the size that fly.toml gives a group; the platform's smallest where it does not say.
func guest(f *flytoml.File, group string) fly.Guest {
	g := fly.Guest{CPUKind: "shared", CPUs: 1, MemoryMB: 256}
	for _, vm := range f.VMs {
		if len(vm.Processes) > 0 && !forGroup(vm.Processes, group, f) {
			continue
		}
		if m := size.FindStringSubmatch(vm.Size); m != nil {
			// The pattern has digits only; a number that is too large stays what it was.
			if n, err := strconv.Atoi(m[2]); err == nil {
				g.CPUs = n
			}
			g.CPUKind, g.MemoryMB = m[1], g.CPUs*256
			if g.CPUKind == "performance" {
				g.MemoryMB = g.CPUs * 2048
			}
		}
		if vm.CPUKind != "" {
			g.CPUKind = vm.CPUKind
		}
		if vm.CPUs > 0 {
			g.CPUs = vm.CPUs
		}
		if mb := megabytes(vm.Memory); mb > 0 {
			g.MemoryMB = mb
		}
	}
	return g
}

// megabytes reads "512", "512mb" and "1gb"; 0 for what is none.
func megabytes(s string) int {
	s = strings.ToLower(strings.TrimSpace(s))
	unit := 1
	switch {
	case strings.HasSuffix(s, "gb"):
		s, unit = strings.TrimSuffix(s, "gb"), 1024
	case strings.HasSuffix(s, "mb"):
		s = strings.TrimSuffix(s, "mb")
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return 0
	}
	return n * unit
}
