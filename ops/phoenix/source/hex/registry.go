package hex

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
	"regexp"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

// Registry is where packages are published. The zero value is hex.pm.
type Registry struct {
	Repo    string        // of the tarballs; empty: https://repo.hex.pm
	API     string        // of the checksums; empty: https://hex.pm/api
	Client  *http.Client  // nil: the default one, which goes through HTTPS_PROXY
	Timeout time.Duration // of each request; 0: 30 s
}

// ErrUnknown is that a registry does not have a release.
var ErrUnknown = errors.New("the registry does not have it")

// Release is what the registry says of a version of a package.
type Release struct {
	SHA256  string // of the tarball, in small letters
	Elixir  string // requirement; empty: none
	Retired string // why, if it was
}

func (r Registry) base(own, usual string) string {
	if own == "" {
		own = usual
	}
	return strings.TrimRight(own, "/")
}

// TarballURL is where a package is.
func (r Registry) TarballURL(name, version string) string {
	return r.base(r.Repo, "https://repo.hex.pm") + "/tarballs/" + url.PathEscape(name+"-"+version+".tar")
}

func (r Registry) packageURL(name string) string {
	return r.base(r.API, "https://hex.pm/api") + "/packages/" + url.PathEscape(name)
}

var checksum = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Release asks for a version's checksum.
func (r Registry) Release(ctx context.Context, name, version string) (Release, error) {
	at := r.packageURL(name) + "/releases/" + url.PathEscape(version)
	body, err := r.get(ctx, at, 1<<20)
	if err != nil {
		return Release{}, err
	}
	var got struct {
		Version    string
		Checksum   string
		Meta       struct{ Elixir string }
		Retirement *struct{ Reason, Message string }
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return Release{}, fmt.Errorf("ask %s: the answer is no JSON: %w", show(at), err)
	}
	rel := Release{SHA256: strings.ToLower(got.Checksum), Elixir: got.Meta.Elixir}
	if got.Version != version || !checksum.MatchString(rel.SHA256) {
		return Release{}, fmt.Errorf("ask %s: the answer has no checksum of version %s", show(at), version)
	}
	if got.Retirement != nil {
		rel.Retired = plaintext.Line(strings.TrimSpace(got.Retirement.Reason+" "+got.Retirement.Message), 200)
	}
	return rel, nil
}

// Versions that were published, as the registry lists them.
func (r Registry) Versions(ctx context.Context, name string) ([]string, error) {
	at := r.packageURL(name)
	body, err := r.get(ctx, at, 8<<20)
	if err != nil {
		return nil, err
	}
	var got struct {
		Releases []struct{ Version string }
	}
	if err := json.Unmarshal(body, &got); err != nil {
		return nil, fmt.Errorf("ask %s: the answer is no JSON: %w", show(at), err)
	}
	var all []string
	for _, rel := range got.Releases {
		all = append(all, rel.Version)
	}
	return all, nil
}

// Tarball fetches a package and refuses it where its checksum is not the one that the registry says.
func (r Registry) Tarball(ctx context.Context, name, version, sha string) ([]byte, error) {
	at := r.TarballURL(name, version)
	data, err := r.get(ctx, at, MaxTarball)
	if err != nil {
		return nil, err
	}
	if is := Sum(data); is != sha {
		return nil, fmt.Errorf("%s is not what the registry published: its SHA-256 is %s and should be %s; nothing of it is used", show(at), is, sha)
	}
	return data, nil
}

// Sum is a tarball's checksum as the registry has it.
func Sum(tarball []byte) string {
	sum := sha256.Sum256(tarball)
	return hex.EncodeToString(sum[:])
}

func (r Registry) get(ctx context.Context, at string, limit int64) ([]byte, error) {
	within := r.Timeout
	if within == 0 {
		within = 30 * time.Second
	}
	asked := ctx
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	late := func(err error) error {
		if asked.Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return fmt.Errorf("ask %s: no answer within %s", show(at), within)
		}
		if asked.Err() != nil {
			return fmt.Errorf("ask %s: %w", show(at), asked.Err())
		}
		var u *url.Error // it repeats the URL
		if errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("ask %s: %s", show(at), plaintext.Line(withUser.ReplaceAllString(err.Error(), "://"), 300))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL", show(at))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "ops-console")
	client := r.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, late(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("ask %s: %w", show(at), ErrUnknown)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask %s: the server answers %s", show(at), plaintext.Line(resp.Status, 80))
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, late(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("ask %s: the answer is larger than %d MB", show(at), limit>>20)
	}
	return data, nil
}

var withUser = regexp.MustCompile(`://[^/@\s]*@`)

// show is a URL without the user and password that it may have.
func show(at string) string { return withUser.ReplaceAllString(at, "://") }
