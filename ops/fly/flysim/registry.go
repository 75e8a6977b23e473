package flysim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"ops-console/ops/fly/flysim/platform"
)

// images is the platform's registry, read only: it has every image of every repository, but for tags that say of
// themselves that they are missing (platform.Traits).
type images struct {
	token string
	tags  func(repository string) []string // nil: there is no such repository

	mu    sync.Mutex        // guards blobs
	blobs map[string][]byte // by digest: of what was asked for by its tag
}

// maxBlobs is how many documents are remembered: nobody asks for so many images.
const maxBlobs = 10_000

// registryName is what the registry is called, whatever its address.
const registryName = "registry.fly.io"

// ServeHTTP answers beneath /v2/ (https://github.com/opencontainers/distribution-spec).
func (i *images) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, password, ok := r.BasicAuth(); !ok || password != i.token {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+registryName+`"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED")
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	if repository, ok := strings.CutSuffix(path, "/tags/list"); ok {
		i.list(w, repository)
		return
	}
	repository, name, manifest := strings.Cut(path, "/manifests/")
	if !manifest {
		_, name, _ = strings.Cut(path, "/blobs/")
	}
	var body []byte
	switch word := name[strings.LastIndexByte(name, '-')+1:]; {
	case path == "":
		body = []byte("{}")
	case strings.HasPrefix(name, "sha256:"):
		body = i.blob(name)
	case manifest && repository != "" && name != "" && word != "missing":
		m, config := platform.Manifest(registryName, repository, name)
		i.keep(m, config)
		body = m
	}
	if body == nil {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	w.Header().Set("Docker-Content-Digest", digestOf(body))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the client's loss
	}
}

// list gives all tags of a repository in one page.
func (i *images) list(w http.ResponseWriter, repository string) {
	tags := i.tags(repository)
	if tags == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"name": repository, "tags": tags}) // the client's loss
}

func (i *images) blob(digest string) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.blobs[digest]
}

func (i *images) keep(documents ...[]byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.blobs == nil || len(i.blobs) > maxBlobs {
		i.blobs = map[string][]byte{}
	}
	for _, d := range documents {
		i.blobs[digestOf(d)] = d
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"errors":[{"code":"` + code + `"}]}`)) // the client's loss
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}
