package phoenixtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"ops-console/ops/phoenix"
)

// PackageVersion is the version of the package in testdata/phoenix/package. There is no such Phoenix.
const PackageVersion = "1.99.0"

// Package is the source of a small generator, phx_new of PackageVersion.
func Package(t testing.TB) map[string]phoenix.File {
	t.Helper()
	return Read(t, filepath.Join(Dir(), "package"))
}

// Generators is the source of a package phoenix of PackageVersion, with a small phx.gen.auth and phx.gen.release.
func Generators(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for p, f := range Read(t, filepath.Join(Dir(), "generators")) {
		files[p] = f.Data
	}
	return files
}

// Pack makes the tarball that hex publishes of a phx_new with these files, which says that it needs this Elixir.
func Pack(t testing.TB, files map[string]phoenix.File, elixir string) []byte {
	t.Helper()
	plain := map[string][]byte{}
	for p, f := range files {
		plain[p] = f.Data
	}
	return pack(t, "phx_new", PackageVersion, elixir, plain)
}

// pack makes a tarball as hex does.
func pack(t testing.TB, name, version, elixir string, files map[string][]byte) []byte {
	t.Helper()
	var contents bytes.Buffer
	w := gzip.NewWriter(&contents)
	if _, err := w.Write(Tar(t, files)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	metadata := `{<<"app">>,<<"` + name + `">>}.
{<<"build_tools">>,[<<"mix">>]}.
{<<"description">>,<<"A package of our own."/utf8>>}.
{<<"elixir">>,<<"` + elixir + `">>}.
{<<"name">>,<<"` + name + `">>}.
{<<"requirements">>,[]}.
{<<"version">>,<<"` + version + `">>}.
`
	return Tar(t, map[string][]byte{
		"VERSION": []byte("3"), "CHECKSUM": []byte("00"), "metadata.config": []byte(metadata), "contents.tar.gz": contents.Bytes(),
	})
}

// Tar is an archive of plain files.
func Tar(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, data := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Registry is a server of one package, as hex.pm and repo.hex.pm are: /api is the one, the rest the other.
type Registry struct {
	*httptest.Server
	Checksum string // of the package, as a registry knows it

	mu    sync.Mutex
	asked int
	claim string
	hang  bool
	more  map[string][]byte // by path
}

// Publish makes it serve a package with these files, too.
func (r *Registry) Publish(t testing.TB, name, version string, files map[string][]byte) {
	t.Helper()
	tarball := pack(t, name, version, "~> 1.11", files)
	sum := sha256.Sum256(tarball)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.more == nil {
		r.more = map[string][]byte{}
	}
	r.more["/tarballs/"+name+"-"+version+".tar"] = tarball
	r.more["/api/packages/"+name+"/releases/"+version] = fmt.Appendf(nil, `{"version":%q,"checksum":%q,"meta":{}}`, version, hex.EncodeToString(sum[:]))
}

// NewRegistry serves a tarball as phx_new of PackageVersion. It is ended with the test.
func NewRegistry(t testing.TB, tarball []byte) *Registry {
	t.Helper()
	sum := sha256.Sum256(tarball)
	r := &Registry{Checksum: hex.EncodeToString(sum[:])}
	r.claim = r.Checksum
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.asked++
		claim, hang, more := r.claim, r.hang, r.more[req.URL.Path]
		r.mu.Unlock()
		if hang {
			<-req.Context().Done()
			return
		}
		if more != nil {
			if _, err := w.Write(more); err != nil {
				t.Logf("serve a package: %v", err)
			}
			return
		}
		switch req.URL.Path {
		case "/tarballs/phx_new-" + PackageVersion + ".tar":
			if _, err := w.Write(tarball); err != nil {
				t.Logf("serve a package: %v", err)
			}
		case "/api/packages/phx_new":
			fmt.Fprintf(w, `{"name":"phx_new","releases":[{"version":%q},{"version":"1.8.8"},{"version":"1.3.0"},{"version":"x"}]}`, PackageVersion)
		case "/api/packages/phx_new/releases/" + PackageVersion:
			fmt.Fprintf(w, `{"version":%q,"checksum":%q,"meta":{"elixir":"~> 1.11"},"retirement":null}`, PackageVersion, claim)
		default:
			http.NotFound(w, req)
		}
	}))
	t.Cleanup(func() {
		r.Client().CloseIdleConnections()
		r.Close()
	})
	return r
}

// Claim makes it say another checksum than the package has.
func (r *Registry) Claim(sum string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.claim = sum
}

// Hang makes it answer nothing any more.
func (r *Registry) Hang() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hang = true
}

// Asked is how many requests there were.
func (r *Registry) Asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}
