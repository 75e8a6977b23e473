package preflight

import (
	"fmt"
	"strings"
	"time"

	"ops-console/ops/preflight/git"
)

func sourceChecks() []Check {
	return []Check{
		{"source.clean", GroupSource, "Nothing is uncommitted", "Fails where files differ from the commit and no image is named, so that they would be built in; warns where an image is named, or where there are only files that git does not know.", sourceClean},
		{"source.central", GroupSource, "The central branch has it", "Fails where there are commits that the central branch does not have, and no image is named; warns where it has newer ones. Unknown where it was fetched more than a day ago.", sourceCentral},
		{"source.image", GroupSource, "These files are the image's", "Warns where the files that this was judged from are not those of the image's commit.", sourceImage},
	}
}

// names lists some, and counts the rest.
func names(all []string) string {
	const few = 3
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
}

func files(all []string) []Evidence {
	var out []Evidence
	for _, p := range all[:min(len(all), 10)] {
		out = append(out, Evidence{Path: p})
	}
	return out
}

func (f *Facts) git() (git.State, *verdict) {
	g, ok := f.Git.Get()
	if !ok {
		v := unknown(f.Git.Why(), "run it in a checkout of the application (--project DIR)")
		return g, &v
	}
	return g, nil
}

func sourceClean(f *Facts) verdict {
	g, v := f.git()
	switch {
	case v != nil:
		return *v
	case len(g.Changed) > 0 && f.ImageRef == "":
		return fail(plural(len(g.Changed), "file")+" with changes that are in no commit: "+names(g.Changed), "commit them, or put them away (git stash)", files(g.Changed)...)
	case len(g.Changed) > 0:
		return warn(plural(len(g.Changed), "file")+" with changes that are in no commit, and so not in the image: "+names(g.Changed), "judge a clean checkout of the image's commit", files(g.Changed)...)
	case len(g.Untracked) > 0:
		return warn(plural(len(g.Untracked), "file")+" that git does not know, which a build here would take in: "+names(g.Untracked), "commit them, or name them in .gitignore and .dockerignore", files(g.Untracked)...)
	case g.Head == "":
		return unknown("there is no commit yet", "")
	}
	return pass("as committed in " + short(g.Head))
}

// old is from when on what was fetched says nothing of now.
const old = 24 * time.Hour

func sourceCentral(f *Facts) verdict {
	g, v := f.git()
	switch {
	case v != nil:
		return *v
	case g.Central == "":
		return unknown("the repository has no remote with a branch main or master", "git remote add origin URL, then git fetch; or git remote set-head origin --auto")
	case g.Head == "":
		return unknown("there is no commit yet", "")
	}
	where := g.Branch
	if where == "" {
		where = short(g.Head)
	}
	switch {
	case g.Unrelated:
		return fail(fmt.Sprintf("%s and %s have no commit in common", where, g.Central), "check that this is the right repository, and fetch")
	case g.Ahead > 0 && f.ImageRef == "":
		return fail(fmt.Sprintf("%s has %s that %s does not have%s", where, plural(g.Ahead, "commit"), g.Central, f.fetched(g)), "have them merged first, and deploy from there")
	case g.Ahead > 0:
		return warn(fmt.Sprintf("%s has %s that %s does not have%s: this is not what the image was built from", where, plural(g.Ahead, "commit"), g.Central, f.fetched(g)), "judge a checkout of the image's commit")
	case g.Behind > 0:
		return warn(fmt.Sprintf("%s has %s that %s does not have%s", g.Central, plural(g.Behind, "commit"), where, f.fetched(g)), "git pull, if they are meant to go out too")
	case g.FetchedAt.IsZero() || f.At.Sub(g.FetchedAt) > old:
		return unknown(fmt.Sprintf("%s is the same%s", g.Central, f.fetched(g)), f.fetchMend())
	}
	return pass(fmt.Sprintf("%s is the head of %s%s", where, g.Central, f.fetched(g)))
}

func sourceImage(f *Facts) verdict {
	if _, v := f.image(); v != nil {
		return absent(f, v)
	}
	g, v := f.git()
	if v != nil {
		return *v
	}
	r, ok := f.Revision.Get()
	switch {
	case !ok:
		return unknown(f.Revision.Why(), "")
	case r.Commit == "":
		return unknown("the image's commit is not in this repository", f.fetchMend())
	case r.IsHead && len(g.Changed) == 0, r.Differs == 0 && len(g.Changed) == 0:
		return pass("no file differs from " + short(r.Commit))
	case r.IsHead:
		return warn(plural(len(g.Changed), "file")+" with changes that the image does not have", "judge a clean checkout")
	}
	return warn(fmt.Sprintf("%s of this checkout are not as in the image's commit %s: what is said below may not hold for it", plural(r.Differs, "file"), short(r.Commit)), "git checkout "+short(r.Commit)+", and judge that")
}
