package sixpn

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"ops-console/ops/fly/flysim/platform"
)

// behave answers what comes to a listener as the instance of the connection does.
func behave(site *Site) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(connKey{}).(*conn)
		if !ok {
			http.Error(w, "no such instance", http.StatusBadGateway)
			return
		}
		respond(site, c.service, *c.host.inst.Load(), w, r)
	}
}

// respond answers as the instance's Behaviour says, and otherwise as the service or the site does.
func respond(site *Site, s Service, i platform.Instance, w http.ResponseWriter, r *http.Request) {
	b := i.Behaviour
	if b.Hang || b.Silent {
		<-r.Context().Done()
		return
	}
	wait := b.Delay
	if wait > 0 {
		wait += rand.N(b.Delay/4 + 1) // no way is equally long twice
	}
	status := 0
	if s.HTTP == nil && r.URL.Path != HealthPath && !strings.HasPrefix(r.URL.Path, HealthPath+"/") {
		var late time.Duration
		status, late = b.Answer(rand.IntN)
		wait += late
	}
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case s.HTTP != nil:
		s.HTTP(w, r, i)
	case b.Hostile:
		serveHostile(w, r)
	case status != 0:
		http.Error(w, http.StatusText(status), status)
	default:
		site.serve(w, r, i)
	}
}

// Visit has an instance of the site answer a request as it comes from the platform's proxy, which is in front of it and not in
// the private network. ok is false where ctx ended before there was an answer.
func (h *Hosts) Visit(ctx context.Context, i platform.Instance, path string) (status int, took time.Duration, ok bool) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+i.App+".fly.dev"+path, http.NoBody)
	if err != nil {
		return 0, 0, false
	}
	began, v := time.Now(), visitor{header: http.Header{}, status: http.StatusOK}
	respond(h.site, Service{}, i, &v, r)
	return v.status, time.Since(began), ctx.Err() == nil
}

// visitor is a ResponseWriter that keeps the status only.
type visitor struct {
	header http.Header
	status int
}

func (v *visitor) Header() http.Header         { return v.header }
func (v *visitor) WriteHeader(status int)      { v.status = status }
func (v *visitor) Write(b []byte) (int, error) { return len(b), nil }
