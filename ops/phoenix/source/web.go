package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/phoenix"
)

// Web has trees from the text interface of phoenixdiff.org, or of another site with the same program: GET /versions, and for
// what is listed there /browse/SPEC/files.txt and /browse/SPEC/raw/PATH. A tree is one request per file, so Web belongs
// behind Cached. Sites that answer with differences only, as elixirstream.dev does, cannot give a tree.
type Web struct {
	Base    string        // empty: https://phoenixdiff.org
	Client  *http.Client  // nil: the default one, which goes through HTTPS_PROXY
	Request time.Duration // how long one request may take; 0: 20 s
	Whole   time.Duration // how long a tree may take; 0: 2 min

	gate   gate
	listed map[string]listing // by Dir of the spec
}

// listing is a tree of the site.
type listing struct {
	spec phoenix.Spec
	slug string // 1.7.14 --no-ecto
}

const atOnce = 6 // requests

func (w *Web) base() string {
	if w.Base == "" {
		return "https://phoenixdiff.org"
	}
	return strings.TrimRight(w.Base, "/")
}

// Name is the site's.
func (w *Web) Name() string {
	_, host, _ := strings.Cut(redact(w.base()), "://")
	return host
}

func (w *Web) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	within, client := w.Request, w.Client
	if within == 0 {
		within = 20 * time.Second
	}
	if client == nil {
		client = http.DefaultClient
	}
	return get(ctx, client, w.base()+path, "text/plain, */*", limit, within)
}

func (w *Web) list(ctx context.Context) (map[string]listing, error) {
	if err := w.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer w.gate.leave()
	if w.listed != nil {
		return w.listed, nil
	}
	text, err := w.get(ctx, "/versions", 4<<20)
	if err != nil {
		return nil, err
	}
	all := readVersions(text)
	if len(all) == 0 {
		return nil, fmt.Errorf("ask %s/versions: the answer lists no versions of Phoenix", redact(w.base()))
	}
	w.listed = all
	return all, nil
}

// readVersions reads lines such as
//
//	1.7.14: 1.7.14, 1.7.14 --no-ecto
//
// and leaves out what it cannot make sense of: the site may list more one day.
func readVersions(text []byte) map[string]listing {
	all := map[string]listing{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		version, specs, ok := strings.Cut(lines.Text(), ":")
		if !ok || !versionDir.MatchString(version) {
			continue
		}
		for slug := range strings.SplitSeq(specs, ",") {
			words := strings.Fields(slug)
			if len(words) == 0 || words[0] != version {
				continue
			}
			name := "default"
			if len(words) > 1 {
				f, err := phoenix.ReadFlags(words[1:])
				if err != nil {
					continue
				}
				name = flagsDir(f)
			}
			if s, ok := specOf("data/sample-app", version, name); ok {
				all[Dir(s)] = listing{spec: s, slug: strings.Join(words, " ")}
			}
		}
	}
	return all
}

// Specs that the site lists.
func (w *Web) Specs(ctx context.Context) ([]phoenix.Spec, error) {
	listed, err := w.list(ctx)
	if err != nil {
		return nil, err
	}
	var all []phoenix.Spec
	for _, l := range listed {
		all = append(all, l.spec)
	}
	slices.SortFunc(all, compareSpecs)
	return all, nil
}

// Versions that the site lists.
func (w *Web) Versions(ctx context.Context, a phoenix.Axis) ([]phoenix.Version, error) {
	all, err := w.Specs(ctx)
	return versionsOf(all, a), err
}

// Tree asks for every file of a tree, and puts the names in as text.
func (w *Web) Tree(ctx context.Context, s phoenix.Spec) (*phoenix.Tree, error) {
	s, notes, err := Fit(s)
	if err != nil {
		return nil, err
	}
	asked, within := ctx, w.Whole
	if within == 0 {
		within = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	t, err := w.tree(ctx, s)
	if err != nil && asked.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, fmt.Errorf("it did not give the whole tree within %s", within)
	}
	if err != nil {
		return nil, err
	}
	t, more := Rename(t, s.App, s.Module)
	t.Provenance.Notes = append(notes, more...)
	return t, nil
}

func (w *Web) tree(ctx context.Context, s phoenix.Spec) (*phoenix.Tree, error) {
	listed, err := w.list(ctx)
	if err != nil {
		return nil, err
	}
	l, ok := listed[Dir(s)]
	if !ok {
		index := map[string]place{}
		for dir, l := range listed {
			index[dir] = place{spec: l.spec}
		}
		return nil, missing(s, index)
	}
	root := "/browse/" + url.PathEscape(l.slug)
	text, err := w.get(ctx, root+"/files.txt", 4<<20)
	if err != nil {
		return nil, err
	}
	paths := strings.Fields(string(text)) // generated paths have no spaces
	if len(paths) > maxTreeFiles {
		return nil, fmt.Errorf("it lists %d files", len(paths))
	}
	for _, p := range paths {
		if err := checkPath(p); err != nil {
			return nil, err
		}
	}
	all := make([][]byte, len(paths))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i, p := range paths {
		g.Go(func() (err error) {
			all[i], err = w.get(ctx, root+"/raw/"+(&url.URL{Path: p}).EscapedPath(), maxFile)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var files gathering
	for i, p := range paths {
		if err := files.add(p, all[i], false); err != nil {
			return nil, err
		}
	}
	got, err := files.done(l.slug)
	if err != nil {
		return nil, err
	}
	t := &phoenix.Tree{Spec: l.spec, Files: got, Provenance: phoenix.Provenance{Source: w.Name(), Detail: redact(w.base()) + root}}
	t.Spec.App, t.Spec.Module = App, Module
	return t, nil
}
