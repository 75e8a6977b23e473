package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

// What a failed question can be about.
var (
	ErrNotFound = errors.New("the registry has no such image")
	ErrDenied   = errors.New("the registry does not say: no credentials for it, or not good enough ones")
)

// Image is what stands behind a reference.
type Image struct {
	Ref        Ref
	Digest     string // of the manifest that the reference names: of an index, where it names one
	Platform   string // linux/amd64
	Platforms  []string
	Labels     map[string]string
	Env        map[string]string
	Entrypoint []string
	Cmd        []string
	Created    time.Time
	Size       int64 // of the layers as they are sent, in bytes
}

// Labels that say where an image comes from (https://specs.opencontainers.org/image-spec/annotations/).
const (
	LabelRevision = "org.opencontainers.image.revision"
	LabelSource   = "org.opencontainers.image.source"
	LabelVersion  = "org.opencontainers.image.version"
)

// Options of New.
type Options struct {
	// Base is where a registry is, by its name: a URL with another one's place in it; not there: https:// and the name.
	Base map[string]string
	// Credentials are a user and a password for a registry; ok is false where there are none. They are asked for only when
	// the registry wants some.
	Credentials func(ctx context.Context, registry string) (user, password string, ok bool)
	UserAgent   string
	Transport   http.RoundTripper // nil: http.DefaultTransport
}

// Client asks registries. It is safe for concurrent use.
type Client struct {
	o    Options
	http *http.Client
}

// New makes a client.
func New(o Options) *Client {
	return &Client{o: o, http: &http.Client{Transport: o.Transport, Timeout: 30 * time.Second, CheckRedirect: redirect}}
}

// redirect follows a registry to where it keeps its blobs, never from https to http.
func redirect(r *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= 5:
		return errors.New("redirected too often")
	case via[0].URL.Scheme == "https" && r.URL.Scheme != "https":
		return errors.New("redirected away from https")
	}
	return nil
}

const (
	typeIndex        = "application/vnd.oci.image.index.v1+json"
	typeManifest     = "application/vnd.oci.image.manifest.v1+json"
	typeDockerIndex  = "application/vnd.docker.distribution.manifest.list.v2+json"
	typeDockerSchema = "application/vnd.docker.distribution.manifest.v2+json"

	maxDocument = 4 << 20
)

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
	Platform  *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	} `json:"platform"`
}

// manifest is an image's, or an index of several.
type manifest struct {
	MediaType string       `json:"mediaType"`
	Manifests []descriptor `json:"manifests"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
}

// wanted is the platform that machines are of.
const wanted = "linux/amd64"

// Image asks what stands behind a reference. The error is ErrNotFound where nothing does, and ErrDenied where the registry
// tells us nothing.
func (c *Client) Image(ctx context.Context, ref Ref) (Image, error) {
	img := Image{Ref: ref}
	s := &session{c: c, ref: ref}
	var m manifest
	digest, err := s.document(ctx, "manifests", ref.pointer(), ref.Digest, &m)
	if err != nil {
		return img, fmt.Errorf("ask the registry for %s: %w", ref, err)
	}
	img.Digest = digest
	if len(m.Manifests) > 0 {
		d, platforms := choose(m.Manifests)
		if img.Platforms = platforms; d.Digest == "" {
			return img, nil // it is there, and is for nothing that we could run
		}
		m = manifest{}
		if _, err := s.document(ctx, "manifests", d.Digest, d.Digest, &m); err != nil {
			return img, fmt.Errorf("ask the registry for %s: %w", ref, err)
		}
	}
	for _, l := range m.Layers {
		img.Size += max(l.Size, 0)
	}
	if err := s.config(ctx, m.Config.Digest, &img); err != nil {
		return img, fmt.Errorf("ask the registry for the configuration of %s: %w", ref, err)
	}
	if len(img.Platforms) == 0 && img.Platform != "" {
		img.Platforms = []string{img.Platform}
	}
	return img, nil
}

// choose takes the image for the platform that machines are of out of an index, and lists the platforms it has.
func choose(dd []descriptor) (descriptor, []string) {
	var (
		chosen    descriptor
		platforms []string
	)
	for _, d := range dd {
		if d.Platform == nil || d.Platform.OS == "unknown" { // attestations
			continue
		}
		p := plaintext.Line(d.Platform.OS+"/"+d.Platform.Architecture, 60)
		if p == wanted && chosen.Digest == "" {
			chosen = d
		}
		if !slices.Contains(platforms, p) && len(platforms) < 20 {
			platforms = append(platforms, p)
		}
	}
	return chosen, platforms
}

func (s *session) config(ctx context.Context, digest string, img *Image) error {
	var v struct {
		OS           string    `json:"os"`
		Architecture string    `json:"architecture"`
		Created      time.Time `json:"created"`
		Config       struct {
			Labels     map[string]string
			Env        []string
			Entrypoint []string
			Cmd        []string
		} `json:"config"`
	}
	if _, err := s.document(ctx, "blobs", digest, digest, &v); err != nil {
		return err
	}
	img.Platform, img.Created = plaintext.Line(v.OS+"/"+v.Architecture, 60), v.Created
	img.Labels, img.Env = v.Config.Labels, map[string]string{}
	img.Entrypoint, img.Cmd = v.Config.Entrypoint, v.Config.Cmd
	for _, e := range v.Config.Env {
		if k, value, ok := strings.Cut(e, "="); ok {
			img.Env[k] = value
		}
	}
	return nil
}

// session is the questions about one repository, with what the registry gave us to ask on.
type session struct {
	c    *Client
	ref  Ref
	auth string // header; empty: none yet
}

// document reads a JSON document. want is the digest that it must have; empty: any.
func (s *session) document(ctx context.Context, kind, name, want string, into any) (digest string, err error) {
	if strings.ContainsRune(name, ':') && !digestForm.MatchString(name) {
		return "", fmt.Errorf("the registry names %q, which is no digest", plaintext.Line(name, 80))
	}
	resp, err := s.get(ctx, s.base()+"/v2/"+s.repository()+"/"+kind+"/"+name)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("the answer broke off: %w", cause(err))
	case len(body) > maxDocument:
		return "", fmt.Errorf("the answer is longer than %d MB", maxDocument>>20)
	}
	sum := sha256.Sum256(body)
	digest = "sha256:" + hex.EncodeToString(sum[:])
	if want != "" && digest != want {
		return "", fmt.Errorf("the registry gave something else than %s", want)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return "", errors.New("the answer is no JSON: is this a registry?")
	}
	return digest, nil
}

func (s *session) repository() string { return s.ref.Repository }

func (s *session) base() string {
	if b := s.c.o.Base[s.ref.Registry]; b != "" {
		return strings.TrimSuffix(b, "/")
	}
	if s.ref.Registry == dockerHub {
		return "https://registry-1.docker.io"
	}
	return "https://" + s.ref.Registry
}

// get asks once, and once more with what the registry says is wanted.
func (s *session) get(ctx context.Context, address string) (*http.Response, error) {
	for try := 0; ; try++ {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, errors.New("the registry's address is none")
		}
		r.Header.Set("Accept", strings.Join([]string{typeIndex, typeManifest, typeDockerIndex, typeDockerSchema}, ", "))
		if s.c.o.UserAgent != "" {
			r.Header.Set("User-Agent", s.c.o.UserAgent)
		}
		if s.auth != "" {
			r.Header.Set("Authorization", s.auth)
		}
		resp, err := s.c.http.Do(r)
		if err != nil {
			return nil, cause(err)
		}
		if resp.StatusCode == http.StatusOK {
			return resp, nil
		}
		io.Copy(io.Discard, io.LimitReader(resp.Body, maxDocument)) //nolint:errcheck // so that the connection can be used again
		resp.Body.Close()
		if resp.StatusCode == http.StatusUnauthorized && try == 0 {
			if err := s.login(ctx, r.URL, resp.Header.Values("WWW-Authenticate")); err != nil {
				return nil, err
			}
			continue
		}
		return nil, refusal(resp.StatusCode)
	}
}

func refusal(status int) error {
	switch status {
	case http.StatusNotFound:
		return ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrDenied
	case http.StatusTooManyRequests:
		return errors.New("the registry asks for patience (429): try again in a minute")
	}
	return fmt.Errorf("the registry answers %d", status)
}

// cause is an error of the transport without the address, which may carry a token.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
