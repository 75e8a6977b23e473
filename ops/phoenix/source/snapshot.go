package source

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ops-console/ops/phoenix"
)

// Options of sources that leave this machine's own files.
type Options struct {
	Cache  *Cache
	Client *http.Client     // nil: the default one, which goes through HTTPS_PROXY
	Now    func() time.Time // nil: time.Now
	Stall  time.Duration    // how long a server may send nothing; 0: 30 s
	MaxAge time.Duration    // after which a snapshot from elsewhere is asked for again; 0: a day
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

func (o Options) client() *http.Client {
	if o.Client == nil {
		return http.DefaultClient
	}
	return o.Client
}

func (o Options) stall() time.Duration {
	if o.Stall == 0 {
		return 30 * time.Second
	}
	return o.Stall
}

func (o Options) maxAge() time.Duration {
	if o.MaxAge == 0 {
		return 24 * time.Hour
	}
	return o.MaxAge
}

// Snapshot is trees that somebody generated once, made with the names App and Module. Of its two layouts see Dir and
// docs/generator.md. It is opened when it is first asked; one that cannot be is tried again the next time.
type Snapshot struct {
	at      string
	options Options

	gate  gate // held while it is opened, so that several askers open it once
	store store
	index map[string]place // by Dir of the spec
	note  string
}

// store is the files of a snapshot, wherever they lie. It may be used by several goroutines at once.
type store interface {
	places() []place
	files(ctx context.Context, dir string) (map[string]phoenix.File, error)
	detail() string
}

// NewSnapshot takes where a snapshot is: a directory, an archive (.tar, .tar.gz, .tar.zst), a git repository or bundle, as a
// path or URL. #REF behind it names a branch, tag or commit of a repository.
func NewSnapshot(at string, o Options) *Snapshot { return &Snapshot{at: at, options: o} }

// Name is where it is, without a password that may be part of it.
func (s *Snapshot) Name() string { return "snapshot " + redact(s.at) }

func (s *Snapshot) open(ctx context.Context) (store, map[string]place, error) {
	if err := s.gate.enter(ctx); err != nil {
		return nil, nil, err
	}
	defer s.gate.leave()
	if s.store != nil {
		return s.store, s.index, nil
	}
	st, note, err := s.find(ctx)
	if err != nil {
		return nil, nil, err
	}
	index := map[string]place{}
	for _, p := range st.places() {
		if _, ok := index[Dir(p.spec)]; !ok {
			index[Dir(p.spec)] = p
		}
	}
	if len(index) == 0 {
		return nil, nil, fmt.Errorf("there are no generated trees in it: they are looked for as new/VERSION/FLAGS/… and priv/data/sample-app/VERSION/PRESET/…")
	}
	s.store, s.index, s.note = st, index, note
	return st, index, nil
}

// Specs of all trees, sorted.
func (s *Snapshot) Specs(ctx context.Context) ([]phoenix.Spec, error) {
	_, index, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	var all []phoenix.Spec
	for _, p := range index {
		all = append(all, p.spec)
	}
	slices.SortFunc(all, compareSpecs)
	return all, nil
}

// Versions of which there is a tree.
func (s *Snapshot) Versions(ctx context.Context, a phoenix.Axis) ([]phoenix.Version, error) {
	all, err := s.Specs(ctx)
	return versionsOf(all, a), err
}

// Tree of a spec, with its names put in as text.
func (s *Snapshot) Tree(ctx context.Context, spec phoenix.Spec) (*phoenix.Tree, error) {
	spec, notes, err := Fit(spec)
	if err != nil {
		return nil, err
	}
	st, index, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	p, ok := index[Dir(spec)]
	if !ok {
		return nil, missing(spec, index)
	}
	if spec.Axis == phoenix.Auth && spec.Names != phoenix.DefaultNames {
		// Generated text speaks of users, too, where it means those of any application.
		return nil, fmt.Errorf("%w: it has this version with the names %s", ErrNone, phoenix.DefaultNames)
	}
	files, err := st.files(ctx, p.dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.dir, err)
	}
	detail := st.detail() + ", " + p.dir
	if s.note != "" {
		notes = append(notes, s.note)
	}
	t := &phoenix.Tree{Spec: p.spec, Files: files, Provenance: phoenix.Provenance{Source: "snapshot", Detail: detail}}
	t.Spec.App, t.Spec.Module, t.Spec.Names = App, Module, spec.Names
	t, more := Rename(t, spec.App, spec.Module)
	t.Provenance.Notes = append(notes, more...)
	return t, nil
}

// missing says what there is instead.
func missing(s phoenix.Spec, index map[string]place) error {
	var flags []string
	for _, dir := range slices.Sorted(maps.Keys(index)) {
		if p := index[dir].spec; p.Axis == s.Axis && p.Version == s.Version {
			words := p.Flags.String()
			if words == "" {
				words = "no flags"
			}
			if len(p.Within) > 0 {
				words += " in a project with " + p.Within.String()
			}
			flags = append(flags, words)
		}
	}
	if flags == nil {
		if s.Axis != phoenix.Project {
			return fmt.Errorf("%w: it has no mix %s of this version", ErrNone, s.Axis.Task())
		}
		return fmt.Errorf("%w: it does not have this version", ErrNone)
	}
	return fmt.Errorf("%w: it has this version with %s", ErrNone, strings.Join(flags, ", with "))
}

// redact takes user and password out of a URL.
func redact(at string) string {
	scheme, rest, ok := strings.Cut(at, "://")
	if !ok {
		return at
	}
	authority, path, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	path, _, _ = strings.Cut(path, "?")
	if !slash {
		return scheme + "://" + authority
	}
	return scheme + "://" + authority + "/" + path
}

// isURL says whether a place is reached by a network, or by git in its own way.
func isURL(at string) bool {
	return strings.Contains(at, "://") || !filepath.IsAbs(at) && scpLike.MatchString(at)
}
