package notice

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops/backup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipes is a network of one listener in memory, so that time need not be real.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// serve answers as h does at every address until the test ends, in time that is not real.
func serve(t *testing.T, h http.HandlerFunc) *Sender {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(p) }()
	t.Cleanup(func() { _ = srv.Close() })
	return &Sender{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		a, b := net.Pipe()
		select {
		case p.conns <- b:
			return a, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

func hook(t *testing.T, address, secret string, kinds ...Kind) Hook {
	t.Helper()
	h, err := NewHook(address, secret, kinds...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAHookIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []http.Header
		var bodies [][]byte
		s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			got, bodies = append(got, r.Header), append(bodies, b)
			if r.Method != http.MethodPost || r.URL.Path != "/hooks/T0KEN" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
		})
		level := backup.Decoded
		rec := aged(t, time.Hour, backup.Verification{Level: level, OK: true})
		e := OfRecord(rec, now)
		key := []byte("a key of the receiver's")
		dd := s.Send(t.Context(), []Hook{
			hook(t, "http://hooks.internal/hooks/T0KEN", "whsec_"+base64.StdEncoding.EncodeToString(key)),
			hook(t, "http://hooks.internal/hooks/T0KEN", "", Failed),
		}, e)
		if len(dd) != 1 || dd[0] != (Delivery{To: "hooks.internal", Tries: 1, Status: 200}) {
			t.Fatalf("deliveries %+v", dd)
		}
		h, body := got[0], bodies[0]
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", h.Get("Webhook-Id"), h.Get("Webhook-Timestamp"), body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); h.Get("Webhook-Signature") != want || h.Get("Webhook-Id") != e.ID {
			t.Errorf("headers %v, want signature %s", h, want)
		}
		var fields map[string]any
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Fatal(err)
		}
		for k, want := range map[string]any{
			"event": "backup.succeeded", "app": "shop", "db": "shop_prod", "backup_id": string(rec.Manifest.ID), "reason": "schedule",
			"bytes": 5000.0, "stored_bytes": 1000.0, "level": level.String(),
		} {
			if fields[k] != want {
				t.Errorf("%s is %v, want %v", k, fields[k], want)
			}
		}
	})
}

func TestTryingAgain(t *testing.T) {
	answer := func(status ...int) func(int) (int, string) {
		return func(n int) (int, string) { return status[min(n, len(status))-1], "" }
	}
	for _, tc := range []struct {
		name   string
		answer func(n int) (status int, after string)
		want   Delivery
		ok     bool
		least  time.Duration
		most   time.Duration
	}{
		{"it comes back", answer(503, 500, 200), Delivery{Tries: 3, Status: 200}, true, 5 * time.Second, 8 * time.Second},
		{"it stays away", answer(503), Delivery{Tries: 4, Status: 503}, false, 21 * time.Second, 30 * time.Second},
		{"it refuses", answer(400), Delivery{Tries: 1, Status: 400}, false, 0, 0},
		{"it is gone", answer(410), Delivery{Tries: 1, Status: 410}, false, 0, 0},
		{"it sends elsewhere", answer(302), Delivery{Tries: 1, Status: 302}, false, 0, 0},
		{"it asks for patience", func(n int) (int, string) { return []int{429, 200}[n-1], "7" }, Delivery{Tries: 2, Status: 200}, true, 7 * time.Second, 8 * time.Second},
		{"it asks for too much", func(n int) (int, string) { return []int{429, 200}[n-1], "999999" }, Delivery{Tries: 2, Status: 200}, true, 20 * time.Second, 21 * time.Second},
		{"it does not answer", func(int) (int, string) { return 0, "" }, Delivery{Tries: 4}, false, 60 * time.Second, 75 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex // guards ids
				var ids []string
				s := serve(t, func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					ids = append(ids, r.Header.Get("Webhook-Id"))
					status, after := tc.answer(len(ids))
					mu.Unlock()
					_, _ = io.Copy(io.Discard, r.Body)
					if status == 0 {
						<-r.Context().Done()
						return
					}
					w.Header().Set("Retry-After", after)
					w.Header().Set("Location", "http://elsewhere.internal/")
					w.WriteHeader(status)
				})
				start := time.Now()
				got := s.Send(t.Context(), []Hook{hook(t, "http://10.1.2.3/s3cret/path", "k")}, OfFailure(backup.Failure{ID: idAt(t, now), Source: shop}, now))[0]
				took := time.Since(start)
				if got.Tries != tc.want.Tries || got.Status != tc.want.Status || (got.Err == nil) != tc.ok || took < tc.least || took > tc.most {
					t.Errorf("%+v after %s, want %+v after %s to %s", got, took, tc.want, tc.least, tc.most)
				}
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				if got := slices.Compact(slices.Clone(ids)); len(got) != 1 {
					t.Errorf("the same news has the ids %v", got)
				}
				if s := fmt.Sprint(got); strings.Contains(s, "s3cret") {
					t.Errorf("the address is shown: %s", s)
				}
			})
		})
	}
}

func TestGivingUpWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		d := s.Send(ctx, []Hook{hook(t, "http://localhost/", "")}, Event{Kind: Failed, ID: "x"})[0]
		if d.Err == nil || time.Since(start) != 2*time.Second {
			t.Errorf("%+v after %s", d, time.Since(start))
		}
		synctest.Wait()
	})
}

func TestHooksThatCannotBe(t *testing.T) {
	for address, want := range map[string]string{
		"":                                     "not an address",
		"hooks.example.com/s3cret":             "not an address",
		"ftp://hooks.example.com/s3cret":       "not an address",
		"https:///s3cret":                      "not an address",
		"http://hooks.example.com/s3cret":      "only https",
		"https://hooks.example.com/%zz/s3cret": "not an address",
	} {
		if _, err := NewHook(address, ""); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := NewHook("https://hooks.example.com/s3cret", "whsec_***"); err == nil || strings.Contains(err.Error(), "***") {
		t.Errorf("a secret that is no base64: %v", err)
	}
	h := hook(t, "https://user:pw@hooks.example.com/s3cret?token=t", "hunter2")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		if got := fmt.Sprintf(format, h); got != "hooks.example.com" {
			t.Errorf("%s shows %s", format, got)
		}
	}
	if got := (&Sender{}).Send(t.Context(), []Hook{{}}, Event{}); len(got) != 0 {
		t.Errorf("nobody was told: %v", got)
	}
}

func TestNoSecretIsTold(t *testing.T) {
	why := "dial postgres://u:hunter2@db/x: password=hunter2 Password: 'hunter2' token=hunter2 Authorization: Bearer hunter2 AGE-SECRET-KEY-1HUNTER2 \x1b[31mhunter"
	e := OfFailure(backup.Failure{ID: idAt(t, now), Source: shop, Why: why}, now)
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if s := strings.ToLower(string(b)); strings.Contains(s, "hunter2") || strings.Contains(s, "u001b") || !strings.Contains(s, "dial postgres") {
		t.Errorf("told: %s", b)
	}
}

func TestAFailureBeforeThereWasAnID(t *testing.T) {
	a := OfFailure(backup.Failure{Source: shop, At: now, Why: "no node"}, now)
	b := OfFailure(backup.Failure{Source: shop, At: now.Add(time.Second), Why: "no node"}, now)
	if a.ID == b.ID || a.Started != nil || a.Backup != "" {
		t.Errorf("%+v, %+v", a, b)
	}
}

func TestOverdueIsToldOnceADay(t *testing.T) {
	rr := []backup.Record{aged(t, 30*time.Hour)}
	if _, ok := OfOverdue([]backup.Record{aged(t, time.Hour)}, shop, Policy{}, now); ok {
		t.Error("an hour is too old")
	}
	var once Once
	told := 0
	for minute := range 2 * 24 * 60 {
		if e, ok := OfOverdue(rr, shop, Policy{}, now.Add(time.Duration(minute)*time.Minute)); ok && once.First(e) {
			told++
		}
	}
	if told != 3 {
		t.Errorf("told %d times in two days that touch three, want 3", told)
	}
	e, ok := OfOverdue(nil, shop, Policy{}, now)
	if !ok || e.Backup != "" || !strings.Contains(e.Text, "NO backup") {
		t.Errorf("%+v", e)
	}
}

func FuzzNewHook(f *testing.F) {
	f.Add("https://hooks.example.com/x", "whsec_aGk=")
	f.Add("http://[::1]:80/", "")
	f.Fuzz(func(t *testing.T, address, secret string) {
		h, err := NewHook(address, secret)
		if err == nil && (h.url.Scheme != "https" && !inside(h.url.Hostname()) || h.String() == "" && h.url.Hostname() != "" && strings.ContainsFunc(h.url.Hostname(), func(r rune) bool { return r > ' ' && r < 127 })) {
			t.Errorf("%q became %v", address, h)
		}
	})
}
