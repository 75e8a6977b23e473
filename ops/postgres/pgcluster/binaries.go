package pgcluster

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
	"time"
)

// ErrNoBinaries says that no PostgreSQL server is installed.
var ErrNoBinaries = errors.New("no PostgreSQL server binaries found (install the package postgresql, or name their directories in $" + Env + ")")

// Env names the environment variable with directories of server binaries, separated as in PATH.
const Env = "OPS_CONSOLE_POSTGRES"

// EnvOnly names the environment variable that, where it is not empty, has Find give those of Env alone.
const EnvOnly = "OPS_CONSOLE_POSTGRES_ONLY"

// Binaries is a directory with initdb and postgres.
type Binaries struct {
	Dir     string
	Version int // major
}

// places are where packages put servers beside the directories of PATH.
var places = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/usr/local/pgsql/bin",
}

// Find gives the installed servers: those in $OPS_CONSOLE_POSTGRES, then, unless $OPS_CONSOLE_POSTGRES_ONLY is set, those of
// the system, each the newest first. The error is ErrNoBinaries.
func Find() ([]Binaries, error) {
	named := look(filepath.SplitList(os.Getenv(Env)))
	if os.Getenv(EnvOnly) != "" && len(named) > 0 {
		return named, nil
	}
	var dirs []string
	if dir, err := output("pg_config", "--bindir"); err == nil {
		dirs = append(dirs, dir)
	}
	for _, p := range places {
		found, err := filepath.Glob(p)
		if err == nil {
			dirs = append(dirs, found...)
		}
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("PATH"))...)
	seen := map[string]bool{}
	var all []Binaries
	for _, b := range append(named, look(dirs)...) {
		if real, err := filepath.EvalSymlinks(filepath.Join(b.Dir, "postgres")); err == nil && !seen[real] {
			seen[real] = true
			all = append(all, b)
		}
	}
	if len(all) == 0 {
		return nil, ErrNoBinaries
	}
	return all, nil
}

func look(dirs []string) []Binaries {
	var found []Binaries
	done := map[string]bool{}
	for _, d := range dirs {
		// The programs find their libraries beside themselves, so a link to one of them stands for its own directory.
		real, err := filepath.EvalSymlinks(filepath.Join(d, "postgres"))
		if d == "" || err != nil || done[real] {
			continue
		}
		done[real] = true
		dir := filepath.Dir(real)
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		if major, _, err := version(dir); err == nil {
			found = append(found, Binaries{Dir: dir, Version: major})
		}
	}
	slices.SortStableFunc(found, func(a, b Binaries) int { return cmp.Compare(b.Version, a.Version) })
	return found
}

var versionText = regexp.MustCompile(`\) (([0-9]+)[^ ]*)`)

// version asks a server for its major version and its whole one: 18, "18.4".
func version(dir string) (major int, full string, err error) {
	text, err := output(filepath.Join(dir, "postgres"), "--version")
	if err != nil {
		return 0, "", err
	}
	m := versionText.FindStringSubmatch(text)
	if m == nil {
		return 0, "", fmt.Errorf("version of %s: %q", dir, text)
	}
	major, err = strconv.Atoi(m[2])
	return major, m[1], err
}

func output(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = environment(filepath.Dir(program))
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// environment is what the programs of a directory run with: nothing of ours, whose PG variables would change what they
// do and whose secrets are not theirs.
func environment(bin string) []string {
	env := []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	if filepath.Base(bin) == "bin" {
		// Servers that came in an archive have their libraries beside them.
		env = append(env, "LD_LIBRARY_PATH="+filepath.Join(filepath.Dir(bin), "lib"))
	}
	return env
}
