package source

import (
	"path"
	"regexp"
	"strings"

	"ops-console/ops/config/tomlfile"
)

// Tool is something that an application is built with or runs on.
type Tool string

// The tools.
const (
	Elixir     Tool = "elixir"
	Erlang     Tool = "erlang"
	Node       Tool = "node"
	PostgreSQL Tool = "postgresql"
	Phoenix    Tool = "phoenix"
)

// Tools are all of them, in the order in which they are shown.
func Tools() []Tool { return []Tool{Elixir, Erlang, Node, PostgreSQL, Phoenix} }

// Pin is a version that a file says.
type Pin struct {
	Tool        Tool
	From        string // the kind of file: .tool-versions, Dockerfile, mix.exs, …
	Version     string // as far as it is given: 27.3.3, or 27
	Requirement bool   // it is a requirement like ~> 1.18
	At          Place
}

// toolNames is how version managers and images call the tools.
var toolNames = map[string]Tool{
	"elixir": Elixir, "erlang": Erlang, "otp": Erlang, "node": Node, "nodejs": Node, "postgres": PostgreSQL, "postgresql": PostgreSQL,
}

func (r *reader) pin(tool Tool, from, version string, at Place) {
	version = strings.TrimPrefix(strings.Trim(strings.TrimSpace(version), `"'`), "v")
	if version == "" || version[0] < '0' || version[0] > '9' {
		return // latest, lts, ${{ matrix.elixir }}
	}
	r.tree.Pins = append(r.tree.Pins, Pin{Tool: tool, From: from, Version: version, At: at})
}

func (r *reader) pins() {
	r.toolVersions()
	r.mise()
	r.single()
	r.dockerPins()
	r.mixPins()
	r.workflows()
	r.compose()
}

// near finds a file at the top, or in the mix project's directory.
func (r *reader) nearby(name string) (string, []byte, bool) {
	for _, p := range []string{name, path.Join(r.root(), name)} {
		if src, ok := r.read(p); ok {
			return p, src, true
		}
	}
	return "", nil, false
}

func (r *reader) toolVersions() {
	name, src, ok := r.nearby(".tool-versions")
	if !ok {
		return
	}
	for i, l := range strings.Split(string(src), "\n") {
		l, _, _ = strings.Cut(l, "#")
		words := strings.Fields(l)
		if len(words) < 2 {
			continue
		}
		if tool, ok := toolNames[words[0]]; ok {
			at := Place{name, i + 1}
			r.elixirWithOTP(tool, ".tool-versions", words[1], at)
		}
	}
}

// elixirWithOTP pins a version like 1.18.3-otp-27, which names another one too.
func (r *reader) elixirWithOTP(tool Tool, from, version string, at Place) {
	v, _, _ := strings.Cut(version, "-otp-")
	r.pin(tool, from, v, at)
}

func (r *reader) mise() {
	for _, file := range []string{"mise.toml", ".mise.toml"} {
		name, src, ok := r.nearby(file)
		if !ok {
			continue
		}
		root, err := tomlfile.Parse(name, src)
		if err != nil || root.Table == nil {
			continue
		}
		tools := root.Table.Values["tools"]
		if tools == nil || tools.Table == nil {
			continue
		}
		for _, n := range tools.Table.Names {
			v := tools.Table.Values[n]
			tool, ok := toolNames[n]
			if !ok {
				continue
			}
			if v.Table != nil {
				v = v.Table.Values["version"]
			}
			if v == nil {
				continue
			}
			if text, ok := v.Text(); ok {
				r.elixirWithOTP(tool, "mise.toml", text, Place{name, v.Line})
			}
		}
	}
}

// single reads the files that pin one thing, or one a line.
func (r *reader) single() {
	for _, file := range []string{".node-version", ".nvmrc"} {
		if name, src, ok := r.nearby(file); ok {
			r.pin(Node, file, strings.TrimSpace(string(src)), Place{name, 1})
		}
	}
	for file, keys := range map[string]map[string]Tool{
		"elixir_buildpack.config":         {"elixir_version": Elixir, "erlang_version": Erlang},
		"phoenix_static_buildpack.config": {"node_version": Node},
	} {
		name, src, ok := r.nearby(file)
		if !ok {
			continue
		}
		for i, l := range strings.Split(string(src), "\n") {
			k, v, _ := strings.Cut(l, "=")
			if tool, ok := keys[strings.TrimSpace(k)]; ok {
				v, _, _ = strings.Cut(v, "#")
				r.pin(tool, file, v, Place{name, i + 1})
			}
		}
	}
}

func (r *reader) mixPins() {
	m := r.tree.Mix
	if m == nil {
		return
	}
	if e := m.Elixir; e.Value != "" {
		r.tree.Pins = append(r.tree.Pins, Pin{Elixir, "mix.exs", e.Value, true, e.At})
	}
	if d, ok := m.Deps["phoenix"]; ok && d.Requirement != "" {
		r.tree.Pins = append(r.tree.Pins, Pin{Phoenix, "mix.exs", d.Requirement, true, d.At})
	}
	if l, ok := r.tree.Lock["phoenix"]; ok {
		r.pin(Phoenix, "mix.lock", l.Version, l.At)
	}
}

// nodesource is how Node's packages are set up; nodeTar is how its archive is called.
var (
	nodesource = regexp.MustCompile(`nodesource\.com/setup_(\d+)\.x|nodesource\.com/node_(\d+)\.x`)
	nodeTar    = regexp.MustCompile(`node-v(\d+\.\d+\.\d+)-linux`)
)

func (r *reader) dockerPins() {
	t := r.tree
	if t.Docker == nil {
		return
	}
	for _, s := range t.Docker.Stages {
		for tool, version := range ImageVersions(s.From) {
			r.pin(tool, "Dockerfile", version, Place{t.Dockerfile, s.Line})
		}
	}
	for _, run := range t.Docker.Runs() {
		text := run.Text
		for _, h := range run.Heredocs {
			text += "\n" + h.Text
		}
		for _, m := range nodesource.FindAllStringSubmatch(text, 1) {
			r.pin(Node, "Dockerfile", m[1]+m[2], Place{t.Dockerfile, run.Line})
		}
		for _, m := range nodeTar.FindAllStringSubmatch(text, 1) {
			r.pin(Node, "Dockerfile", m[1], Place{t.Dockerfile, run.Line})
		}
	}
}

var (
	// A tag of hexpm/elixir: 1.18.3-erlang-27.3.3-debian-bookworm-20250407-slim.
	hexTag = regexp.MustCompile(`^v?(\d+\.\d+(?:\.\d+)?(?:-rc\.\d+)?)-erlang-(\d+(?:\.\d+)*)`)
	// One of the official image of elixir: 1.18-otp-27-slim.
	otpTag = regexp.MustCompile(`^v?(\d+(?:\.\d+)*)(?:-rc\.\d+)?(?:-otp-(\d+))?`)
	number = regexp.MustCompile(`^v?(\d+(?:\.\d+)*)`)
	// Names that people make of all of it: elixir-v1.18.3-erlang-v27.3.3-nodejs-v23.8.0.
	named = regexp.MustCompile(`(elixir|erlang|otp|nodejs|node)-v?(\d+(?:\.\d+)+)`)
)

// ImageVersions is the versions that the reference of an image names.
func ImageVersions(ref string) map[Tool]string {
	ref, _, _ = strings.Cut(ref, "@")
	i := strings.LastIndexByte(ref, ':')
	if i < 0 || strings.Contains(ref[i:], "/") {
		return nil
	}
	repository, tag := ref[:i], ref[i+1:]
	out := map[Tool]string{}
	set := func(t Tool, v string) {
		if v != "" {
			out[t] = v
		}
	}
	switch base := path.Base(repository); {
	case hexTag.MatchString(tag):
		m := hexTag.FindStringSubmatch(tag)
		set(Elixir, m[1])
		set(Erlang, m[2])
	case base == "elixir":
		if m := otpTag.FindStringSubmatch(tag); m != nil {
			set(Elixir, m[1])
			set(Erlang, m[2])
		}
	case base == "erlang" || base == "node" || base == "postgres" || base == "postgis" || base == "timescaledb":
		m := number.FindStringSubmatch(strings.TrimPrefix(tag, "latest-pg"))
		if m == nil {
			break
		}
		switch base {
		case "erlang":
			set(Erlang, m[1])
		case "node":
			set(Node, m[1])
		case "postgres", "postgis":
			set(PostgreSQL, m[1])
		}
	default:
		for _, m := range named.FindAllStringSubmatch(tag, -1) {
			set(toolNames[m[1]], m[2])
		}
	}
	return out
}

var (
	workflowKey   = regexp.MustCompile(`^\s*(?:-\s+)?["']?(elixir-version|otp-version|node-version|elixir|otp|erlang|node|ELIXIR_VERSION|OTP_VERSION|ERLANG_VERSION|NODE_VERSION|NODEJS_VERSION)["']?\s*:\s*(.+?)\s*$`)
	workflowImage = regexp.MustCompile(`^\s*(?:-\s+)?image\s*:\s*["']?([^\s"'#]+)`)
	quotedVersion = regexp.MustCompile(`v?\d+(?:\.\d+)*`)
)

// workflowTools is which tool a key of a workflow is about.
func workflowTool(key string) (Tool, bool) {
	key = strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(key), "-version"), "_version")
	t, ok := toolNames[key]
	return t, ok
}

// workflows reads what is written plainly in GitHub's workflows: versions, lists of them, images of services.
func (r *reader) workflows() {
	for _, name := range r.matching(func(name string) bool {
		return strings.HasPrefix(name, ".github/workflows/") && (path.Ext(name) == ".yml" || path.Ext(name) == ".yaml")
	}) {
		src, ok := r.read(name)
		if !ok {
			continue
		}
		for i, l := range strings.Split(string(src), "\n") {
			at := Place{name, i + 1}
			if m := workflowImage.FindStringSubmatch(l); m != nil {
				for tool, version := range ImageVersions(m[1]) {
					r.pin(tool, "workflows", version, at)
				}
				continue
			}
			m := workflowKey.FindStringSubmatch(l)
			if m == nil || strings.Contains(m[2], "${{") {
				continue
			}
			tool, ok := workflowTool(m[1])
			if !ok {
				continue
			}
			value, _, _ := strings.Cut(m[2], " #")
			for _, v := range quotedVersion.FindAllString(strings.SplitN(value, "-otp-", 2)[0], 20) {
				r.pin(tool, "workflows", v, at)
			}
		}
	}
}

// compose reads the images of services that development runs.
func (r *reader) compose() {
	for _, name := range r.matching(func(name string) bool {
		base := path.Base(name)
		ext := path.Ext(base)
		return strings.Count(name, "/") <= 1 && (ext == ".yml" || ext == ".yaml") && (strings.HasPrefix(base, "docker-compose") || strings.HasPrefix(base, "compose"))
	}) {
		src, ok := r.read(name)
		if !ok {
			continue
		}
		for i, l := range strings.Split(string(src), "\n") {
			if m := workflowImage.FindStringSubmatch(l); m != nil {
				for tool, version := range ImageVersions(m[1]) {
					r.pin(tool, "compose", version, Place{name, i + 1})
				}
			}
		}
	}
}
