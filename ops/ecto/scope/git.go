package scope

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

// Changed is the files below a directory that differ from a commit, or that git does not know yet: relative to the
// directory, with slashes. Where the commit and what is checked out have a common ancestor, it is that which is meant, so
// that a branch answers for its own files only.
func Changed(ctx context.Context, dir, ref string) (map[string]bool, error) {
	if strings.HasPrefix(ref, "-") || ref == "" {
		return nil, fmt.Errorf("git diff %q: that is no commit", ref)
	}
	diff := []string{"diff", "--name-only", "-z", "--relative", "--diff-filter=d", "--no-ext-diff", "--no-textconv"}
	out, err := git(ctx, dir, append(diff, "--merge-base", ref, "--")...)
	if err != nil {
		if out, err = git(ctx, dir, append(diff, ref, "--")...); err != nil {
			return nil, err
		}
	}
	untracked, err := git(ctx, dir, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return nil, err
	}
	files := map[string]bool{}
	for _, list := range [][]byte{out, untracked} {
		for name := range bytes.SplitSeq(list, []byte{0}) {
			if len(name) > 0 {
				files[string(name)] = true
			}
		}
	}
	return files, nil
}

// Edited is when files below a directory last changed after they were added, by path relative to it, as far as git knows.
// A file that has been as it is since it came is not in it.
func Edited(ctx context.Context, dir string, paths ...string) (map[string]time.Time, error) {
	args := []string{"log", "--no-merges", "--no-renames", "--diff-filter=M", "--no-ext-diff", "--no-textconv", "--name-only", "--relative", "-z", "--format=%x01%ct", "--"}
	out, err := git(ctx, dir, append(args, paths...)...)
	if err != nil {
		return nil, err
	}
	return edits(out), nil
}

// edits reads git log -z --name-only with \x01 and the time before each commit's files.
func edits(out []byte) map[string]time.Time {
	last := map[string]time.Time{}
	for part := range bytes.SplitSeq(out, []byte{1}) {
		stamp, names, _ := bytes.Cut(part, []byte{0})
		seconds, err := strconv.ParseInt(strings.TrimSpace(string(stamp)), 10, 64)
		if err != nil {
			continue
		}
		at := time.Unix(seconds, 0).UTC()
		for name := range bytes.SplitSeq(names, []byte{0}) {
			n := strings.TrimPrefix(string(name), "\n")
			if n != "" && at.After(last[n]) {
				last[n] = at
			}
		}
	}
	return last
}

// git runs it without what a repository's configuration could have it run.
func git(ctx context.Context, dir string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", "--no-optional-locks"}, args...)...)
	out, err := c.Output()
	if err == nil {
		return out, nil
	}
	var failed *exec.ExitError
	if errors.As(err, &failed) && len(failed.Stderr) > 0 {
		err = errors.New(plaintext.Line(string(failed.Stderr), 300))
	}
	return nil, fmt.Errorf("git %s in %s: %w", args[0], clean(dir), err)
}
