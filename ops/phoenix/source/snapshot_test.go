package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var live158 = phoenix.Spec{Axis: phoenix.Project, Version: phoenix.MustVersion("1.5.8"), Flags: phoenix.Flags{"live": "true"}}

// theirs lays the fixtures out as the phoenix-diff project does.
func theirs(t testing.TB) string {
	root := filepath.Join(t.TempDir(), "phoenix-diff")
	for _, name := range phoenixtest.Names {
		phoenixtest.Write(t, filepath.Join(root, "priv/data/sample-app", name), phoenixtest.Tree(t, name).Files)
	}
	phoenixtest.Write(t, root, map[string]phoenix.File{
		"README.md":            {Data: []byte("# Phoenix Diff\n")},
		"test/1.2.3/some/file": {Data: []byte("of no tree\n")},
	})
	return root
}

// ours lays them out in the plain layout.
func ours(t testing.TB) string {
	root := t.TempDir()
	for _, name := range phoenixtest.Names {
		phoenixtest.Write(t, filepath.Join(root, "new", name), phoenixtest.Tree(t, name).Files)
	}
	return root
}

func archive(t testing.TB, root string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(root)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zip(t testing.TB, data []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	return z.EncodeAll(data, nil)
}

func gz(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func file(t testing.TB, name string, data []byte) string {
	t.Helper()
	at := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(at, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return at
}

// run git for a test's own repositories.
func run(t testing.TB, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: apt-get install git")
	}
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com",
		"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func repository(t testing.TB, root string) string {
	t.Helper()
	run(t, root, "init", "--quiet", "-b", "trunk")
	run(t, root, "add", ".")
	run(t, root, "commit", "--quiet", "-m", "trees")
	return root
}

// forms are the same trees in every form that a snapshot may have.
func forms(t testing.TB) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, root := range map[string]string{"plain": ours(t), "phoenix-diff": theirs(t), "sample-app": filepath.Join(theirs(t), "priv/data/sample-app")} {
		all[name+" directory"] = root
		all[name+" tar"] = file(t, "s.tar", archive(t, root))
		all[name+" tar.gz"] = file(t, "s.tar.gz", gz(t, archive(t, root)))
		all[name+" tar.zst"] = file(t, "s.tar.zst", zip(t, archive(t, root)))
	}
	// As code hosts pack a branch: all of it within one directory.
	all["packed"] = file(t, "packed.tar.gz", gz(t, archive(t, filepath.Dir(theirs(t)))))

	repo := repository(t, theirs(t))
	all["checkout, at a commit"] = repo + "#trunk"
	bare := filepath.Join(t.TempDir(), "bare.git")
	run(t, repo, "clone", "--quiet", "--bare", repo, bare)
	all["bare repository"] = bare
	all["repository by URL"] = "file://" + bare
	all["branch by URL"] = "file://" + bare + "#trunk"
	bundle := filepath.Join(t.TempDir(), "trees.bundle")
	run(t, repo, "bundle", "create", "--quiet", bundle, "trunk")
	all["bundle"] = bundle
	return all
}

func TestASnapshotIsTheSameInEveryForm(t *testing.T) {
	want := phoenixtest.Tree(t, "1.5.8/live").Files
	cache := &Cache{Dir: t.TempDir()}
	for name, at := range forms(t) {
		t.Run(name, func(t *testing.T) {
			s := NewSnapshot(at, Options{Cache: cache})
			vv, err := s.Versions(t.Context(), phoenix.Project)
			if err != nil {
				t.Fatal(err)
			}
			var texts []string
			for _, v := range vv {
				texts = append(texts, v.String())
			}
			if got := strings.Join(texts, " "); got != "1.5.8 1.6.16 1.7.14 1.8.8" {
				t.Errorf("versions %s", got)
			}
			tree, err := s.Tree(t.Context(), live158)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, tree.Files); d != "" {
				t.Error(d)
			}
			if p := tree.Provenance; p.Source != "snapshot" || !strings.Contains(p.Detail, "1.5.8/live") || p.Substituted {
				t.Errorf("provenance %+v", p)
			}
		})
	}
}

func TestASnapshotByURLIsFetchedOnceAndOutlivesItsServer(t *testing.T) {
	data := zip(t, archive(t, ours(t)))
	var asked atomic.Int32
	fail := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if fail {
			http.Error(w, "out of order", http.StatusBadGateway)
			return
		}
		_, _ = w.Write(data)
	}))
	defer srv.Close()
	defer srv.Client().CloseIdleConnections()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	o := Options{Cache: &Cache{Dir: t.TempDir()}, Client: srv.Client(), Now: func() time.Time { return now }}
	get := func(at string) (*phoenix.Tree, error) { return NewSnapshot(at, o).Tree(t.Context(), live158) }
	at := strings.Replace(srv.URL, "http://", "http://me:secret@", 1) + "/trees.tar.zst"
	for range 2 {
		tree, err := get(at)
		if err != nil {
			t.Fatal(err)
		}
		if len(tree.Provenance.Notes) > 0 {
			t.Errorf("notes %q", tree.Provenance.Notes)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("the server was asked %d times", asked.Load())
	}
	fail = true
	now = now.Add(48 * time.Hour)
	tree, err := get(at)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(tree.Provenance.Notes, "\n"); !strings.Contains(notes, "could not be refreshed") || !strings.Contains(notes, "2026-11-01") {
		t.Errorf("notes %q", notes)
	}

	fail = false
	sum := sha256.Sum256(data)
	if _, err := get(at + "#sha256=" + hex.EncodeToString(sum[:])); err != nil {
		t.Error(err)
	}
	_, err = get(srv.URL + "/other.tar.zst#sha256=" + strings.Repeat("ab", 32))
	if err == nil || !strings.Contains(err.Error(), "is asked for") {
		t.Errorf("an archive of another content: %v", err)
	}
	fail = true
	_, err = get(strings.Replace(at, "trees", "third", 1))
	if err == nil || !strings.Contains(err.Error(), "502") || strings.Contains(err.Error(), "secret") {
		t.Errorf("a server that fails: %v", err)
	}
}

func TestADownloadThatStallsIsGivenUp(t *testing.T) {
	for name, some := range map[string]int{"at once": 0, "in the middle": 1000} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if some > 0 {
				_, _ = w.Write(make([]byte, some))
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		}))
		o := Options{Cache: &Cache{Dir: t.TempDir()}, Client: srv.Client(), Stall: 50 * time.Millisecond}
		_, err := NewSnapshot(srv.URL+"/x.tar", o).Tree(t.Context(), live158)
		if err == nil || !strings.Contains(err.Error(), "the server sent nothing for 50ms") {
			t.Errorf("%s: %v", name, err)
		}
		srv.Client().CloseIdleConnections()
		srv.Close()
		left, err := os.ReadDir(filepath.Join(o.Cache.Dir, "tmp"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v %v", name, left, err)
		}
	}
}

func TestARepositoryByURLIsRefreshedAndOutlivesItsServer(t *testing.T) {
	repo := repository(t, ours(t))
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	o := Options{Cache: &Cache{Dir: t.TempDir()}, Now: func() time.Time { return now }}
	count := func() int {
		t.Helper()
		all, err := NewSnapshot("file://"+repo+"/.git", o).Specs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if n := count(); n != 4 {
		t.Fatalf("%d trees", n)
	}
	phoenixtest.Write(t, filepath.Join(repo, "auth/1.7.14/no-live"), map[string]phoenix.File{"lib/x.ex": {Data: []byte("x\n")}})
	run(t, repo, "add", ".")
	run(t, repo, "commit", "--quiet", "-m", "more")
	if n := count(); n != 4 {
		t.Errorf("%d trees within a day", n)
	}
	now = now.Add(25 * time.Hour)
	if n := count(); n != 5 {
		t.Errorf("%d trees a day later", n)
	}
	if err := os.Rename(repo, repo+"-gone"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(25 * time.Hour)
	s := NewSnapshot("file://"+repo+"/.git", o)
	tree, err := s.Tree(t.Context(), live158)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(tree.Provenance.Notes, "\n"); !strings.Contains(notes, "could not be refreshed") {
		t.Errorf("notes %q", notes)
	}
}

func TestWhatASnapshotDoesNotHaveIsSaid(t *testing.T) {
	s := NewSnapshot(ours(t), Options{})
	for spec, want := range map[string]string{
		"1.5.8":               "it has this version with --live",
		"1.5.9 --live":        "it does not have this version",
		"1.7.14 --no-ecto":    "it has this version with no flags",
		"1.7.14 --no-webpack": "", // which that version does not have anyway
	} {
		v, flags, _ := strings.Cut(spec, " ")
		f, err := phoenix.ReadFlags(strings.Fields(flags))
		if err != nil {
			t.Fatal(err)
		}
		tree, err := s.Tree(t.Context(), phoenix.Spec{Version: phoenix.MustVersion(v), Flags: f})
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", spec, err)
		case want == "" && len(tree.Provenance.Notes) != 1:
			t.Errorf("%s: notes %q", spec, tree.Provenance.Notes)
		case want != "" && (!errors.Is(err, ErrNone) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v", spec, err)
		}
	}
}

func TestASnapshotThatCannotBeReadIsAnError(t *testing.T) {
	link := ours(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(link, "new/1.5.8/live/lib/passwd")); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	if err := os.MkdirAll(filepath.Join(empty, "new/1.5.8/live"), 0o755); err != nil {
		t.Fatal(err)
	}
	hostile := func(h tar.Header) string {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range []tar.Header{{Name: "new/1.5.8/live/mix.exs", Typeflag: tar.TypeReg}, h} {
			h.Mode = 0o644
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		return file(t, "hostile.tar", b.Bytes())
	}
	whole := zip(t, archive(t, ours(t)))
	for name, c := range map[string]struct{ at, want string }{
		"a link":              {link, "not a plain file"},
		"an empty tree":       {empty, "has no files"},
		"an empty directory":  {t.TempDir(), "no generated trees"},
		"nothing":             {"/nonexistent/trees", "no such file"},
		"no repository":       {ours(t) + "#main", "not a git repository"},
		"half an archive":     {file(t, "half.tar.zst", whole[:len(whole)/2]), "unexpected EOF"},
		"no archive":          {file(t, "x.tar", []byte("hello, this is no archive at all")), "read the snapshot"},
		"a link in a tar":     {hostile(tar.Header{Name: "new/1.5.8/live/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), "not a plain file"},
		"git's directory":     {hostile(tar.Header{Name: "new/1.5.8/live/.git/config", Typeflag: tar.TypeReg}), "git's own"},
		"a name to hide with": {hostile(tar.Header{Name: "new/1.5.8/live/a\x1b[2Jb", Typeflag: tar.TypeReg}), "no path"},
		"a loose link":        {hostile(tar.Header{Name: "new/1.5.8/live/x", Typeflag: tar.TypeLink, Linkname: "../../etc"}), "not there"},
		"the same twice":      {hostile(tar.Header{Name: "new/1.5.8/live/mix.exs", Typeflag: tar.TypeReg}), "there twice"},
		"another protocol":    {"gopher://example.com/x.tar", "by http and https"},
		"a program":           {"ext::sh -c true%", "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewSnapshot(c.at, Options{Cache: &Cache{Dir: t.TempDir()}}).Tree(t.Context(), live158)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrNone) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestHardLinksInAnArchiveAreFiles(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "./new/1.7.0/default/mix.exs", Typeflag: tar.TypeReg, Size: 3, Mode: 0o755},
		{Name: "./new/1.7.1/default/mix.exs", Typeflag: tar.TypeLink, Linkname: "./new/1.7.0/default/mix.exs"},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := io.WriteString(w, "hi\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Close()
	tree, err := NewSnapshot(file(t, "x.tar", b.Bytes()), Options{}).Tree(t.Context(), phoenix.Spec{Version: phoenix.MustVersion("1.7.1")})
	if err != nil {
		t.Fatal(err)
	}
	if f := tree.Files["mix.exs"]; string(f.Data) != "hi\n" || !f.Executable {
		t.Errorf("got %+v", f)
	}
}

func TestAnOpeningThatIsCancelledEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	root := ours(t)
	for name, at := range map[string]string{
		"a directory": root, "an archive": file(t, "s.tar.zst", zip(t, archive(t, root))), "a URL": "file://" + root, "a download": "http://127.0.0.1:1/x.tar",
		"a repository": repository(t, root) + "#trunk",
	} {
		if _, err := NewSnapshot(at, Options{Cache: &Cache{Dir: t.TempDir()}}).Tree(ctx, live158); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATreeIsBounded(t *testing.T) {
	var g gathering
	for n := range maxTreeFiles {
		if err := g.add(strconv.Itoa(n), nil, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.add("one/more", nil, false); err == nil {
		t.Error("one file too many is taken")
	}
	g = gathering{}
	large := make([]byte, maxTreeBytes/2)
	for name, want := range map[string]bool{"a": true, "b": true} {
		if err := g.add(name, large, false); (err == nil) != want {
			t.Error(err)
		}
	}
	if err := g.add("c", []byte("x"), false); err == nil {
		t.Error("one byte too many is taken")
	}
	g = gathering{}
	for _, name := range []string{"a/b", "a"} {
		if err := g.add(name, nil, false); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.done("it"); err == nil {
		t.Error("a is a file and a directory")
	}
}

func FuzzReadTar(f *testing.F) {
	small := f.TempDir()
	phoenixtest.Write(f, filepath.Join(small, "new/1.7.14/default"), map[string]phoenix.File{"mix.exs": {Data: []byte("x\n")}, "a/b.ex": {Data: []byte("y\n")}})
	plain := archive(f, small)
	f.Add(plain)
	f.Add(gz(f, plain))
	f.Add(zip(f, plain))
	f.Fuzz(func(t *testing.T, data []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		s, err := readTar(ctx, bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, p := range s.places() {
			files, err := s.files(ctx, p.dir)
			if err != nil {
				continue
			}
			for name := range files {
				if !filepath.IsLocal(filepath.FromSlash(name)) {
					t.Errorf("%q leads out of the tree", name)
				}
			}
		}
	})
}

func FuzzGitList(f *testing.F) {
	f.Add([]byte("100644 blob 4779316f12bf4e5c6e718e67395c41fe1299f50a\tnew/1.7.14/default/mix.exs\x00"))
	f.Add([]byte("120000 blob 4779316f12bf4e5c6e718e67395c41fe1299f50a\tpriv/data/sample-app/1.0.0/default/x\x00\x00"))
	f.Fuzz(func(t *testing.T, list []byte) {
		s := &gitStore{trees: map[string][]gitFile{}, bad: map[string]error{}}
		if s.read(list) != nil {
			return
		}
		for _, p := range s.places() {
			at, rest, ok := placeOf(p.dir + "/x")
			if !ok || rest != "x" || at.dir != p.dir {
				t.Errorf("%q reads as %+v and %q", p.dir, at, rest)
			}
		}
	})
}
