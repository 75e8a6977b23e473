package source

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
)

const versionsText = `# Each line lists the app specifications available for that version.
# Example: /browse/1.8.5%20--no-ecto/raw/mix.exs

1.8.8: 1.8.8, 1.8.8 --binary-id, 1.8.8 --a-flag-of-tomorrow
1.7.14: 1.7.14, 1.7.14 --no-ecto
1.5.8: 1.5.8 --live
1.5.0-rc.0: 1.5.0-rc.0
not a version: x
`

// site serves the fixtures as phoenixdiff.org does.
func site(t testing.TB, asked *atomic.Int32, spoil func(w http.ResponseWriter, r *http.Request) bool) *httptest.Server {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if spoil != nil && spoil(w, r) {
			return
		}
		if r.URL.Path == "/versions" {
			fmt.Fprint(w, versionsText)
			return
		}
		slug, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/browse/"), "/")
		names := map[string]string{"1.5.8 --live": "1.5.8/live", "1.7.14": "1.7.14/default", "1.8.8": "1.8.8/default"}
		if !ok || names[slug] == "" {
			http.NotFound(w, r)
			return
		}
		tree := phoenixtest.Tree(t, names[slug])
		if rest == "files.txt" {
			fmt.Fprint(w, strings.Join(tree.Paths(), "\n")+"\n")
			return
		}
		f, ok := tree.Files[strings.TrimPrefix(rest, "raw/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(f.Data)
	}))
	t.Cleanup(func() {
		srv.Client().CloseIdleConnections()
		srv.Close()
	})
	return srv
}

func TestTheSiteGivesWholeTrees(t *testing.T) {
	var asked atomic.Int32
	srv := site(t, &asked, nil)
	cache := &Cache{Dir: t.TempDir()}
	src := Cached(cache, &Web{Base: srv.URL + "/", Client: srv.Client()})
	tree, err := src.Tree(t.Context(), live158)
	if err != nil {
		t.Fatal(err)
	}
	want := phoenixtest.Tree(t, "1.5.8/live")
	for p, f := range want.Files {
		if got, ok := tree.Files[p]; !ok || string(got.Data) != string(f.Data) {
			t.Errorf("%s differs", p)
		}
	}
	if len(tree.Files) != len(want.Files) || tree.Provenance.Source != strings.TrimPrefix(srv.URL, "http://") || tree.Provenance.Cached {
		t.Errorf("%d files, %+v", len(tree.Files), tree.Provenance)
	}
	n := asked.Load()
	if again, err := src.Tree(t.Context(), live158); err != nil || !again.Provenance.Cached || asked.Load() != n {
		t.Errorf("again: %v, %d requests", err, asked.Load()-n)
	}
	named := live158
	named.App, named.Module = "shop", "Shop"
	other, err := src.Tree(t.Context(), named)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := other.Files["lib/shop_web/endpoint.ex"]; !ok || !other.Provenance.Substituted {
		t.Errorf("with other names: %v %+v", other.Paths(), other.Provenance)
	}
}

func TestWhatTheSiteListsIsRead(t *testing.T) {
	var asked atomic.Int32
	srv := site(t, &asked, nil)
	w := &Web{Base: srv.URL, Client: srv.Client()}
	all, err := w.Specs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range all {
		got = append(got, Title(s))
	}
	want := []string{"Phoenix 1.5.0-rc.0 --live", "Phoenix 1.5.8 --live", "Phoenix 1.7.14", "Phoenix 1.7.14 --no-ecto", "Phoenix 1.8.8", "Phoenix 1.8.8 --binary-id"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	_, err = w.Tree(t.Context(), phoenix.Spec{Version: phoenix.MustVersion("1.7.14"), Flags: phoenix.Flags{"html": "false"}})
	if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "with no flags, with --no-ecto") {
		t.Errorf("what is not listed: %v", err)
	}
}

func TestASiteThatMisbehavesIsAnError(t *testing.T) {
	at := func(path string, answer func(w http.ResponseWriter, r *http.Request)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, path) {
				return false
			}
			answer(w, r)
			return true
		}
	}
	text := func(s string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s) }
	}
	for name, c := range map[string]struct {
		spoil func(http.ResponseWriter, *http.Request) bool
		want  string
	}{
		"lists nothing":     {at("/versions", text("<html>")), "lists no versions"},
		"is out of order":   {at("/versions", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusInternalServerError) }), "500"},
		"hangs":             {at("/versions", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "no answer within"},
		"hangs in a file":   {at("/raw/mix.exs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "within"},
		"lacks a file":      {at("/raw/mix.exs", http.NotFound), "404"},
		"lists no files":    {at("/files.txt", text("\n")), "no files"},
		"leads out":         {at("/files.txt", text("mix.exs\n../../etc/passwd\n")), "no path"},
		"leads into git":    {at("/files.txt", text("mix.exs\n.git/hooks/pre-commit\n")), "git's own"},
		"lists one twice":   {at("/files.txt", text("mix.exs\nmix.exs\n")), "there twice"},
		"breaks off":        {at("/raw/mix.exs", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "EOF"},
		"speaks in escapes": {at("/files.txt", text("mix.exs\x1b[2J\n")), "no path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			srv := site(t, &asked, c.spoil)
			w := &Web{Base: srv.URL, Client: srv.Client(), Request: 300 * time.Millisecond}
			_, err := w.Tree(t.Context(), live158)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAskingTheSiteEndsWithItsContext(t *testing.T) {
	var asked atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	srv := site(t, &asked, func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	})
	if _, err := (&Web{Base: srv.URL, Client: srv.Client()}).Tree(ctx, live158); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func FuzzReadVersions(f *testing.F) {
	f.Add([]byte(versionsText))
	f.Fuzz(func(t *testing.T, text []byte) {
		for dir, l := range readVersions(text) {
			if at, _, ok := placeOf(dir + "/mix.exs"); !ok || compareSpecs(at.spec, l.spec) != 0 {
				t.Errorf("%q is listed as %v and read as %v", dir, l.spec, at.spec)
			}
		}
	})
}
