package sixpn

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/fly/flysim/platform"
)

//go:embed site/*.tmpl
var templates embed.FS

// ReleaseHeader is the response header in which an instance names its release.
const ReleaseHeader = "x-release"

// HealthPath is the path of the platform's check.
const HealthPath = "/health"

// AgreePaths are pages that are the same on every instance that serves the same edition.
func AgreePaths() []string {
	return []string{"/", "/feed", "/episodes/the-long-tail-of-latency", "/news"}
}

// Site is the application that the instances run: a made-up podcast, rendered the way Phoenix does it, with parts that
// differ at every request and content that differs between editions only.
type Site struct {
	pages *template.Template
	epoch time.Time // when the current edition was published
	now   func() time.Time
}

// NewSite is the site whose current edition was published at epoch.
func NewSite(epoch time.Time, now func() time.Time) *Site {
	return &Site{
		pages: template.Must(template.ParseFS(templates, "site/*.tmpl")),
		epoch: epoch.UTC().Truncate(time.Second),
		now:   now,
	}
}

// page is what the templates see. All but the last block is the same for every request of an edition.
type page struct {
	Title    string
	Episodes []episode
	Episode  episode
	Edition  string
	Digest   string // of the assets
	Modified time.Time

	CSRF, Session, Static, Nonce, LiveID, RequestID string
	Rendered                                        time.Time
	Instance                                        platform.Instance
}

// routes are the pages by path; the rest is 404. The one without a template is made by feed.
var routes = map[string]struct{ template, kind, title string }{
	"/":     {"home.tmpl", "text/html; charset=utf-8", "Changelog"},
	"/news": {"news.tmpl", "text/html; charset=utf-8", "News"},
	"/feed": {"", "application/rss+xml; charset=utf-8", "Changelog"},
}

func (s *Site) serve(w http.ResponseWriter, r *http.Request, i platform.Instance) {
	id := strings.ToLower(rand.Text())[:20]
	h := w.Header()
	h.Set("server", "Cowboy")
	h.Set("x-request-id", id)
	h.Set(ReleaseHeader, strconv.Itoa(i.Release))
	h.Set("fly-machine-id", i.ID)
	h.Set("fly-region", i.Region)
	if r.URL.Path == HealthPath || strings.HasPrefix(r.URL.Path, HealthPath+"/") {
		s.health(w, r, i)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("allow", "GET, HEAD")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	p := s.page(i)
	p.RequestID = id
	route, ok := routes[r.URL.Path]
	if slug, found := strings.CutPrefix(r.URL.Path, "/episodes/"); found {
		for _, e := range p.Episodes {
			if e.Slug == slug {
				route, ok = routes["/"], true
				route.template, route.title = "episode.tmpl", e.Title
				p.Episode = e
			}
		}
	}
	if !ok {
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	p.Title = route.title
	tag := `W/"` + digest(r.URL.Path, p.Edition)[:16] + `"`
	h.Set("content-type", route.kind)
	h.Set("cache-control", "max-age=0, private, must-revalidate")
	h.Set("etag", tag)
	h.Set("last-modified", p.Modified.Format(http.TimeFormat))
	h.Set("vary", "accept-encoding")
	if r.Header.Get("if-none-match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body, err := s.render(route.template, p)
	if err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	h.Set("content-length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

func (s *Site) render(name string, p page) ([]byte, error) {
	if name == "" {
		return feed(p)
	}
	var b bytes.Buffer
	err := s.pages.ExecuteTemplate(&b, name, p)
	return b.Bytes(), err
}

// page is the edition that i serves, with fresh volatile parts.
func (s *Site) page(i platform.Instance) page {
	shown, modified := editionOf(i.Behaviour.Content, s.epoch)
	edition := i.Behaviour.Content
	if edition == "" {
		edition = "current"
	}
	return page{
		Episodes: shown,
		Edition:  edition,
		Digest:   digest("assets")[:32],
		Modified: modified,
		CSRF:     rand.Text() + rand.Text()[:14],
		Session:  "SFMyNTY." + rand.Text() + rand.Text() + "." + rand.Text(),
		Static:   "SFMyNTY." + rand.Text() + "." + rand.Text(),
		Nonce:    rand.Text()[:22],
		LiveID:   "phx-" + rand.Text()[:16],
		Rendered: s.now().UTC(),
		Instance: i,
	}
}

// health is what the platform's check and the console's probe ask for.
func (s *Site) health(w http.ResponseWriter, r *http.Request, i platform.Instance) {
	status := i.Behaviour.Health
	if status == 0 {
		status = http.StatusOK
	}
	answer := map[string]any{"status": "ok", "release": i.Release, "region": i.Region, "machine": i.ID, "database": "ok"}
	if status >= 400 {
		answer["status"], answer["database"] = "error", "connection not available and request was dropped from queue after 4000ms"
	}
	w.Header().Set("cache-control", "no-store")
	if strings.HasPrefix(r.Header.Get("accept"), "text/plain") {
		w.Header().Set("content-type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer["status"].(string) + "\n"))
		return
	}
	w.Header().Set("content-type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
