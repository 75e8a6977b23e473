package git

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// repository is a checkout with a remote beside it.
type repository struct {
	t           *testing.T
	dir, remote string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
	top := t.TempDir()
	t.Setenv("HOME", top)
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	r := &repository{t, filepath.Join(top, "work"), filepath.Join(top, "remote.git")}
	r.in(top, "init", "-q", "--bare", "-b", "main", r.remote)
	r.in(top, "init", "-q", "-b", "main", r.dir)
	r.git("remote", "add", "origin", r.remote)
	return r
}

func (r *repository) in(dir string, args ...string) string {
	r.t.Helper()
	c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"}, args...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (r *repository) git(args ...string) string { r.t.Helper(); return r.in(r.dir, args...) }

func (r *repository) write(name, text string) {
	r.t.Helper()
	p := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repository) commit(name string) string {
	r.t.Helper()
	r.write(name, name)
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "add "+name)
	return r.git("rev-parse", "HEAD")
}

func (r *repository) read() State {
	r.t.Helper()
	s, err := Read(r.t.Context(), r.dir)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func TestACheckoutIsRead(t *testing.T) {
	r := newRepository(t)
	if s := r.read(); s.Head != "" || s.Central != "" || s.Branch != "main" {
		t.Errorf("before the first commit: %+v", s)
	}
	first := r.commit("a")
	r.git("push", "-q", "-u", "origin", "main")
	before := time.Now().Add(-time.Hour)
	s := r.read()
	if s.Head != first || s.Central != "origin/main" || s.CentralHead != first || s.FetchedAt.Before(before) || len(s.Changed)+len(s.Untracked)+s.Ahead+s.Behind > 0 {
		t.Errorf("clean: %+v", s)
	}
	second := r.commit("sub/b")
	r.git("push", "-q", "origin", "main")
	r.git("reset", "-q", "--hard", first)
	third := r.commit("c")
	r.write("a", "changed")
	r.write("new file", "x")
	r.write(".gitignore", "ignored\n")
	r.write("ignored", "x")
	s = r.read()
	if s.Ahead != 1 || s.Behind != 1 || s.Unrelated {
		t.Errorf("ahead %d, behind %d", s.Ahead, s.Behind)
	}
	if diff := cmp.Diff([]string{"a"}, s.Changed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{".gitignore", "new file"}, s.Untracked); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct {
		revision string
		want     Revision
	}{
		{first, Revision{Commit: first, Subject: "add a", OnCentral: true, Behind: 1, Differs: 1}},
		{second[:9], Revision{Commit: second, Subject: "add sub/b", OnCentral: true, Differs: 2}},
		{third, Revision{Commit: third, Subject: "add c", Behind: 1, IsHead: true}},
		{strings.Repeat("0", 40), Revision{}},
	} {
		got, err := s.Locate(t.Context(), tc.revision)
		if err != nil {
			t.Fatal(err)
		}
		got.At = time.Time{}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.revision, diff)
		}
	}
	if _, err := s.Locate(t.Context(), "--output=x"); err == nil {
		t.Error("an option was taken for a commit")
	}
	if s, err := Read(t.Context(), filepath.Join(r.dir, "sub")); err == nil {
		t.Errorf("a directory that is gone: %+v", s)
	}
}

func TestOnlyTheProjectsPartOfARepositoryCounts(t *testing.T) {
	r := newRepository(t)
	r.commit("app/mix.exs")
	r.write("other/x", "x")
	s, err := Read(t.Context(), filepath.Join(r.dir, "app"))
	if err != nil || len(s.Untracked) > 0 {
		t.Errorf("%v, %v", s.Untracked, err)
	}
}

func TestFetchLearnsWhatTheRemoteHas(t *testing.T) {
	r := newRepository(t)
	r.commit("a")
	r.git("push", "-q", "-u", "origin", "main")
	other := filepath.Join(filepath.Dir(r.dir), "other")
	r.in(r.dir, "clone", "-q", r.remote, other)
	r.in(other, "commit", "-q", "--allow-empty", "-m", "more")
	r.in(other, "push", "-q")
	head := r.in(other, "rev-parse", "HEAD")
	s := r.read()
	if got, _ := s.Locate(t.Context(), head); got.Commit != "" {
		t.Errorf("known before it was fetched: %+v", got)
	}
	if err := s.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = r.read()
	if s.Behind != 1 || s.CentralHead != head || time.Since(s.FetchedAt) > time.Minute {
		t.Errorf("after: %+v", s)
	}
	if got, _ := s.Locate(t.Context(), head); !got.OnCentral || got.Behind != 0 {
		t.Errorf("after: %+v", got)
	}
	r.git("remote", "set-url", "origin", "https://user:hush@127.0.0.1:1/x.git")
	if err := s.Fetch(t.Context()); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("a remote that is not there: %v", err)
	}
}

func TestUnrelatedHistoriesAreSaidToBe(t *testing.T) {
	r := newRepository(t)
	r.commit("a")
	r.git("push", "-q", "origin", "main")
	r.git("checkout", "-q", "--orphan", "new")
	r.commit("b")
	if s := r.read(); !s.Unrelated || s.Ahead != 0 {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsNoRepository(t *testing.T) {
	newRepository(t) // for its environment
	t.Setenv("GIT_CEILING_DIRECTORIES", "/")
	if _, err := Read(t.Context(), t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, t.TempDir()); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("after the deadline: %v", err)
	}
}

func TestHooksOfARepositoryAreNotRun(t *testing.T) {
	r := newRepository(t)
	r.commit("a")
	r.git("push", "-q", "origin", "main")
	ran := filepath.Join(filepath.Dir(r.dir), "ran")
	script := "#!/bin/sh\ntouch " + ran + "\n"
	hook := filepath.Join(r.dir, "monitor")
	if err := os.WriteFile(hook, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{"reference-transaction", "post-checkout", "fsmonitor-watchman"} {
		if err := os.WriteFile(filepath.Join(r.dir, ".git/hooks", h), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.git("config", "core.fsmonitor", hook)
	s := r.read()
	if err := s.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("something of the repository's was run")
	}
}

func TestPasswordsAreTakenOut(t *testing.T) {
	got := withoutPasswords("fatal: unable to access 'https://a:b@example.com/x': no; see ssh://git@h/y and http://h")
	if want := "fatal: unable to access 'https://example.com/x': no; see ssh://h/y and http://h"; got != want {
		t.Errorf("got %s", got)
	}
}
