package source

import (
	"path"
	"strings"
)

// script finds the text of a script by the name that it has in the image: among the release's overlays, through the COPY
// instructions of the Dockerfile, at the same place in the tree, under the same name near the top, or written by a program
// that builds the image. from is the file that runs it.
func (r *reader) script(word, from string) (string, Place, bool) {
	base := path.Base(word)
	if base == "." || base == "/" || strings.HasPrefix(word, "-") || strings.ContainsAny(word, "$=*?[]{} ") {
		return "", Place{}, false
	}
	root := r.root()
	clean := strings.TrimPrefix(path.Clean("/"+word), "/")
	inApp := strings.TrimPrefix(clean, "app/")
	var names []string
	if strings.HasPrefix(word, "./") && from != "" {
		names = append(names, path.Join(path.Dir(from), word))
	}
	if path.Base(path.Dir("/"+clean)) == "bin" {
		names = append(names, path.Join(root, "rel/overlays/bin", base))
		for _, f := range r.files { // of one release among several: rel/server/overlays/bin
			if strings.HasPrefix(f, path.Join(root, "rel")+"/") && strings.HasSuffix(f, "/overlays/bin/"+base) {
				names = append(names, f)
			}
		}
	}
	names = append(names, path.Join(root, "rel/overlays", inApp))
	for _, c := range r.tree.Image.Copies() {
		if c.Text != nil && path.Base(c.Dest) == base {
			return c.Text.Text, Place{r.tree.Dockerfile, c.Text.Line}, true
		}
		for _, src := range c.Sources {
			dest := c.Dest
			if strings.HasSuffix(dest, "/") || dest == "." || len(c.Sources) > 1 {
				dest = path.Join(dest, path.Base(src))
			}
			if path.Base(dest) == base {
				names = append(names, path.Clean(src))
			}
		}
	}
	names = append(names, inApp, clean)
	for _, name := range names {
		if text, ok := r.shebang(name); ok {
			return text, Place{name, 1}, true
		}
	}
	if !strings.ContainsAny(base, "._-") && base != "server" && base != "start" && base != "run" && base != "web" {
		return "", Place{}, false // a program: too common a name to look for everywhere
	}
	for _, name := range r.files {
		if path.Base(name) == base && strings.Count(name, "/") <= 3 && !within(name, "test") {
			if text, ok := r.shebang(name); ok {
				return text, Place{name, 1}, true
			}
		}
	}
	return r.written(base)
}

// shebang is a file's text where it is a script.
func (r *reader) shebang(name string) (string, bool) {
	src, ok := r.read(name)
	if !ok || !strings.HasPrefix(string(src), "#!") {
		return "", false
	}
	return string(src), true
}

// builders are the endings of files that programs which build images are written in.
var builders = map[string]bool{".go": true, ".py": true, ".ts": true, ".js": true, ".nix": true, ".sh": true, ".exs": true, ".rb": true, ".cue": true}

// written finds a script that a program writes into the image: its name in quotes as the end of a path, and soon after it a
// text that begins with #!.
func (r *reader) written(base string) (string, Place, bool) {
	if !strings.Contains(base, ".") || builders[path.Ext(base)] && path.Ext(base) != ".sh" {
		return "", Place{}, false
	}
	for _, name := range r.files {
		if !builders[path.Ext(name)] || within(name, "assets") || within(name, "test") {
			continue
		}
		src, ok := r.read(name)
		if !ok {
			continue
		}
		text := string(src)
		for from := 0; ; {
			i := strings.Index(text[from:], "/"+base)
			if i < 0 {
				break
			}
			from += i + len(base) + 1
			if from < len(text) && strings.IndexByte("\"'`", text[from]) < 0 {
				continue
			}
			if script, at, ok := literalScript(text, from); ok {
				return script, Place{name, 1 + strings.Count(text[:at], "\n")}, true
			}
		}
	}
	return "", Place{}, false
}

// near is how far behind its name a script's text may begin.
const near = 400

// literalScript is the quoted text that begins with #! soon after a place.
func literalScript(text string, from int) (string, int, bool) {
	window := text[from:min(len(text), from+near)]
	i := strings.Index(window, "#!")
	if i < 1 {
		return "", 0, false
	}
	begin := from + i
	quote := text[begin-1]
	for back := begin - 1; quote == '\n' && back > from; back-- { // """ and a line break
		quote = text[back]
	}
	if strings.IndexByte("\"'`", quote) < 0 {
		return "", 0, false
	}
	end := strings.IndexByte(text[begin:], quote)
	if end < 0 {
		return "", 0, false
	}
	return text[begin : begin+end], begin, true
}
