package registry

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func digestOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// server is a registry with one image, shop:v1, for two platforms.
type server struct {
	*httptest.Server
	auth    string // basic, bearer, or empty: anybody may ask
	wrong   bool   // documents are not what their digests say
	realm   string // instead of its own
	status  int    // of every answer but those of the login
	tokens  int    // that were given
	headers []string
	index   string
}

const configText = `{"os":"linux","architecture":"amd64","created":"2026-03-04T10:00:00Z","config":{"Labels":{"org.opencontainers.image.revision":"abc1234"},"Env":["OTP_VERSION=27.3","PATH=/bin","odd"],"Cmd":["/app/bin/server"],"Entrypoint":["tini","--"]}}`

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{}
	image := fmt.Sprintf(`{"mediaType":%q,"config":{"digest":%q},"layers":[{"size":100},{"size":20}]}`, typeManifest, digestOf(configText))
	s.index = fmt.Sprintf(`{"mediaType":%q,"manifests":[{"digest":%q,"platform":{"os":"linux","architecture":"arm64"}},{"digest":%q,"platform":{"os":"linux","architecture":"amd64"}},{"digest":"sha256:0","platform":{"os":"unknown","architecture":"unknown"}}]}`, typeIndex, digestOf("arm"), digestOf(image))
	documents := map[string]string{
		"/v2/shop/manifests/v1": s.index, "/v2/shop/manifests/" + digestOf(s.index): s.index, "/v2/shop/manifests/" + digestOf(image): image, "/v2/shop/manifests/single": image, "/v2/shop/blobs/" + digestOf(configText): configText,
		"/v2/shop/manifests/arm":  fmt.Sprintf(`{"manifests":[{"digest":%q,"platform":{"os":"linux","architecture":"arm64"}}]}`, digestOf("arm")),
		"/v2/shop/manifests/page": "<html>", "/v2/shop/manifests/trap": `{"config":{"digest":"../../x:y"}}`,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.URL.Query().Get("scope") != "repository:shop:pull" || user+password != "" && user+":"+password != "x:hush" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		s.tokens++
		fmt.Fprintf(w, `{"token":"t-%s"}`, user)
	})
	mux.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		s.headers = append(s.headers, r.Header.Get("Authorization"))
		realm := s.URL + "/token"
		if s.realm != "" {
			realm = s.realm
		}
		switch {
		case s.status != 0:
			w.WriteHeader(s.status)
			return
		case s.auth == "bearer" && r.Header.Get("Authorization") != "Bearer t-x":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm=%q,service="reg",scope="repository:shop:pull"`, realm))
			w.WriteHeader(http.StatusUnauthorized)
			return
		case s.auth == "basic" && r.Header.Get("Authorization") != basic("x", "hush"):
			w.Header().Set("WWW-Authenticate", `Basic realm="reg"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, ok := documents[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if s.wrong && strings.Contains(r.URL.Path, "blobs") {
			body += " "
		}
		fmt.Fprint(w, body)
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *server) client(user, password string) *Client {
	return New(Options{Base: map[string]string{"registry.example.com": s.URL}, Credentials: func(context.Context, string) (string, string, bool) {
		return user, password, user != ""
	}})
}

func ref(t *testing.T, tag string) Ref {
	t.Helper()
	r, err := ParseRef("registry.example.com/shop" + tag)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnImageIsFound(t *testing.T) {
	for _, auth := range []string{"", "basic", "bearer"} {
		s := newServer(t)
		s.auth = auth
		img, err := s.client("x", "hush").Image(t.Context(), ref(t, ":v1"))
		want := Image{
			Ref: ref(t, ":v1"), Digest: digestOf(s.index), Platform: "linux/amd64", Platforms: []string{"linux/arm64", "linux/amd64"},
			Labels: map[string]string{LabelRevision: "abc1234"}, Env: map[string]string{"OTP_VERSION": "27.3", "PATH": "/bin"},
			Entrypoint: []string{"tini", "--"}, Cmd: []string{"/app/bin/server"}, Created: time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC), Size: 120,
		}
		if diff := cmp.Diff(want, img); diff != "" || err != nil {
			t.Errorf("%s: %v %s", auth, err, diff)
		}
		if s.tokens > 1 {
			t.Errorf("%s: logged in %d times", auth, s.tokens)
		}
		if img, err := s.client("x", "hush").Image(t.Context(), ref(t, "@"+want.Digest)); err != nil || img.Digest != want.Digest {
			t.Errorf("%s: by digest: %v", auth, err)
		}
	}
}

func TestWhatARegistryCanAnswer(t *testing.T) {
	for _, tc := range []struct {
		name     string
		tag      string
		user     string
		change   func(s *server)
		is       error
		contains string
	}{
		{"no such tag", ":v2", "x", nil, ErrNotFound, "registry.example.com/shop:v2"},
		{"no credentials", ":v1", "", func(s *server) { s.auth = "basic" }, ErrDenied, ""},
		{"wrong credentials", ":v1", "y", func(s *server) { s.auth = "bearer" }, ErrDenied, ""},
		{"a token for everybody that does not suffice", ":v1", "", func(s *server) { s.auth = "bearer" }, ErrDenied, ""},
		{"forbidden", ":v1", "x", func(s *server) { s.status = 403 }, ErrDenied, ""},
		{"busy", ":v1", "x", func(s *server) { s.status = 429 }, nil, "asks for patience"},
		{"down", ":v1", "x", func(s *server) { s.status = 503 }, nil, "answers 503"},
		{"another document", ":v1", "x", func(s *server) { s.wrong = true }, nil, "something else than sha256:"},
		{"a page", ":page", "x", nil, nil, "no JSON"},
		{"a digest that is a path", ":trap", "x", nil, nil, "no digest"},
		{"a login elsewhere", ":v1", "x", func(s *server) { s.auth, s.realm = "bearer", "http://203.0.113.7/token" }, nil, "not to be trusted"},
		{"a login that is none", ":v1", "x", func(s *server) { s.auth, s.realm = "bearer", "::" }, nil, "not to be trusted"},
	} {
		s := newServer(t)
		if tc.change != nil {
			tc.change(s)
		}
		_, err := s.client(tc.user, "hush").Image(t.Context(), ref(t, tc.tag))
		switch {
		case err == nil, tc.is != nil && !errors.Is(err, tc.is), !strings.Contains(err.Error(), tc.contains):
			t.Errorf("%s: got %v", tc.name, err)
		case strings.Contains(err.Error(), "hush"), strings.Contains(err.Error(), base64.StdEncoding.EncodeToString([]byte("x:hush"))):
			t.Errorf("%s: the password is shown: %v", tc.name, err)
		}
	}
	if img, err := newServer(t).client("", "").Image(t.Context(), ref(t, ":arm")); err != nil || img.Platform != "" || len(img.Platforms) != 1 {
		t.Errorf("an image for something else: %+v, %v", img, err)
	}
	if img, err := newServer(t).client("", "").Image(t.Context(), ref(t, ":single")); err != nil || img.Platforms[0] != "linux/amd64" {
		t.Errorf("an image without an index: %+v, %v", img, err)
	}
	s := newServer(t)
	s.Close()
	if _, err := s.client("", "").Image(t.Context(), ref(t, ":v1")); err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestCredentialsGoOnlyWhereOthersCannotListen(t *testing.T) {
	for address, want := range map[string]bool{"https://r.example.com/": true, "http://r.example.com/": false, "http://127.0.0.1:5/": true, "http://[::1]/": true, "http://localhost/": true} {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if private(r.URL) != want {
			t.Errorf("%s: %v", address, !want)
		}
	}
}

func TestReferences(t *testing.T) {
	digest := digestOf("x")
	for _, tc := range []struct{ in, want string }{
		{"elixir", "docker.io/library/elixir:latest"},
		{"hexpm/elixir:1.18", "docker.io/hexpm/elixir:1.18"},
		{"registry.fly.io/shop:deployment-01J", "registry.fly.io/shop:deployment-01J"},
		{"localhost:5000/a/b", "localhost:5000/a/b:latest"},
		{"ghcr.io/o/shop:v1@" + digest, "ghcr.io/o/shop:v1@" + digest},
		{"registry.fly.io/shop@" + digest, "registry.fly.io/shop@" + digest},
	} {
		r, err := ParseRef(tc.in)
		if err != nil || r.String() != tc.want {
			t.Errorf("%s: got %s, %v", tc.in, r, err)
		}
	}
	for _, bad := range []string{"", "A", "a:", "a:b c", "a@sha256:1", "a/../b", "r.io/", "https://r.io/a", "-x", "a\n"} {
		if r, err := ParseRef(bad); err == nil {
			t.Errorf("%q was taken: %s", bad, r)
		}
	}
}

func FuzzParseRef(f *testing.F) {
	f.Add("ghcr.io/o/shop:v1@sha256:0")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRef(s)
		if err != nil {
			return
		}
		again, err := ParseRef(r.String())
		if err != nil || again != r {
			t.Fatalf("%q: %s is read as %s, %v", s, r, again, err)
		}
	})
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Bearer realm="https://x/t",service=y, scope="a,b"`)
	f.Add(`Basic realm="`)
	f.Fuzz(func(_ *testing.T, s string) { challenge(s) })
}

func TestDockersCredentialsAreUsed(t *testing.T) {
	dir := t.TempDir()
	helper := filepath.Join(dir, "docker-credential-test")
	if err := os.WriteFile(helper, []byte("#!/bin/sh\nread r\n[ \"$r\" = kept.example.com ] || exit 1\necho '{\"Username\":\"u\",\"Secret\":\"kept\"}'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	config, err := json.Marshal(map[string]any{
		"auths": map[string]any{
			"plain.example.com":           map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte("a:b:c"))},
			"https://index.docker.io/v1/": map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte("hub:word"))},
			"broken.example.com":          map[string]string{"auth": "%"},
		},
		"credHelpers": map[string]string{"kept.example.com": "test", "evil.example.com": "../evil"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	ask := DockerCredentials(func(name string) string { return map[string]string{"DOCKER_CONFIG": dir}[name] })
	for registry, want := range map[string]string{
		"plain.example.com": "a b:c true", "docker.io": "hub word true", "kept.example.com": "u kept true",
		"broken.example.com": "  false", "evil.example.com": "  false", "other.example.com": "  false",
	} {
		user, password, ok := ask(t.Context(), registry)
		if got := fmt.Sprint(user, " ", password, " ", ok); got != want {
			t.Errorf("%s: got %q, want %q", registry, got, want)
		}
	}
	for _, env := range []map[string]string{{}, {"HOME": dir}} {
		if _, _, ok := DockerCredentials(func(n string) string { return env[n] })(t.Context(), "plain.example.com"); ok {
			t.Errorf("%v: there are some", env)
		}
	}
}
