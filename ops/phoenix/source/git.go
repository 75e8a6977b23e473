package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/phoenix"
	"ops-console/ops/plaintext"
)

// How long git may take: to read what is on this machine, and to fetch what is not.
const (
	gitReads   = 60 * time.Second
	gitFetches = 5 * time.Minute
)

// gitStore is a snapshot in a repository on this machine, at one commit. It is read with git's own program, so that every
// form of repository is.
type gitStore struct {
	dir    string
	name   string
	commit string
	all    []place
	trees  map[string][]gitFile
	bad    map[string]error

	gate  gate
	blobs map[string][]byte // by object id
	bytes int64
}

type gitFile struct {
	path       string
	object     string
	executable bool
}

// openGit reads which files a commit has.
func openGit(ctx context.Context, dir, name, ref string) (*gitStore, error) {
	out, err := git(ctx, gitReads, dir, nil, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("find %s in the repository %s: %w", ref, name, err)
	}
	s := &gitStore{
		dir: dir, name: name, commit: strings.TrimSpace(string(out)),
		trees: map[string][]gitFile{}, bad: map[string]error{}, blobs: map[string][]byte{},
	}
	if !isObject(s.commit) {
		return nil, fmt.Errorf("find %s in the repository %s: git answers %.60q", ref, name, s.commit)
	}
	list, err := git(ctx, gitReads, dir, nil, "ls-tree", "-r", "-z", "--full-tree", s.commit)
	if err != nil {
		return nil, fmt.Errorf("list the repository %s: %w", name, err)
	}
	return s, s.read(list)
}

// isObject says whether it is an object's name, by SHA-1 or SHA-256.
func isObject(id string) bool {
	if len(id) != 40 && len(id) != 64 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// read takes the output of git ls-tree -r -z.
func (s *gitStore) read(list []byte) error {
	n := 0
	var lay places
	for line := range bytes.SplitSeq(list, []byte{0}) {
		if len(line) == 0 {
			continue
		}
		if n++; n > maxPaths {
			return fmt.Errorf("there are more than %d files", maxPaths)
		}
		// 100644 blob 4779316f12bf4e5c6e718e67395c41fe1299f50a<TAB>path
		meta, name, ok := strings.Cut(string(line), "\t")
		mode, meta, ok2 := strings.Cut(meta, " ")
		_, object, ok3 := strings.Cut(meta, " ")
		if !ok || !ok2 || !ok3 || !isObject(object) {
			return fmt.Errorf("git lists %.80q", line)
		}
		at, rest, ok := lay.of(name)
		if !ok {
			continue
		}
		if mode != "100644" && mode != "100755" {
			s.bad[at.dir] = fmt.Errorf("%.120q is not a plain file", rest)
		}
		if _, ok := s.trees[at.dir]; !ok {
			s.all = append(s.all, at)
		}
		s.trees[at.dir] = append(s.trees[at.dir], gitFile{path: rest, object: object, executable: mode == "100755"})
	}
	return nil
}

func (s *gitStore) places() []place { return s.all }
func (s *gitStore) detail() string  { return s.name + " at " + s.commit[:min(12, len(s.commit))] }

func (s *gitStore) files(ctx context.Context, dir string) (map[string]phoenix.File, error) {
	if err := s.bad[dir]; err != nil {
		return nil, err
	}
	if err := s.gate.enter(ctx); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if err := s.need(ctx, s.trees[dir]); err != nil {
		return nil, err
	}
	var g gathering
	for _, f := range s.trees[dir] {
		if err := g.add(f.path, s.blobs[f.object], f.executable); err != nil {
			return nil, err
		}
	}
	return g.done(dir)
}

// need reads the contents that are not at hand.
func (s *gitStore) need(ctx context.Context, files []gitFile) error {
	var want []string
	asked := map[string]bool{}
	for _, f := range files {
		if _, ok := s.blobs[f.object]; !ok && !asked[f.object] {
			asked[f.object] = true
			want = append(want, f.object)
		}
	}
	if want == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, gitReads)
	defer cancel()
	cmd := gitCommand(ctx, s.dir, "cat-file", "--batch")
	cmd.Stdin = strings.NewReader(strings.Join(want, "\n") + "\n")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run git: %w", err)
	}
	err = s.batch(bufio.NewReaderSize(out, 64<<10), want)
	if err != nil {
		cancel()
	}
	if werr := cmd.Wait(); err == nil && werr != nil {
		err = werr
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("git took longer than %s: %w", gitReads, ctx.Err())
	}
	return err
}

// batch reads what git cat-file --batch answers to a list of objects.
func (s *gitStore) batch(in *bufio.Reader, want []string) error {
	for _, id := range want {
		head, err := in.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read what git has of %s: %w", id, err)
		}
		f := strings.Fields(string(head))
		if len(f) != 3 || f[0] != id || f[1] != "blob" {
			return fmt.Errorf("git answers %.80q for %s", head, id)
		}
		size, err := strconv.ParseInt(f[2], 10, 64)
		if err != nil || size < 0 || size > maxFile {
			return fmt.Errorf("a file of %s bytes is larger than %d MB", f[2], maxFile>>20)
		}
		if s.bytes += size; s.bytes > maxSnapshot {
			return fmt.Errorf("the snapshot is more than %d MB", maxSnapshot>>20)
		}
		data := make([]byte, size)
		if _, err := io.ReadFull(in, data); err != nil {
			return fmt.Errorf("read what git has of %s: %w", id, err)
		}
		if b, err := in.ReadByte(); err != nil || b != '\n' {
			return fmt.Errorf("git's answer for %s does not end", id)
		}
		s.blobs[id] = data
	}
	return nil
}

// git runs git over a repository and gives its output, of at most 1 GB.
func git(ctx context.Context, within time.Duration, dir string, env []string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmd := gitCommand(ctx, dir, args...)
	cmd.Env = append(cmd.Env, env...)
	var out, complaint bounded
	out.limit, complaint.limit = 1<<30, 8<<10
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("git is not installed, and reads repositories: install it, or use an archive or a directory")
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("git did not answer within %s", within)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		if text := plaintext.Line(strings.Join(strings.Fields(redactAll(complaint.kept.String())), " "), 300); text != "" {
			return nil, fmt.Errorf("git: %s", text)
		}
		return nil, fmt.Errorf("git: %w", err)
	}
	return out.kept.Bytes(), nil
}

// gitCommand is git as a program that asks nobody and runs nothing else that a repository names.
func gitCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	fixed := []string{
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", "-c", "gc.auto=0", "-c", "maintenance.auto=false",
		"-c", "http.lowSpeedLimit=100", "-c", "http.lowSpeedTime=30", // bytes a second, seconds
	}
	if dir != "" {
		fixed = append(fixed, "--git-dir="+dir)
	}
	cmd := exec.CommandContext(ctx, "git", append(fixed, args...)...)
	if os.Getenv("GIT_SSH") == "" {
		// ssh would ask at the terminal, over whatever is on it. A command of the user's own, further down, is stronger.
		cmd.Env = append(cmd.Env, "GIT_SSH_COMMAND=ssh -o BatchMode=yes -o ConnectTimeout=20")
	}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "SSH_ASKPASS") {
			continue
		}
		if !strings.HasPrefix(v, "GIT_") || strings.HasPrefix(v, "GIT_SSL") || strings.HasPrefix(v, "GIT_SSH") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "LC_ALL=C")
	ownGroup(cmd)
	return cmd
}

var withUser = regexp.MustCompile(`://[^/@\s]*@`)

// redactAll takes users and passwords out of the URLs in a text.
func redactAll(text string) string { return withUser.ReplaceAllString(text, "://") }

// gitDir is the directory of the repository that a path is, and whether it is one.
func gitDir(at string) (string, bool) {
	for _, dir := range []string{filepath.Join(at, ".git"), at} {
		if info, err := os.Stat(filepath.Join(dir, "objects")); err == nil && info.IsDir() {
			if _, err := os.Stat(filepath.Join(dir, "HEAD")); err == nil {
				return dir, true
			}
		}
	}
	// The .git of a worktree is a file that names the real one: git finds its way from there.
	if info, err := os.Stat(filepath.Join(at, ".git")); err == nil && info.Mode().IsRegular() {
		return filepath.Join(at, ".git"), true
	}
	return "", false
}
