package preflight

import (
	"fmt"
	"strings"

	"ops-console/ops/preflight/source"
)

func startChecks() []Check {
	return []Check{
		{"start.release", GroupStart, "Machines start a release", "Warns where mix starts the application: the build tools go along, and it looks for what to compile each time before it starts.", startRelease},
		{"start.migrations", GroupStart, "Starting a machine migrates nothing", "Fails where the command that machines start with, or the application as it starts, runs migrations: every start does, an old image's too. Warns where that depends on a condition. With SQLite on a volume it is right.", startMigrations},
		{"start.command", GroupStart, "A release command migrates", "Fails where nothing migrates before the new machines start; warns where no migration was found in what the release command runs.", startCommand},
		{"start.cookie", GroupStart, "The Erlang cookie is fixed", "Warns where a cluster's cookie is made anew with each build; fails where machines call each other across regions by it.", startCookie},
		{"start.signal", GroupStart, "Signals reach the application", "Warns where a shell stays between the machine's first process and the application, so that it is not told to stop.", startSignal},
	}
}

const noProject = "run it where the application's source is, or say where: --project DIR"

// tree is the source tree, or why nothing is known of it.
func (f *Facts) tree() (*source.Tree, *verdict) {
	t, ok := f.Source.Get()
	if !ok {
		v := unknown(f.Source.Why(), noProject)
		return nil, &v
	}
	return t, nil
}

// boots are what machines start with: of the groups, or why that is not known.
func (f *Facts) boots() (*source.Tree, []source.Boot, *verdict) {
	t, v := f.tree()
	if v != nil {
		return nil, nil, v
	}
	if len(t.Boots) == 0 {
		why := "neither fly.toml, nor a Dockerfile, nor a Procfile says what machines start with"
		if img, ok := f.Image.Get(); ok && len(img.Entrypoint)+len(img.Cmd) > 0 {
			why = "only the image says what machines start with: " + strings.Join(append(append([]string{}, img.Entrypoint...), img.Cmd...), " ")
		}
		v := unknown(why, "look at it by hand")
		return t, nil, &v
	}
	return t, t.Boots, nil
}

// unread is the verdict where scripts that are run are nowhere in the tree.
func unread(b source.Boot) verdict {
	return verdict{Unknown, fmt.Sprintf("%s runs %s, which is not in this tree", b.Group, strings.Join(b.Unread, " and ")), "look at it by hand", []Evidence{at(b.Command.At, b.Command.Text)}}
}

func startRelease(f *Facts) verdict {
	_, bb, v := f.boots()
	if v != nil {
		return *v
	}
	var good []Evidence
	var blind *source.Boot
	for i, b := range bb {
		if a, ok := b.Find(source.StartsMix); ok {
			return warn(fmt.Sprintf("%s starts with mix (%s): the build tools go along, and it looks for what to compile before it starts", b.Group, clip(a.Text)),
				"mix phx.gen.release --docker, and start /app/bin/server", at(a.At, a.Text))
		}
		if a, ok := b.Find(source.StartsRelease); ok {
			good = append(good, at(a.At, a.Text))
			continue
		}
		blind = &bb[i]
	}
	switch {
	case blind == nil:
		return pass(good[0].Text, good...)
	case len(blind.Unread) > 0:
		return unread(*blind)
	case len(good) > 0:
		return verdict{Pass, good[0].Text, "", good} // another group need not start the application
	}
	return verdict{Unknown, fmt.Sprintf("%s starts with %q, which is neither a release nor mix", blind.Group, blind.Command.Text), "look at it by hand", []Evidence{at(blind.Command.At, blind.Command.Text)}}
}

// ecto says whether the application has migrations of its own.
func ecto(t *source.Tree) bool {
	return t.Has("ecto_sql", "ash_postgres", "ecto_sqlite3", "postgrex", "myxql")
}

// sqlite says whether its database is a file in the machine.
func sqlite(t *source.Tree) bool {
	return t.Has("ecto_sqlite3", "exqlite", "ash_sqlite") && !t.Has("postgrex")
}

const migrateMend = "take it out there, and set release_command under [deploy] of fly.toml, which runs once, before machines are replaced"

func startMigrations(f *Facts) verdict {
	t, bb, v := f.boots()
	if t == nil {
		return *v
	}
	if !ecto(t) && t.Mix != nil {
		return pass("there is no Ecto, and so nothing to migrate")
	}
	result, why := Pass, ""
	var seen []Evidence
	add := func(r Result, text string, e Evidence) {
		if seen = append(seen, e); why == "" || r == Fail && result != Fail {
			result, why = r, text
		}
	}
	for _, b := range bb {
		for _, a := range b.Actions {
			if a.Kind != source.Migrates {
				continue
			}
			if a.Maybe {
				add(Warn, fmt.Sprintf("%s may migrate when a machine starts (%s), under a condition", b.Group, a.Text), at(a.At, a.Text))
			} else {
				add(Fail, fmt.Sprintf("%s migrates whenever a machine starts (%s): with an old image too, and several at a time", b.Group, a.Text), at(a.At, a.Text))
			}
		}
	}
	for _, m := range t.Migrators {
		if strings.Contains(m.Text, "skip:") {
			add(Warn, "the application may migrate as it starts, unless what stands after skip: is true", at(m.At, m.Text))
		} else {
			add(Fail, "the application migrates as it starts: with an old image too, and in several machines at a time", at(m.At, m.Text))
		}
	}
	switch {
	case len(seen) > 0 && sqlite(t):
		return pass("it does, and has to: the database is a file on the machine's own volume", seen...)
	case result == Fail:
		return fail(why, migrateMend, seen...)
	case len(seen) > 0:
		return warn(why, migrateMend, seen...)
	case v != nil:
		return *v
	}
	for _, b := range bb {
		if len(b.Unread) > 0 {
			return unread(b)
		}
	}
	return pass("neither the command nor the application as it starts does")
}

func startCommand(f *Facts) verdict {
	t, v := f.tree()
	if v != nil {
		return *v
	}
	if !ecto(t) && t.Mix != nil {
		return pass("there is no Ecto, and so nothing to migrate")
	}
	r := t.Release
	if r.Command.Text == "" {
		switch {
		case sqlite(t):
			return pass("none, and none could: the database is a file on the machine's own volume")
		case t.Fly == nil && !strings.HasSuffix(r.Command.At.Path, "Procfile"):
			return unknown(noFly, flyMend)
		}
		return fail("none is set: nothing migrates before the new machines start", `release_command = "/app/bin/migrate" under [deploy] of `+t.FlyPath+" (mix phx.gen.release writes that script)", Evidence{Path: t.FlyPath})
	}
	e := at(r.Command.At, r.Command.Text)
	a, ok := r.Find(source.Migrates)
	switch {
	case ok && sqlite(t):
		return warn("its machine has no volume, and the database is a file on one: what it migrates there is thrown away", "migrate as the application starts: {Ecto.Migrator, repos: …} before what needs the database", e)
	case ok && a.At != r.Command.At:
		return pass(fmt.Sprintf("%s, which runs %s", r.Command.Text, a.Text), e, at(a.At, a.Text))
	case ok:
		return pass(r.Command.Text, e)
	case len(r.Unread) > 0:
		return verdict{Unknown, fmt.Sprintf("%s is set, and is not in this tree: what it does is not known", r.Command.Text), "look at it by hand", []Evidence{e}}
	}
	return warn(fmt.Sprintf("%s is set, and no migration was found in it", r.Command.Text), "see that it runs them: bin/APP eval 'APP.Release.migrate'", e)
}

// clusters is the dependency by which machines find each other; empty: they do not.
func clusters(t *source.Tree) string {
	for _, d := range []string{"dns_cluster", "libcluster", "fly_postgres", "fly_rpc"} {
		if t.Has(d) {
			return d
		}
	}
	return ""
}

const cookieMend = "set a fixed one: the secret RELEASE_COOKIE, or cookie: under releases: in mix.exs"

func startCookie(f *Facts) verdict {
	t, v := f.tree()
	if v != nil {
		return *v
	}
	if t.Mix == nil {
		return unknown("there is no mix.exs in this tree", noProject)
	}
	if v, ok := t.Set("RELEASE_COOKIE"); ok && !strings.Contains(v.Value, "mix ") {
		return pass("RELEASE_COOKIE is set", Evidence{Path: v.At.Path, Line: v.At.Line}) // never its value
	}
	for _, r := range t.Mix.Releases {
		if r.Cookie != nil {
			return pass("the release "+r.Name+" has one", at(r.Cookie.At, r.Cookie.Text))
		}
	}
	for _, a := range t.VMArgs {
		if a.Name == "-setcookie" {
			return pass("vm.args sets it", Evidence{Path: a.At.Path, Line: a.At.Line})
		}
	}
	if ss, ok := f.Secrets.Get(); ok {
		for _, s := range ss {
			if s.Name == "RELEASE_COOKIE" {
				return pass("the secret RELEASE_COOKIE is set")
			}
		}
	}
	by := clusters(t)
	if by == "" {
		return pass("none is needed: machines do not cluster")
	}
	if _, known := f.Secrets.Get(); !known {
		return unknown("no file sets one; a secret may", cookieMend)
	}
	if t.Has("fly_postgres", "fly_rpc") {
		return fail("each build makes its own: until the last machine is replaced, regions cannot call each other, and writes from replicas fail", cookieMend, at(t.Mix.Deps[by].At, by))
	}
	return warn("each build makes its own: machines of two releases cannot cluster while they are replaced", cookieMend, at(t.Mix.Deps[by].At, by))
}

func startSignal(f *Facts) verdict {
	_, bb, v := f.boots()
	if v != nil {
		return *v
	}
	var good []Evidence
	for _, b := range bb {
		a, ok := b.Find(source.StartsRelease, source.StartsMix)
		switch {
		case !ok:
			continue
		case !a.Exec && a.Script:
			return warn(fmt.Sprintf("%s: the script that runs “%s” stays in between: told to stop, it ends, and the application is killed with what it was doing", b.Group, clip(a.Text)),
				"write exec before the command, in each script on the way", at(a.At, a.Text))
		case !a.Exec:
			return warn(fmt.Sprintf("%s: a shell stays before “%s”: told to stop, it ends, and the application is killed with what it was doing", b.Group, clip(a.Text)),
				"write exec before it, or the command as a JSON array", at(a.At, a.Text))
		}
		if len(b.Unread) > 0 {
			return unread(b)
		}
		good = append(good, at(a.At, a.Text))
	}
	if len(good) > 0 {
		return pass("nothing stays before the application", good...)
	}
	for _, b := range bb {
		if len(b.Unread) > 0 {
			return unread(b)
		}
	}
	return unknown("what starts the application was not found", "look at it by hand")
}

func clip(s string) string {
	if r := []rune(s); len(r) > 70 {
		return string(r[:69]) + "…"
	}
	return s
}
