// Package git asks a repository, through the git that is installed, what is checked out and where a commit stands. It only
// reads, but for Fetch, which asks the remote; it never changes what is checked out, and has git run nothing that a
// repository's configuration names.
package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

// ErrNone says that a directory is in no repository.
var ErrNone = errors.New("not in a git repository")

// ErrNoGit says that git is not installed.
var ErrNoGit = errors.New("git is not installed")

// State is what is checked out.
type State struct {
	Dir       string // that was asked about
	Head      string // commit; empty: there is none yet
	Branch    string // empty: none
	Changed   []string
	Untracked []string // neither committed nor ignored
	Shallow   bool     // the history was cut off when it was cloned

	Central     string    // the remote's main branch: origin/main; empty: there is none
	CentralHead string    // its commit, as last fetched
	CentralAt   time.Time // of that commit
	FetchedAt   time.Time // when the remote was last asked; zero: not known
	Ahead       int       // commits of Head that Central does not have
	Behind      int       // and the other way round
	Unrelated   bool      // they have no commit in common
}

// Revision is where a commit stands.
type Revision struct {
	Commit    string // whole; empty: the repository does not know it
	At        time.Time
	Subject   string
	OnCentral bool // the remote's main branch contains it
	Behind    int  // commits that came after it there
	IsHead    bool // it is what is checked out
	// Differs is the files below the directory that differ between it and what is checked out, where that is not it.
	Differs int
}

// Read asks what is checked out in dir.
func Read(ctx context.Context, dir string) (State, error) {
	s := State{Dir: dir}
	if _, err := run(ctx, dir, "rev-parse", "--git-dir"); err != nil {
		if strings.Contains(err.Error(), "not a git repository") {
			err = ErrNone
		}
		return s, err
	}
	if out, err := run(ctx, dir, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"); err == nil {
		s.Head = out
	}
	if out, err := run(ctx, dir, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
		s.Branch = out
	}
	out, err := run(ctx, dir, "rev-parse", "--is-shallow-repository")
	s.Shallow = err == nil && out == "true"
	if err := s.status(ctx); err != nil {
		return s, err
	}
	return s, s.central(ctx)
}

// status is what differs from the commit, below the directory.
func (s *State) status(ctx context.Context) error {
	out, err := run(ctx, s.Dir, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=none", "--", ".")
	if err != nil {
		return err
	}
	for e := range strings.SplitSeq(out, "\x00") {
		switch {
		case len(e) < 4:
		case strings.HasPrefix(e, "??"):
			s.Untracked = append(s.Untracked, e[3:])
		default:
			s.Changed = append(s.Changed, e[3:])
		}
	}
	return nil
}

// central finds the remote's main branch, and how what is checked out stands to it.
func (s *State) central(ctx context.Context) error {
	if out, err := run(ctx, s.Dir, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"); err == nil {
		s.Central = out
	}
	for _, b := range []string{"origin/main", "origin/master", "upstream/main", "upstream/master"} {
		if s.Central != "" {
			break
		}
		if _, err := run(ctx, s.Dir, "rev-parse", "--verify", "--quiet", "refs/remotes/"+b); err == nil {
			s.Central = b
		}
	}
	if s.Central == "" {
		return nil
	}
	out, err := run(ctx, s.Dir, "log", "-1", "--no-show-signature", "--format=%H %ct", "refs/remotes/"+s.Central, "--")
	if err != nil {
		return err
	}
	s.CentralHead, s.CentralAt = commitAt(out)
	s.FetchedAt = s.fetched(ctx)
	if s.Head == "" {
		return nil
	}
	if _, err := run(ctx, s.Dir, "merge-base", "HEAD", s.CentralHead); err != nil {
		s.Unrelated = !s.Shallow
		return ctx.Err()
	}
	s.Ahead, s.Behind, err = s.count(ctx, "HEAD", s.CentralHead)
	return err
}

func commitAt(out string) (string, time.Time) {
	commit, stamp, _ := strings.Cut(out, " ")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return commit, time.Time{}
	}
	return commit, time.Unix(seconds, 0).UTC()
}

// count is how many commits either has that the other does not.
func (s *State) count(ctx context.Context, a, b string) (onlyA, onlyB int, err error) {
	out, err := run(ctx, s.Dir, "rev-list", "--left-right", "--count", a+"..."+b, "--")
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscan(out, &onlyA, &onlyB); err != nil {
		return 0, 0, fmt.Errorf("git rev-list in %s: what it says is not understood", clean(s.Dir))
	}
	return onlyA, onlyB, nil
}

// fetched is when the remote was last asked: git rewrites FETCH_HEAD each time. A clone that never fetched has what its own
// beginning brought.
func (s *State) fetched(ctx context.Context) time.Time {
	for _, name := range []string{"FETCH_HEAD", "logs/refs/remotes/" + s.Central, "packed-refs", "logs/HEAD"} {
		out, err := run(ctx, s.Dir, "rev-parse", "--git-path", name)
		if err != nil {
			continue
		}
		if !filepath.IsAbs(out) {
			out = filepath.Join(s.Dir, out)
		}
		if fi, err := os.Stat(out); err == nil {
			return fi.ModTime().UTC()
		}
	}
	return time.Time{}
}

// Locate says where a commit stands. One that the repository does not know has an empty Commit and is no error.
func (s *State) Locate(ctx context.Context, revision string) (Revision, error) {
	var r Revision
	if !Hash(revision) {
		return r, fmt.Errorf("%q is no commit", clean(revision))
	}
	out, err := run(ctx, s.Dir, "log", "-1", "--no-show-signature", "--format=%H %ct %s", revision+"^{commit}", "--")
	if err != nil {
		return r, ctx.Err()
	}
	stamp, subject := out, ""
	if parts := strings.SplitN(out, " ", 3); len(parts) == 3 {
		stamp, subject = parts[0]+" "+parts[1], parts[2]
	}
	r.Commit, r.At = commitAt(stamp)
	r.Subject = clean(subject)
	if r.IsHead = r.Commit == s.Head; !r.IsHead && s.Head != "" {
		names, err := run(ctx, s.Dir, "diff", "--name-only", "-z", "--relative", "--no-ext-diff", "--no-textconv", r.Commit, s.Head, "--", ".")
		if err != nil {
			return r, err
		}
		r.Differs = strings.Count(strings.Trim(names, "\x00")+"\x00", "\x00")
		if names == "" {
			r.Differs = 0
		}
	}
	if s.CentralHead == "" {
		return r, nil
	}
	only, behind, err := s.count(ctx, r.Commit, s.CentralHead)
	r.OnCentral, r.Behind = err == nil && only == 0, behind
	return r, err
}

// Hash tells a commit's name, whole or shortened to seven digits or more.
func Hash(s string) bool {
	return len(s) >= 7 && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// Fetch asks the remote for its main branch. Nothing but what is known of the remote changes.
func (s *State) Fetch(ctx context.Context) error {
	remote, branch, ok := strings.Cut(s.Central, "/")
	if !ok {
		return fmt.Errorf("git fetch in %s: there is no remote with a branch main or master", clean(s.Dir))
	}
	_, err := run(ctx, s.Dir, "fetch", "--no-tags", "--no-recurse-submodules", "--quiet", remote, "+refs/heads/"+branch+":refs/remotes/"+s.Central)
	return err
}

// maxOutput is how much of what git says is kept.
const maxOutput = 4 << 20

// run runs git, and gives what it printed without the last line break.
func run(ctx context.Context, dir string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "git", append([]string{
		"-C", dir, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.quotePath=false",
		"-c", "protocol.ext.allow=never", "--no-optional-locks",
	}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS="+os.DevNull, "GIT_PAGER=cat")
	if os.Getenv("GIT_SSH_COMMAND") == "" {
		c.Env = append(c.Env, "GIT_SSH_COMMAND=ssh -oBatchMode=yes -oConnectTimeout=10")
	}
	c.WaitDelay = time.Second
	var out, errs limited
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	switch {
	case err == nil && out.cut:
		return "", fmt.Errorf("git %s in %s: it says more than %d MB", args[0], clean(dir), maxOutput>>20)
	case err == nil:
		return strings.TrimSuffix(out.String(), "\n"), nil
	case errors.Is(err, exec.ErrNotFound):
		return "", ErrNoGit
	case ctx.Err() != nil:
		return "", fmt.Errorf("git %s in %s: not done in time", args[0], clean(dir))
	}
	text := strings.TrimSpace(errs.String())
	if text == "" {
		text = err.Error()
	}
	return "", fmt.Errorf("git %s in %s: %s", args[0], clean(dir), plaintext.Line(withoutPasswords(text), 300))
}

// withoutPasswords takes what stands before the @ of a URL out of git's own messages.
func withoutPasswords(s string) string {
	for from := 0; ; {
		i := strings.Index(s[from:], "://")
		if i < 0 {
			return s
		}
		from += i + 3
		end := from
		for end < len(s) && strings.IndexByte(" /'\"\n", s[end]) < 0 {
			end++
		}
		if at := strings.LastIndexByte(s[from:end], '@'); at >= 0 {
			s = s[:from] + s[from+at+1:]
		}
	}
}

func clean(s string) string { return plaintext.Line(s, 200) }

// limited keeps the beginning of what is written to it.
type limited struct {
	bytes.Buffer
	cut bool
}

func (l *limited) Write(b []byte) (int, error) {
	if room := maxOutput - l.Len(); room < len(b) {
		l.cut = true
		l.Buffer.Write(b[:max(room, 0)])
		return len(b), nil
	}
	return l.Buffer.Write(b)
}
