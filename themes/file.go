package themes

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed files/*.toml
var shipped embed.FS

// The themes that are taken where nobody asked for one.
const (
	DefaultDark  = "catppuccin-mocha"
	DefaultLight = "solarized-light"
	Mono         = "mono"
	Terminal     = "terminal"
)

// largest bounds a theme file.
const largest = 64 << 10

// File is a theme as it was written down, complete and checked.
type File struct {
	Name string
	Path string // empty: shipped with the console
	doc  document
}

// document is the schema of a theme file. Every look has to be there, unless base names a theme to take it from.
type document struct {
	Kind string `toml:"kind"`
	Base string `toml:"base"`
	UI   struct {
		Bg       look `toml:"bg"`
		Surface  look `toml:"surface"`
		Overlay  look `toml:"overlay"`
		Border   look `toml:"border"`
		Accent   look `toml:"accent"`
		OnAccent look `toml:"on_accent"`
		SelBg    look `toml:"sel_bg"`
		SelFg    look `toml:"sel_fg"`
	} `toml:"ui"`
	Text struct {
		Text  look `toml:"text"`
		Muted look `toml:"muted"`
		Faint look `toml:"faint"`
	} `toml:"text"`
	Status struct {
		OK      look `toml:"ok"`
		Warn    look `toml:"warn"`
		Crit    look `toml:"crit"`
		Info    look `toml:"info"`
		Pending look `toml:"pending"`
		Stale   look `toml:"stale"`
		ProdBg  look `toml:"prod_bg"`
		ProdFg  look `toml:"prod_fg"`
	} `toml:"status"`
	Diff struct {
		Add   look `toml:"add"`
		AddBg look `toml:"add_bg"`
		Del   look `toml:"del"`
		DelBg look `toml:"del_bg"`
		Hunk  look `toml:"hunk"`
	} `toml:"diff"`
	Syntax struct {
		Keyword look `toml:"keyword"`
		String  look `toml:"string"`
		Comment look `toml:"comment"`
		Number  look `toml:"number"`
		Type    look `toml:"type"`
	} `toml:"syntax"`
	Plot struct {
		P1 look `toml:"p1"`
		P2 look `toml:"p2"`
		P3 look `toml:"p3"`
		P4 look `toml:"p4"`
		P5 look `toml:"p5"`
		P6 look `toml:"p6"`
	} `toml:"plot"`
}

// keyed are the looks of a document with their keys, in the order of the schema.
type keyed struct {
	key  string
	look *look
}

func (d *document) looks() []keyed {
	return []keyed{
		{"ui.bg", &d.UI.Bg},
		{"ui.surface", &d.UI.Surface},
		{"ui.overlay", &d.UI.Overlay},
		{"ui.border", &d.UI.Border},
		{"ui.accent", &d.UI.Accent},
		{"ui.on_accent", &d.UI.OnAccent},
		{"ui.sel_bg", &d.UI.SelBg},
		{"ui.sel_fg", &d.UI.SelFg},
		{"text.text", &d.Text.Text},
		{"text.muted", &d.Text.Muted},
		{"text.faint", &d.Text.Faint},
		{"status.ok", &d.Status.OK},
		{"status.warn", &d.Status.Warn},
		{"status.crit", &d.Status.Crit},
		{"status.info", &d.Status.Info},
		{"status.pending", &d.Status.Pending},
		{"status.stale", &d.Status.Stale},
		{"status.prod_bg", &d.Status.ProdBg},
		{"status.prod_fg", &d.Status.ProdFg},
		{"diff.add", &d.Diff.Add},
		{"diff.add_bg", &d.Diff.AddBg},
		{"diff.del", &d.Diff.Del},
		{"diff.del_bg", &d.Diff.DelBg},
		{"diff.hunk", &d.Diff.Hunk},
		{"syntax.keyword", &d.Syntax.Keyword},
		{"syntax.string", &d.Syntax.String},
		{"syntax.comment", &d.Syntax.Comment},
		{"syntax.number", &d.Syntax.Number},
		{"syntax.type", &d.Syntax.Type},
		{"plot.p1", &d.Plot.P1},
		{"plot.p2", &d.Plot.P2},
		{"plot.p3", &d.Plot.P3},
		{"plot.p4", &d.Plot.P4},
		{"plot.p5", &d.Plot.P5},
		{"plot.p6", &d.Plot.P6},
	}
}

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// Load reads the theme called name: NAME.toml in the first of dirs that has it, else the shipped one. Errors name
// file and line.
func Load(name string, dirs []string) (*File, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("theme %q: a name has lower-case letters, digits, - and _ only", name)
	}
	for _, d := range dirs {
		path := filepath.Join(d, name+".toml")
		b, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("theme %s: %w", name, err)
		}
		return parse(name, path, b)
	}
	b, err := shipped.ReadFile("files/" + name + ".toml")
	if err != nil {
		return nil, fmt.Errorf("there is no theme %q; there are %s", name, strings.Join(Names(dirs), ", "))
	}
	return parse(name, "", b)
}

// readFile refuses what cannot be a theme: a device, a directory, something huge.
func readFile(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if st.Size() > largest {
		return nil, fmt.Errorf("%s has %d bytes, a theme has at most %d", path, st.Size(), largest)
	}
	return os.ReadFile(path)
}

// Names are the themes that Load finds: the shipped ones and those in dirs, sorted.
func Names(dirs []string) []string {
	var out []string
	ee, _ := shipped.ReadDir("files")
	for _, d := range dirs {
		more, _ := os.ReadDir(d)
		ee = append(ee, more...)
	}
	for _, e := range ee {
		if n, ok := strings.CutSuffix(e.Name(), ".toml"); ok && validName.MatchString(n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func parse(name, path string, b []byte) (*File, error) {
	f := &File{Name: name, Path: path}
	where := path
	if where == "" {
		where = "theme " + name
	}
	dec := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields()
	if err := dec.Decode(&f.doc); err != nil {
		return nil, explain(where, err)
	}
	if f.doc.Base != "" {
		if err := f.inherit(); err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
	}
	if k := f.doc.Kind; k != "dark" && k != "light" && k != "any" {
		return nil, fmt.Errorf(`%s: kind is %q, want "dark", "light" or "any"`, where, k)
	}
	var missing []string
	for _, l := range f.doc.looks() {
		if !l.look.set {
			missing = append(missing, l.key)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf(`%s: %s missing; give them, or base = "%s" to take them from there`, where, strings.Join(missing, ", "), DefaultDark)
	}
	return f, nil
}

// inherit fills in what the file leaves out from the shipped theme it is based on.
func (f *File) inherit() error {
	b, err := shipped.ReadFile("files/" + f.doc.Base + ".toml")
	if err != nil || !validName.MatchString(f.doc.Base) {
		return fmt.Errorf("base %q is none of the shipped themes: %s", f.doc.Base, strings.Join(Names(nil), ", "))
	}
	base, err := parse(f.doc.Base, "", b)
	if err != nil {
		return err
	}
	if f.doc.Kind == "" {
		f.doc.Kind = base.doc.Kind
	}
	theirs := base.doc.looks()
	for i, l := range f.doc.looks() {
		if !l.look.set {
			*l.look = *theirs[i].look
		}
	}
	return nil
}

// explain puts file and line before what the decoder has to say.
func explain(where string, err error) error {
	if s, ok := errors.AsType[*toml.StrictMissingError](err); ok && len(s.Errors) > 0 {
		e := s.Errors[0]
		row, _ := e.Position()
		return fmt.Errorf("%s:%d: unknown key %s", where, row, strings.Join(e.Key(), "."))
	}
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, _ := e.Position()
		key := strings.Join(e.Key(), ".")
		if key != "" {
			key += ": "
		}
		return fmt.Errorf("%s:%d: %s%s", where, row, key, strings.TrimPrefix(e.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %w", where, err)
}
