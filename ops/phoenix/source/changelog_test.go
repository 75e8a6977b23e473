package source

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ops-console/ops/phoenix"
	"ops-console/ops/phoenix/phoenixtest"
	"ops-console/ops/phoenix/source/hex"
)

func TestChangelogsComeOutOfPackages(t *testing.T) {
	texts := map[string]string{
		"1.6.16": "# 1.6\n\n## 1.6.16 (2023-01-25)\n\nSixteen.\n\n## 1.6.15 (2022-10-26)\n\nFifteen.\n",
		"1.7.14": "# 1.7\n\n## 1.7.14 (2024-06-18)\n\nFourteen.\n\n## 1.7.0 (2023-02-24)\n\nZero.\n\n## v1.6\n",
	}
	packages := map[string][]byte{}
	for v, text := range texts {
		packages[v] = phoenixtest.Tar(t, map[string][]byte{
			"VERSION": []byte("3"), "metadata.config": fmt.Appendf(nil, "{<<\"name\">>,<<\"phoenix\">>}.\n{<<\"version\">>,<<%q>>}.\n", v),
			"contents.tar.gz": gz(t, phoenixtest.Tar(t, map[string][]byte{"CHANGELOG.md": []byte(text), "mix.exs": []byte("x\n")})),
		})
	}
	missing := "none"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for v, p := range packages {
			switch {
			case strings.Contains(r.URL.Path, missing):
			case r.URL.Path == "/packages/phoenix/releases/"+v:
				fmt.Fprintf(w, `{"version":%q,"checksum":%q}`, v, hex.Sum(p))
				return
			case r.URL.Path == "/tarballs/phoenix-"+v+".tar":
				_, _ = w.Write(p)
				return
			}
		}
		http.NotFound(w, r)
	}))
	defer srv.Close()
	defer srv.Client().CloseIdleConnections()
	registry := hex.Registry{Repo: srv.URL, API: srv.URL, Client: srv.Client(), Timeout: 5 * time.Second}
	between := func(c *Changelogs, from string) (string, []string, error) {
		all, notes, err := c.Between(t.Context(), phoenix.MustVersion(from), phoenix.MustVersion("1.7.14"))
		var words []string
		for _, s := range all {
			words = append(words, s.Version.String()+" "+s.Text)
		}
		return strings.Join(words, " "), notes, err
	}
	c := &Changelogs{Registry: registry, Cache: &Cache{Dir: t.TempDir()}}
	want := "1.6.16 Sixteen. 1.7.0 Zero. 1.7.14 Fourteen."
	if got, notes, err := between(c, "1.6.15"); got != want || notes != nil || err != nil {
		t.Errorf("got %q %q %v", got, notes, err)
	}
	missing = "phoenix"
	if got, notes, err := between(c, "1.6.15"); got != want || notes != nil || err != nil {
		t.Errorf("from the cache: %q %q %v", got, notes, err)
	}
	c.Cache = &Cache{Dir: t.TempDir()}
	if _, _, err := between(c, "1.6.15"); err == nil || !strings.Contains(err.Error(), "does not have it") {
		t.Errorf("without packages: %v", err)
	}
	missing = "1.6.16"
	if got, notes, err := between(c, "1.6.15"); got != "1.7.0 Zero. 1.7.14 Fourteen." || len(notes) != 1 || !strings.Contains(notes[0], "1.6 is missing") || err != nil {
		t.Errorf("without one: %q %q %v", got, notes, err)
	}
	if _, _, err := between(c, "1.8.0"); err == nil {
		t.Error("a newer version has something before an older one")
	}
	if _, _, err := between(&Changelogs{Registry: registry}, "1.6.15"); err == nil {
		t.Error("it does without a cache")
	}
}
