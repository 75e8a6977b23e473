package fly

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Releases are the newest releases of an app, newest first, as GraphQL gives them: with descriptions, but without
// InProgress.
func (c *Client) Releases(ctx context.Context, app string, limit int) ([]Release, error) {
	op := "list releases of " + app
	if err := named(op, app); err != nil {
		return nil, err
	}
	v, err := ask[struct {
		App *struct {
			Releases struct {
				Nodes []Release `json:"nodes"`
			} `json:"releases"`
		} `json:"app"`
	}](ctx, c, query{
		op: op,
		text: `query($appName: String!, $limit: Int!) { app(name: $appName) { releases: releasesUnprocessed(first: $limit) { ` +
			`nodes { id version description reason status imageRef stable user { id email name } createdAt } } } }`,
		vars: map[string]any{"appName": app, "limit": max(1, limit)},
	})
	if err == nil && v.App == nil {
		err = missing(op, "app "+app)
	}
	if err != nil {
		return nil, err
	}
	return v.App.Releases.Nodes, nil
}

// webRelease is a release as the web REST API writes it.
type webRelease struct {
	ID          string    `json:"id"`
	Version     int       `json:"version"`
	Status      string    `json:"status"`
	Description string    `json:"description"`
	Reason      string    `json:"reason"`
	InProgress  bool      `json:"in_progress"`
	Stable      bool      `json:"stable"`
	Strategy    string    `json:"strategy"`
	User        webUser   `json:"user"`
	CreatedAt   time.Time `json:"created_at"`
	ImageRef    string    `json:"image_ref"`
}

// webUser is a user as text (an address) or as an object.
type webUser struct{ User }

func (u *webUser) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &u.Email) == nil {
		return nil
	}
	return json.Unmarshal(b, &u.User)
}

func (r webRelease) release() Release {
	return Release{
		ID: r.ID, Version: r.Version, Status: r.Status, Description: r.Description, Reason: r.Reason, Stable: r.Stable,
		InProgress: r.InProgress, ImageRef: r.ImageRef, User: r.User.User, CreatedAt: r.CreatedAt, Strategy: r.Strategy,
	}
}

func (c *Client) web(op string, act action, path ...string) request {
	return request{op: op, act: act, url: join(c.o.WebURL+"/api/v1", path), auth: Token.webAuth}
}

// WebReleases are the newest releases of an app, newest first, as the web REST API gives them: with InProgress and
// Strategy.
func (c *Client) WebReleases(ctx context.Context, app string, limit int) ([]Release, error) {
	op := "list releases of " + app
	if err := named(op, app); err != nil {
		return nil, err
	}
	var v struct {
		Releases []webRelease `json:"releases"`
	}
	r := c.web(op, action{"web-releases", app}, "apps", app, "releases")
	r.query, r.into = url.Values{"limit": {strconv.Itoa(max(1, limit))}}, &v
	if _, err := c.do(ctx, r); err != nil {
		return nil, err
	}
	out := make([]Release, len(v.Releases))
	for i, w := range v.Releases {
		out[i] = w.release()
	}
	return out, nil
}

// CurrentReleaseConfig is the fly.toml, as JSON, that the current release was made with.
func (c *Client) CurrentReleaseConfig(ctx context.Context, app string) (json.RawMessage, error) {
	op := "read the release configuration of " + app
	if err := named(op, app); err != nil {
		return nil, err
	}
	v, err := ask[struct {
		App *struct {
			Current *struct {
				Definition json.RawMessage `json:"configDefinition"`
			} `json:"currentReleaseUnprocessed"`
		} `json:"app"`
	}](ctx, c, query{
		op:   op,
		text: `query($appName: String!) { app(name: $appName) { currentReleaseUnprocessed { configDefinition } } }`,
		vars: map[string]any{"appName": app},
	})
	switch {
	case err != nil:
		return nil, err
	case v.App == nil:
		return nil, missing(op, "app "+app)
	case v.App.Current == nil || len(v.App.Current.Definition) == 0 || string(v.App.Current.Definition) == "null":
		return nil, missing(op, "a release of "+app)
	}
	return v.App.Current.Definition, nil
}

// NewRelease is a release to record. It changes no machine.
type NewRelease struct {
	App        string          `json:"app_name"`
	Image      string          `json:"image"`
	Strategy   string          `json:"strategy"`             // ROLLING, IMMEDIATE, CANARY, BLUEGREEN
	Definition json.RawMessage `json:"definition,omitempty"` // fly.toml as JSON
	BuildID    int             `json:"build_id,omitempty"`
}

// CreateRelease records a new release, in status pending.
func (c *Client) CreateRelease(ctx context.Context, n NewRelease) (Release, error) {
	op := "create a release of " + n.App
	if err := named(op, n.App, n.Image); err != nil {
		return Release{}, err
	}
	var v struct {
		Release webRelease `json:"release"`
	}
	r := c.web(op, action{"release", n.App}, "releases")
	r.method, r.writes, r.body, r.into = http.MethodPost, true, n, &v
	r.check = func() *Error {
		if v.Release.ID == "" {
			return &Error{Status: http.StatusOK, Message: "the answer has no release id", kind: ErrBadAnswer}
		}
		return nil
	}
	if _, err := c.do(ctx, r); err != nil {
		return Release{}, err
	}
	return v.Release.release(), nil
}

// PatchRelease writes the status of a release: running, complete, failed or interrupted. failure is what went wrong;
// empty: nothing.
func (c *Client) PatchRelease(ctx context.Context, id, status, failure string) error {
	op := "set release " + id + " to " + status
	if err := named(op, id, status); err != nil {
		return err
	}
	body := map[string]any{"status": status, "metadata": nil}
	if failure != "" {
		body["metadata"] = map[string]any{"post_deployment_info": map[string]string{"flyctl_version": c.o.UserAgent, "error": failure}}
	}
	r := c.web(op, action{"release", id}, "releases", id)
	r.method, r.writes, r.body = http.MethodPatch, true, body
	_, err := c.do(ctx, r)
	return err
}

// Image is an image that the platform can run.
type Image struct {
	Ref    string `json:"ref"` // repository and tag, or digest
	Digest string `json:"digest"`
}

// Image resolves a reference, as the platform's registry has it now. ErrNotFound: there is no such image.
func (c *Client) Image(ctx context.Context, app, ref string) (Image, error) {
	op := "resolve image " + ref
	if err := named(op, app, ref); err != nil {
		return Image{}, err
	}
	v, err := ask[struct {
		App *struct {
			Image *Image `json:"image"`
		} `json:"app"`
	}](ctx, c, query{
		op:   op,
		text: `query($appName: String!, $imageRef: String!) { app(name: $appName) { image(ref: $imageRef) { digest ref } } }`,
		vars: map[string]any{"appName": app, "imageRef": ref},
	})
	switch {
	case err != nil:
		return Image{}, err
	case v.App == nil:
		return Image{}, missing(op, "app "+app)
	case v.App.Image == nil || v.App.Image.Digest == "":
		return Image{}, missing(op, "image "+ref)
	}
	return *v.App.Image, nil
}
