package merge

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Written is a file that Apply wrote.
type Written struct {
	Path      string
	Conflicts int    // left in it, between markers
	Left      string // the file that it comes from, which stays where it was; empty: it is the same

	sum string
}

// Apply writes what was chosen into the application's directory. The directory must be in a git work tree without changes,
// apart from what earlier applies wrote and nobody touched since: whatever happens, git has the text before. Files are
// replaced whole or not at all, all of them or none; nothing is deleted; conflicts are in them in diff3 style. A file that
// is not as it was when the plan was made is an error, and nothing is written. What was written is noted in kept, so that
// the next apply knows it; with nil each apply wants a work tree without any changes.
func (p Plan) Apply(ctx context.Context, dir string, choices []Choice, kept *Progress) ([]Written, error) {
	works, err := p.works(choices)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the application: %w", err)
	}
	defer func() { _ = root.Close() }()
	for _, w := range works {
		if err := w.check(root); err != nil {
			return nil, err
		}
	}
	if err := clean(ctx, dir, root, works, kept.sums()); err != nil {
		return nil, err
	}
	if err := replace(root, works); err != nil {
		return nil, fmt.Errorf("apply to %s: %w; nothing was changed", dir, err)
	}
	var out []Written
	for _, w := range works {
		done := Written{Path: w.target, Conflicts: w.conflicts, sum: checksum(w.out.Data)}
		if w.file.Mine != "" && w.file.Mine != w.target {
			done.Left = w.file.Mine
		}
		out = append(out, done)
	}
	return out, kept.wrote(out)
}

// check that the directory is as it was when the plan was made, where it matters.
func (w work) check(root *os.Root) error {
	if w.file.Mine != "" {
		info, err := root.Lstat(filepath.FromSlash(w.file.Mine))
		if err != nil {
			return fmt.Errorf("%s is not there any more: make the plan anew", w.file.Mine)
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is not a regular file: change it by hand", w.file.Mine)
		}
		data, err := root.ReadFile(filepath.FromSlash(w.file.Mine))
		if err != nil {
			return fmt.Errorf("read %s: %w", w.file.Mine, err)
		}
		if !bytes.Equal(data, w.file.mine.Data) {
			return fmt.Errorf("%s was changed since the plan was made: make it anew", w.file.Mine)
		}
	}
	if w.target == w.file.Mine {
		return nil
	}
	if _, err := root.Lstat(filepath.FromSlash(w.target)); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already, and not of this plan: make the plan anew", w.target)
	}
	return nil
}

// replace writes all files beside their places and then moves them there; if one cannot, those before are put back.
func replace(root *os.Root, works []work) (err error) {
	var temporary []string
	defer func() {
		for _, t := range temporary {
			_ = root.Remove(t) // gone already if it was moved to its place
		}
	}()
	for _, w := range works {
		at := filepath.FromSlash(w.target)
		if err := root.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			return err
		}
		t := filepath.Join(filepath.Dir(at), "."+path.Base(w.target)+"."+rand.Text()[:8])
		temporary = append(temporary, t)
		if err := writeNew(root, t, w); err != nil {
			return err
		}
	}
	for i, w := range works {
		if err := root.Rename(temporary[i], filepath.FromSlash(w.target)); err != nil {
			return errors.Join(err, restore(root, works[:i]))
		}
	}
	return nil
}

func writeNew(root *os.Root, at string, w work) error {
	perm := fs.FileMode(0o644)
	if info, err := root.Stat(filepath.FromSlash(w.target)); err == nil {
		perm = info.Mode().Perm()
	}
	if w.out.Executable {
		perm |= 0o111
	}
	f, err := root.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(w.out.Data)
	return errors.Join(err, f.Chmod(perm), f.Sync(), f.Close())
}

// restore undoes what was moved to its place.
func restore(root *os.Root, works []work) error {
	var err error
	for _, w := range works {
		at := filepath.FromSlash(w.target)
		if w.file.Mine == w.target {
			err = errors.Join(err, root.WriteFile(at, w.file.mine.Data, 0o644))
		} else {
			err = errors.Join(err, root.Remove(at))
		}
	}
	if err != nil {
		return fmt.Errorf("and putting back what was written before: %w; git has it", err)
	}
	return nil
}

// clean says what keeps the directory from being restorable by git: changes that are not committed, apart from what
// earlier applies wrote, and files to be replaced that git does not know.
func clean(ctx context.Context, dir string, root *os.Root, works []work, wrote map[string]string) error {
	top, err := git(ctx, dir, "rev-parse", "--show-prefix")
	if err != nil {
		return fmt.Errorf("%s is not in a git work tree, and without one nothing could be taken back: %w", dir, err)
	}
	prefix := strings.TrimSuffix(top, "\n")
	status, err := git(ctx, dir, "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=no", "--", ".")
	if err != nil {
		return fmt.Errorf("ask git what is not committed in %s: %w", dir, err)
	}
	ours := func(p string) bool {
		sum := wrote[p]
		if sum == "" {
			return false
		}
		data, err := root.ReadFile(filepath.FromSlash(p))
		return err == nil && checksum(data) == sum
	}
	var dirty []string
	for entry := range strings.SplitSeq(status, "\x00") {
		if len(entry) < 4 {
			continue
		}
		if p := strings.TrimPrefix(entry[3:], prefix); !ours(p) {
			dirty = append(dirty, p)
		}
	}
	if len(dirty) > 0 {
		return fmt.Errorf("%d files have changes that are not committed (%s): commit or stash them first", len(dirty), strings.Join(dirty[:min(3, len(dirty))], ", "))
	}
	known, err := git(ctx, dir, "ls-files", "-z")
	if err != nil {
		return fmt.Errorf("ask git which files it knows in %s: %w", dir, err)
	}
	tracked := strings.Split(known, "\x00")
	for _, w := range works {
		if p := w.file.Mine; p == w.target && !slices.Contains(tracked, p) && !ours(p) {
			return fmt.Errorf("git does not know %s, and could not restore it: commit it first, or change it by hand", p)
		}
	}
	return nil
}
