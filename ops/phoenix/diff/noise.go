package diff

import (
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"ops-console/ops/phoenix"
)

// Hidden stands where Normalise took a value out.
const Hidden = "…"

// noise is what two runs of one generator do not have in common.
var noise = []struct {
	file func(at string) bool
	text *regexp.Regexp
	to   string
}{
	{
		HasSecrets,
		regexp.MustCompile(`((?:secret_key_base|signing_salt): )"[^"\n]*"`),
		`${1}"` + Hidden + `"`,
	},
	{
		isDockerfile,
		regexp.MustCompile(`(?m)^(ARG (?:ELIXIR|OTP)_VERSION=).*$`),
		`${1}` + Hidden,
	},
	{ // not the name of the distribution: that is the generator's choice
		isDockerfile,
		regexp.MustCompile(`-\d{8}(-slim)\b`),
		`-` + Hidden + `${1}`,
	},
	{
		isDockerfile,
		regexp.MustCompile(`(hexpm/elixir:)\d[\w.-]*?(-erlang-)\d[\w.]*`),
		`${1}` + Hidden + `${2}` + Hidden,
	},
	{ // written since 1.8.2 if the Elixir that runs the generator is 1.19.3 or newer
		func(at string) bool { return path.Base(at) == "dev.exs" && path.Base(path.Dir(at)) == "config" },
		regexp.MustCompile(`(~r"[^"\n]*")E\b`),
		`${1}`,
	},
}

func isDockerfile(at string) bool { return path.Base(at) == "Dockerfile" }

// HasSecrets says whether a generator writes random values into the file at a path.
func HasSecrets(at string) bool {
	return path.Base(at) == "endpoint.ex" || path.Ext(at) == ".exs" && path.Base(path.Dir(at)) == "config"
}

var carriage = regexp.MustCompile(`\r+\n`)

// Normalise takes out of a file's text what differs from run to run of one generator: secrets and salts, the versions of
// the machine that built a Dockerfile, carriage returns, a missing line end at the end.
func Normalise(at, text string) string {
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if strings.Contains(text, "\r") {
		text = carriage.ReplaceAllString(text, "\n")
	}
	for _, n := range noise {
		if n.file(at) {
			text = n.text.ReplaceAllString(text, n.to)
		}
	}
	return text
}

// timestamp of a generated migration: the time at which the generator ran.
var timestamp = regexp.MustCompile(`(^|/)priv/repo/migrations/\d{14}_(create_\w+_auth_tables\.exs)$`)

// names turn the old tree's application into the new one's, where they differ.
type names struct {
	text, path *strings.Replacer
	same       bool // nothing to turn
}

func namesOf(old, new *phoenix.Tree) names {
	var both, app []string
	if a, b := old.Spec.Module, new.Spec.Module; a != b && a != "" && b != "" {
		both = append(both, a, b)
	}
	if a, b := old.Spec.App, new.Spec.App; a != b && a != "" && b != "" {
		both, app = append(both, a, b), []string{a, b}
	}
	return names{strings.NewReplacer(both...), strings.NewReplacer(app...), len(both) == 0}
}

func (n names) replace(text string) string {
	if n.same {
		return text
	}
	return n.text.Replace(text)
}

// Key is a path without the time at which its file was generated: files with equal keys are one.
func Key(p string) string {
	if !strings.HasSuffix(p, "_auth_tables.exs") {
		return p
	}
	return timestamp.ReplaceAllString(p, "${1}priv/repo/migrations/${2}")
}

// Why a view leaves a text out.
const (
	collapsedBinary = "binary"
	vendored        = "vendored"
	static          = "static"
)

// places whose files nobody reads a comparison of.
var places = []struct{ dir, why string }{
	{"assets/vendor/", vendored},
	{"priv/static/", static},
	{"assets/static/", static},
	{"web/static/assets/", static},
	{"web/static/vendor/", vendored},
}

func collapse(p Pair) string {
	if Binary(p.OldFile.Data) || Binary(p.NewFile.Data) {
		return collapsedBinary
	}
	for _, place := range places {
		if strings.Contains("/"+p.Path(), "/"+place.dir) {
			return place.why
		}
	}
	return ""
}

// Binary says whether a file is not text: it has a zero byte, or is not UTF-8.
func Binary(data []byte) bool { return hasZero(data) || !utf8.Valid(data) }

// requirement of mix.exs on Phoenix itself.
var requirement = regexp.MustCompile(`^\s*\{:phoenix, "[^"]*"(, override: true)?\},?\s*$`)

func (p *Pair) onlyRequirement() bool {
	if path.Base(p.New) != "mix.exs" {
		return false
	}
	for _, c := range p.changes {
		for _, l := range p.old[c.Old : c.Old+c.Removed] {
			if !requirement.MatchString(l) {
				return false
			}
		}
		for _, l := range p.new[c.New : c.New+c.Added] {
			if !requirement.MatchString(l) {
				return false
			}
		}
	}
	return true
}

// elixir is what onlyFormat understands.
var elixir = map[string]bool{".ex": true, ".exs": true, ".eex": true, ".heex": true, ".leex": true}

func (p *Pair) onlyFormat() bool {
	return elixir[path.Ext(p.New)] && SameButFormat(strings.Join(p.old, ""), strings.Join(p.new, ""))
}

// SameButFormat says whether two texts of Elixir differ by nothing but what formatting changes: spaces, parentheses,
// trailing commas. They may still mean different things; it is for a remark, not for a decision.
func SameButFormat(a, b string) bool {
	i, j := 0, 0
	for {
		var x, y int
		x, i = nextMark(a, i)
		y, j = nextMark(b, j)
		if x != y {
			return false
		}
		if x < 0 {
			return true
		}
	}
}

// nextMark is the next byte from i on that formatting does not change, and where to go on; -1: there is none.
func nextMark(text string, i int) (mark, next int) {
	for i = skipFormat(text, i); i < len(text); i = skipFormat(text, i) {
		c := text[i]
		i++
		if c == ',' {
			if n := skipFormat(text, i); n < len(text) && (text[n] == ']' || text[n] == '}') {
				continue
			}
		}
		return int(c), i
	}
	return -1, i
}

func skipFormat(text string, i int) int {
	for i < len(text) && strings.IndexByte(" \t\n\v\f\r()", text[i]) >= 0 {
		i++
	}
	return i
}
