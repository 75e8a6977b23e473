// Package client runs PostgreSQL's own programs, pg_dump, pg_restore, psql and
// pg_dumpall, against a node, by the same way that the console takes itself: through
// the private network, with TLS where the settings want it.
//
// A program connects to a socket that only this user can open, for as long as it
// runs. The session behind it is made and authenticated here, so that a program is
// never given a password: not in its arguments, its environment or a file. Nothing of
// this process's environment reaches it. The package never runs a shell, and knows
// nothing of what the programs are run for.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ops-console/ops/plaintext"
	"ops-console/ops/postgres/pgcluster"
)

// ErrNoProgram says that no version of a program is installed that fits.
var ErrNoProgram = errors.New("no fitting version is installed")

// Program is an installed client program.
type Program struct {
	Name    string // "pg_dump"
	Path    string
	Major   int    // 15
	Version string // "15.18"
}

// places are where packages put client programs beside the directories of PATH.
var places = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/opt/homebrew/opt/libpq/bin",
	"/usr/local/opt/postgresql*/bin",
	"/usr/local/opt/libpq/bin",
	"/usr/local/pgsql/bin",
}

// Find gives the oldest installed version of a program that is not older than a server: pg_dump refuses one that is newer
// than itself, and what a later one writes no earlier pg_restore reads. It looks into the directories of
// $OPS_CONSOLE_POSTGRES, those of packages, and PATH. min 0 is the newest there is. The error is ErrNoProgram, with what to
// install.
func Find(ctx context.Context, name string, min int) (Program, error) {
	all := installed(ctx, name)
	if min <= 0 && len(all) > 0 {
		return all[len(all)-1], nil
	}
	for _, p := range all {
		if p.Major >= min {
			return p, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return Program{}, err
	}
	has := "there is none"
	if n := len(all); n > 0 {
		has = "the newest is " + all[n-1].Version + " in " + filepath.Dir(all[n-1].Path)
	}
	what := "postgresql-client"
	if min > 0 {
		what += "-" + strconv.Itoa(min)
	}
	return Program{}, fmt.Errorf("%s %d or later: %w (%s): apt-get install %s, or name its directory in $%s", name, max(min, 1), ErrNoProgram, has, what, pgcluster.Env)
}

// installed is every version of a program, the oldest first; of one version the first that is found.
func installed(ctx context.Context, name string) []Program {
	dirs := filepath.SplitList(os.Getenv(pgcluster.Env))
	for _, p := range places {
		if found, err := filepath.Glob(p); err == nil {
			dirs = append(dirs, found...)
		}
	}
	var all []Program
	seen := map[string]bool{}
	for _, dir := range append(dirs, filepath.SplitList(os.Getenv("PATH"))...) {
		path := filepath.Join(dir, name)
		real, err := filepath.EvalSymlinks(path)
		if dir == "" || err != nil || seen[real] {
			continue
		}
		seen[real] = true
		// Programs find their libraries beside themselves; a distribution's one wrapper for all versions knows them by its name.
		if filepath.Base(real) == name {
			path = real
		}
		if p, ok := ask(ctx, name, path); ok {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b Program) int { return cmp.Compare(a.Major, b.Major) })
	return all
}

var versionText = regexp.MustCompile(`\) (([0-9]+)[^ \n]*)`)

// ask asks a program for its version.
func ask(ctx context.Context, name, path string) (Program, bool) {
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = environment(path)
	out, err := cmd.Output()
	if err != nil {
		return Program{}, false
	}
	m := versionText.FindStringSubmatch(string(out))
	if m == nil {
		return Program{}, false
	}
	major, err := strconv.Atoi(m[2])
	return Program{Name: name, Path: path, Major: major, Version: plaintext.Line(m[1], 40)}, err == nil
}

// nowhere is where programs shall find no settings. A device would be warned of.
const nowhere = "/nonexistent"

// environment of a program: nothing of ours, whose PG variables would change what it does and whose secrets are not its
// own.
func environment(path string) []string {
	env := []string{
		"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH"), "HOME=" + nowhere,
		"PGPASSFILE=" + nowhere, "PGSERVICEFILE=" + nowhere, "PGSYSCONFDIR=" + nowhere, "PSQLRC=" + nowhere,
	}
	if dir := filepath.Dir(path); filepath.Base(dir) == "bin" && !strings.HasPrefix(dir, "/usr/bin") {
		env = append(env, "LD_LIBRARY_PATH="+filepath.Join(filepath.Dir(dir), "lib"))
	}
	return env
}
