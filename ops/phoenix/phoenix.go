// Package phoenix holds what Phoenix's generators are: their versions, the flags that each knows, and the trees of files
// that they make. It fetches nothing and compares nothing.
//
//	source   generated trees: from snapshots, by the user's own mix, from public text APIs; and the cache of them
//	diff     two trees side by side: pairs of files, lines, words, patches
//	merge    three-way: what a new version means for an application's own files
//	nearest  which version an application's files come from
//	report   all that as text, patches and JSON
package phoenix

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// Axis is which generator made a tree. Projects come from the package phx_new, the others from phoenix, and up to 1.5
// from phx_gen_auth: their versions are not always the same.
type Axis string

// The axes.
const (
	Project      Axis = "new"     // mix phx.new
	Auth         Axis = "auth"    // mix phx.gen.auth
	ReleaseFiles Axis = "release" // mix phx.gen.release
)

// Axes are all of them.
func Axes() []Axis { return []Axis{Project, Auth, ReleaseFiles} }

// Task is what runs the generator: phx.new, phx.gen.auth, phx.gen.release.
func (a Axis) Task() string {
	if a == Project || a == "" {
		return "phx.new"
	}
	return "phx.gen." + string(a)
}

// Spec names a generated tree. One of Auth or ReleaseFiles has the files that its generator makes or changes in a project that
// mix phx.new of the same version just made.
type Spec struct {
	Axis    Axis
	Version Version
	Flags   Flags  // of the axis' generator, as given; what is not said is the version's default
	App     string // sample_app
	Module  string // SampleApp
	Names   Names  // what phx.gen.auth is asked for; zero: DefaultNames, and nothing on the other axes
	Within  Flags  // of the project that Auth and ReleaseFiles are generated into, as mix phx.new takes them; nil: none
}

// Names are what phx.gen.auth is asked for. The zero value is none.
type Names struct {
	Context string // Accounts, or Shop.Accounts
	Schema  string // User
	Plural  string // users: the table, unless the flag table says another, and part of names
}

// DefaultNames are those of Phoenix's own documentation, and of snapshots.
var DefaultNames = Names{Context: "Accounts", Schema: "User", Plural: "users"}

// String is the names as a command line has them.
func (n Names) String() string {
	return strings.TrimSpace(n.Context + " " + n.Schema + " " + n.Plural)
}

// Flags are a generator's, by name without dashes: "live" → "true", "ecto" → "false", "database" → "mysql".
type Flags map[string]string

// String is the flags as a command line has them, sorted: --no-ecto --database mysql.
func (f Flags) String() string {
	var words []string
	for name, v := range f {
		dashed := strings.ReplaceAll(name, "_", "-")
		switch v {
		case "true":
			words = append(words, "--"+dashed)
		case "false":
			words = append(words, "--no-"+dashed)
		default:
			words = append(words, "--"+dashed+" "+v)
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// Tree is generated files by path, with slashes, relative to the project.
type Tree struct {
	Spec       Spec
	Files      map[string]File
	Provenance Provenance
}

// File is one file of a tree.
type File struct {
	Data       []byte
	Executable bool
}

// Hash of the file's content.
func (f File) Hash() [sha256.Size]byte { return sha256.Sum256(f.Data) }

// Paths of the files, sorted.
func (t *Tree) Paths() []string {
	var pp []string
	for p := range t.Files {
		pp = append(pp, p)
	}
	slices.Sort(pp)
	return pp
}

// Provenance says where a tree comes from, for people.
type Provenance struct {
	Source      string // snapshot, mix, phoenixdiff.org, …
	Detail      string // path, URL, package and its sha256, Elixir's version
	Substituted bool   // names were replaced in the text: the generator did not run with them
	Cached      bool
	Notes       []string // such as: --live was asked of a version that does not know it
}
