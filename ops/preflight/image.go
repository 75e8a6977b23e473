package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ops-console/ops/page"
	"ops-console/ops/preflight/git"
	"ops-console/ops/preflight/registry"
)

func imageChecks() []Check {
	return []Check{
		{"image.exists", GroupImage, "The image is there", "Fails where the registry has no such image. Unknown without --image, and where the registry does not say.", imageExists},
		{"image.platform", GroupImage, "It is for linux/amd64", "Fails where the image is for other platforms only: machines are linux/amd64.", imagePlatform},
		{"image.revision", GroupImage, "It says which commit it is", "Warns where neither the label " + registry.LabelRevision + " nor the tag names a commit; fails where it names one with changes that nobody committed.", imageRevision},
		{"image.central", GroupImage, "Its commit is on the central branch", "Fails where the central branch does not have the commit. What was fetched more than an hour ago is not taken as proof of that.", imageCentral},
	}
}

const (
	noImage     = "no image is named"
	noImageMend = "name the one that would go out: --image REF"
)

// image is the image that was asked about, or why nothing is known of it.
func (f *Facts) image() (registry.Image, *verdict) {
	if f.ImageRef == "" {
		v := unknown(noImage, noImageMend)
		return registry.Image{}, &v
	}
	img, ok := f.Image.Get()
	if !ok {
		mend := "ask again, or look at it by hand: docker manifest inspect REF"
		if errors.Is(f.Image.Err(), registry.ErrDenied) {
			mend = "log in to the registry: docker login, or flyctl auth docker"
		}
		v := unknown(f.Image.Why(), mend)
		return img, &v
	}
	return img, nil
}

func imageExists(f *Facts) verdict {
	img, v := f.image()
	if v != nil {
		if errors.Is(f.Image.Err(), registry.ErrNotFound) {
			return fail("the registry has no "+f.ImageRef, "build and push it, or look for a slip in its name", Evidence{Text: f.ImageRef})
		}
		return *v
	}
	parts := []string{short(img.Digest)}
	if img.Size > 0 {
		parts = append(parts, page.Size(img.Size))
	}
	if age := f.At.Sub(img.Created); !img.Created.IsZero() && img.Created.Year() > 2000 && age >= 0 {
		parts = append(parts, "made "+page.Ago(age)+" ago")
	}
	return pass(strings.Join(parts, ", "), Evidence{Text: f.ImageRef})
}

// short is a digest or a commit as people write it.
func short(s string) string {
	if d, ok := strings.CutPrefix(s, "sha256:"); ok && len(d) > 12 {
		return "sha256:" + d[:12]
	}
	if git.Hash(s) && len(s) > 9 {
		return s[:9]
	}
	return s
}

const platform = "linux/amd64"

func imagePlatform(f *Facts) verdict {
	img, v := f.image()
	switch {
	case errors.Is(f.Image.Err(), registry.ErrNotFound):
		return unknown("there is no image", "")
	case v != nil:
		return *v
	case slices.Contains(img.Platforms, platform):
		return pass(strings.Join(img.Platforms, ", "))
	case len(img.Platforms) == 0:
		return unknown("the image does not say what it is for", "")
	}
	return fail("it is for "+strings.Join(img.Platforms, ", ")+" only: a machine could not run it", "build it with --platform "+platform, Evidence{Text: f.ImageRef})
}

// RevisionOf is the commit that an image says it was built from, and where it says so: its label, or a tag that is a commit's
// name. dirty: with changes that are in no commit.
func RevisionOf(ref string, labels map[string]string) (commit, from string, dirty bool) {
	if l := strings.TrimSpace(labels[registry.LabelRevision]); l != "" {
		commit, dirty = undirty(l)
		return commit, "the label " + registry.LabelRevision, dirty
	}
	r, err := registry.ParseRef(ref)
	if err != nil {
		return "", "", false
	}
	for _, part := range []string{r.Tag, r.Tag[strings.LastIndexByte(r.Tag, '-')+1:], strings.TrimPrefix(r.Tag, "sha-")} {
		if c, d := undirty(part); git.Hash(c) && strings.ContainsAny(c, "0123456789") && (len(c) == 40 || len(c) <= 12 && strings.ContainsAny(c, "abcdef")) {
			return c, "its tag", d
		}
	}
	return "", "", false
}

// undirty takes off what build scripts put behind a commit with changes in it.
func undirty(s string) (string, bool) {
	for _, end := range []string{"-dirty", ".dirty", "+dirty", "_dirty", "-modified", ".dev", "-dev"} {
		if c, ok := strings.CutSuffix(s, end); ok {
			return c, true
		}
	}
	return s, false
}

const labelMend = `build with --label ` + registry.LabelRevision + `="$(git rev-parse HEAD)" (docker/metadata-action does)`

func imageRevision(f *Facts) verdict {
	img, v := f.image()
	if v != nil {
		return absent(f, v)
	}
	commit, from, dirty := RevisionOf(f.ImageRef, img.Labels)
	switch {
	case commit == "":
		return warn("neither its labels nor its tag name a commit: nobody can tell what is in it", labelMend)
	case dirty:
		return fail("it was built from "+short(commit)+" with changes that are in no commit ("+from+")", "commit them, and build it again from a clean tree")
	case !git.Hash(commit):
		return warn(fmt.Sprintf("%s says %q, which is no commit", from, commit), labelMend)
	}
	r, ok := f.Revision.Get()
	if !ok || r.Commit == "" {
		return pass(short(commit) + ", says " + from)
	}
	return pass(fmt.Sprintf("%s %s, says %s", short(r.Commit), quote(r.Subject), from))
}

// absent is the verdict on what is asked of an image that is not there.
func absent(f *Facts, v *verdict) verdict {
	if errors.Is(f.Image.Err(), registry.ErrNotFound) {
		return unknown("there is no image", "")
	}
	return *v
}

func quote(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:59]) + "…"
	}
	return "“" + s + "”"
}

// fresh is how old what was fetched may be to prove that the remote does not have a commit.
const fresh = time.Hour

func imageCentral(f *Facts) verdict {
	img, v := f.image()
	if v != nil {
		return absent(f, v)
	}
	commit, _, _ := RevisionOf(f.ImageRef, img.Labels)
	if !git.Hash(commit) {
		return unknown("the image names no commit", labelMend)
	}
	g, ok := f.Git.Get()
	if !ok {
		return unknown(f.Git.Why(), "run it in a checkout of the application (--project DIR)")
	}
	if g.Central == "" {
		return unknown("the repository has no remote with a branch main or master", "git remote add origin URL, then git fetch; or git remote set-head origin --auto")
	}
	r, ok := f.Revision.Get()
	if !ok {
		return unknown(f.Revision.Why(), "")
	}
	age := f.At.Sub(g.FetchedAt)
	stale := g.FetchedAt.IsZero() || age > fresh
	switch {
	case r.OnCentral && r.Behind == 0:
		return pass(fmt.Sprintf("it is the head of %s%s", g.Central, f.fetched(g)))
	case r.OnCentral:
		return pass(fmt.Sprintf("%s has it, and %s after it%s", g.Central, plural(r.Behind, "commit"), f.fetched(g)))
	case stale:
		return unknown(fmt.Sprintf("%s does not have %s as far as is known here%s", g.Central, short(commit), f.fetched(g)), f.fetchMend())
	case r.Commit == "":
		return fail(fmt.Sprintf("%s does not have %s, and neither has this repository%s", g.Central, short(commit), f.fetched(g)), "push what it was built from, have it reviewed and merged, and build it from there")
	}
	return fail(fmt.Sprintf("%s does not have %s %s%s", g.Central, short(r.Commit), quote(r.Subject), f.fetched(g)), "have it merged, and build the image from there")
}

// fetched says how old what is known of the remote is.
func (f *Facts) fetched(g git.State) string {
	if g.FetchedAt.IsZero() {
		return ", whenever that was fetched"
	}
	age := f.At.Sub(g.FetchedAt)
	if age < time.Minute {
		return ", fetched just now"
	}
	return ", fetched " + page.Ago(age) + " ago"
}

func (f *Facts) fetchMend() string {
	if f.Fetch != "" {
		return "the remote could not be asked: " + f.Fetch
	}
	return "ask the remote: --fetch"
}

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	switch {
	case strings.HasSuffix(noun, "y"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	case strings.HasSuffix(noun, "ch"), strings.HasSuffix(noun, "x"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
