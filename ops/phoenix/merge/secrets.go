package merge

import (
	"encoding/base64"
	"io"
	"path"
	"regexp"
	"strings"

	"ops-console/ops/phoenix/diff"
	"ops-console/ops/phoenix/diff/lines"
)

// values are what a generator makes anew each time, and an application has its own of.
var values = []struct {
	file func(at string) bool
	text *regexp.Regexp // a name, and the value
}{
	{diff.HasSecrets, regexp.MustCompile(`(secret_key_base|signing_salt)(: ")([^"\n]*)"`)},
	{func(at string) bool { return path.Base(at) == "Dockerfile" }, regexp.MustCompile(`(?m)^ARG (ELIXIR_VERSION|OTP_VERSION|DEBIAN_VERSION)(=)([^\r\n]*)`)},
}

// lengths of new secrets, in characters, as the generators make them.
var lengths = map[string]int{"secret_key_base": 64, "signing_salt": 8}

// graft puts the application's own values into both of the generator's texts, so that they are no change, and its line
// ends. What the application has none of gets a new value; one from a snapshot would be known to everybody.
func (f *File) graft(random io.Reader) error {
	if diff.Binary(f.base.Data) || diff.Binary(f.new.Data) || diff.Binary(f.mine.Data) {
		return nil
	}
	own := find(f.Path(), string(f.mine.Data))
	fresh := map[string]string{}
	fill := func(at, text string) (string, error) {
		seen := map[string]int{}
		var err error
		for _, v := range values {
			if !v.file(at) {
				continue
			}
			text = v.text.ReplaceAllStringFunc(text, func(s string) string {
				m := v.text.FindStringSubmatch(s)
				name, old := m[1], m[3]
				mine := own[name]
				n := seen[name]
				seen[name]++
				to := old
				switch {
				case len(mine) > 0:
					to = mine[min(n, len(mine)-1)]
				case lengths[name] > 0:
					if fresh[name] == "" {
						if fresh[name], err = secret(random, lengths[name]); err != nil {
							return s
						}
					}
					to = fresh[name]
				}
				return strings.Replace(s, m[2]+old, m[2]+to, 1)
			})
		}
		return text, err
	}
	for _, side := range []struct {
		at   string
		data *[]byte
	}{{f.Base, &f.base.Data}, {f.New, &f.new.Data}} {
		if side.at == "" {
			continue
		}
		text, err := fill(side.at, string(*side.data))
		if err != nil {
			return err
		}
		if carriages(string(f.mine.Data)) {
			text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
		}
		*side.data = []byte(text)
	}
	return nil
}

// find is a text's own values by name, in their order.
func find(at, text string) map[string][]string {
	out := map[string][]string{}
	for _, v := range values {
		if v.file(at) {
			for _, m := range v.text.FindAllStringSubmatch(text, -1) {
				out[m[1]] = append(out[m[1]], m[3])
			}
		}
	}
	return out
}

// secret of n characters, as mix phx.gen.secret makes one.
func secret(random io.Reader, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b)[:n], nil
}

// carriages says whether a text has CR LF at the end of every line.
func carriages(text string) bool {
	n := strings.Count(text, "\n")
	return n > 0 && strings.Count(text, "\r\n") == n
}

// display is the three texts by line, without ends, as people see them.
type display struct{ base, mine, new []string }

// shown masks the application's secrets. Lines that the generator wrote are shown as they are, apart from their random
// values: "postgres" is nobody's password.
func (f *File) shown() display {
	public := map[string]bool{}
	side := func(at string, ll []string) []string {
		text := strings.Join(ll, "")
		if v := values[0]; v.file(at) {
			text = v.text.ReplaceAllString(text, `${1}${2}`+diff.Hidden+`"`)
		}
		out := bare(lines.Split(text))
		for _, l := range out {
			public[strings.TrimSpace(l)] = true
		}
		return out
	}
	d := display{base: side(f.Base, f.text.base), new: side(f.New, f.text.theirs)}
	raw := bare(f.text.mine)
	d.mine = bare(lines.Split(Mask(strings.Join(f.text.mine, ""))))
	f.covered = make([]bool, len(raw))
	for i := range raw {
		if d.mine[i] == raw[i] {
			continue
		}
		if public[strings.TrimSpace(raw[i])] {
			d.mine[i] = raw[i]
			continue
		}
		f.covered[i] = true
	}
	return d
}

func bare(ll []string) []string {
	out := make([]string, len(ll))
	for i, l := range ll {
		out[i] = strings.TrimSuffix(strings.TrimSuffix(l, "\n"), "\r")
	}
	return out
}

// secretLines says of a line, of the file before or after, whether a patch must not have it.
func secretLines(w work) func(line string) bool {
	secret := map[string]bool{}
	if !diff.Binary(w.out.Data) && !diff.Binary(w.file.mine.Data) {
		for i, l := range bare(w.file.text.mine) {
			if w.file.covered[i] {
				secret[l] = true
			}
		}
		for _, l := range bare(lines.Split(string(w.out.Data))) {
			for _, v := range values {
				if m := v.text.FindStringSubmatch(l); m != nil && lengths[m[1]] > 0 {
					secret[l] = true
				}
			}
		}
	}
	return func(line string) bool { return secret[bare([]string{line})[0]] }
}
