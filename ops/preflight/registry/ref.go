// Package registry asks a registry of images what stands behind a reference, by the protocol of the Open Container Initiative
// (https://github.com/opencontainers/distribution-spec): whether it is there, its digest, and what its configuration says:
// labels, environment, command. It downloads no layer, sends credentials only where they belong, and never shows them.
package registry

import (
	"fmt"
	"regexp"
	"strings"
)

// Ref is the reference of an image.
type Ref struct {
	Registry   string // registry.fly.io
	Repository string // changelog
	Tag        string // empty where there is a digest
	Digest     string // sha256:…
}

// dockerHub is what a reference without a registry means.
const dockerHub = "docker.io"

var (
	repositoryForm = regexp.MustCompile(`^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$`)
	tagForm        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	digestForm     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	hostForm       = regexp.MustCompile(`^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$`)
)

// ParseRef reads a reference as people and programs write it: elixir:1.18, ghcr.io/org/app:tag, registry.fly.io/app@sha256:….
func ParseRef(s string) (Ref, error) {
	var r Ref
	name := s
	if i := strings.IndexByte(name, '@'); i >= 0 {
		name, r.Digest = name[:i], name[i+1:]
		if !digestForm.MatchString(r.Digest) {
			return Ref{}, fmt.Errorf("%q is no reference of an image: what follows the @ is no digest", s)
		}
	}
	if i := strings.LastIndexByte(name, ':'); i >= 0 && !strings.Contains(name[i:], "/") {
		name, r.Tag = name[:i], name[i+1:]
		if !tagForm.MatchString(r.Tag) {
			return Ref{}, fmt.Errorf("%q is no reference of an image: what follows the : is no tag", s)
		}
	}
	first, rest, more := strings.Cut(name, "/")
	if more && (strings.ContainsAny(first, ".:") || first == "localhost") {
		r.Registry, r.Repository = first, rest
	} else {
		r.Registry, r.Repository = dockerHub, name
		if !more {
			r.Repository = "library/" + name
		}
	}
	if !hostForm.MatchString(r.Registry) || !repositoryForm.MatchString(r.Repository) || len(r.Repository) > 255 {
		return Ref{}, fmt.Errorf("%q is no reference of an image", s)
	}
	if r.Tag == "" && r.Digest == "" {
		r.Tag = "latest"
	}
	return r, nil
}

// String is the reference in full.
func (r Ref) String() string {
	s := r.Registry + "/" + r.Repository
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// pointer is what the manifest is asked by.
func (r Ref) pointer() string {
	if r.Digest != "" {
		return r.Digest
	}
	return r.Tag
}
