package store_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/storetest"
)

// answering opens a bucket of a server that a test plays.
func answering(t *testing.T, address string, h http.HandlerFunc) store.Store {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return open(t, address, store.Options{
		Keys: store.StaticKeys(store.Keys{Access: "access", Secret: "secret-key"}), Wait: time.Millisecond, Patience: time.Millisecond, Timeout: 5 * time.Second,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		},
	})
}

// TestWhatAnswersMean plays answers that the real server does not give.
func TestWhatAnswersMean(t *testing.T) {
	t.Parallel()
	xml := func(code, more string) string {
		return `<?xml version="1.0"?><Error><Code>` + code + `</Code><Message>what they say</Message>` + more + `</Error>`
	}
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   error
		tries  int
		says   []string
	}{
		{"another region", 400, xml("AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>"), store.ErrConfig, 1, []string{"Say region=eu-west-1"}},
		{"another endpoint", 301, xml("PermanentRedirect", ""), store.ErrConfig, 1, []string{"endpoint"}},
		{"https wanted", 308, "<html>over there</html>", store.ErrConfig, 1, []string{"https"}},
		{"wrong secret", 403, xml("SignatureDoesNotMatch", ""), store.ErrDenied, 1, []string{"what they say", "The secret key is not that"}},
		{"no rights", 403, "", store.ErrDenied, 1, []string{"Check the keys"}},
		{"quota", 403, xml("QuotaExceeded", ""), store.ErrFull, 1, []string{"Make room"}},
		{"disk", 507, xml("", ""), store.ErrFull, 1, []string{"Make room"}},
		{"no conditions", 501, xml("NotImplemented", ""), store.ErrUnsupported, 1, []string{"conditional=no"}},
		{"no checksums", 400, xml("InvalidArgument", ""), nil, 1, []string{"checksum=none"}},
		{"nobody knows", 418, xml("Teapot", ""), nil, 1, []string{"what they say (Teapot, HTTP 418)"}},
		{"not an answer of S3", 404, "<html>no such page</html>", store.ErrConfig, 1, []string{"404", "Check the endpoint"}},
		{"a code that is not known", 404, xml("NoSuchTenant", ""), nil, 1, []string{"NoSuchTenant"}},
		{"a gateway", 502, "<html>bad gateway</html>", store.ErrUnavailable, 3, []string{"HTTP 502", "tried 3 times"}},
		{"too many", 429, "", store.ErrUnavailable, 3, []string{"HTTP 429"}},
		{"a conflict", 409, xml("ConditionalRequestConflict", ""), store.ErrUnavailable, 3, []string{"ConditionalRequestConflict"}},
		{"damaged on the way", 400, xml("BadDigest", ""), store.ErrCorrupt, 3, []string{"BadDigest"}},
		{"escape sequences", 403, "<Error><Code>AccessDenied</Code><Message>red \u009b31m\u202e text</Message></Error>", store.ErrDenied, 1, []string{"red"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := answering(t, "s3://bkt/p?endpoint=http://s3.example.com&style=path", func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				if r.Method != http.MethodPut { // whatever is asked afterwards
					w.WriteHeader(http.StatusNotFound)
					return
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			_, err := s.PutIfAbsent(t.Context(), "k", []byte("content"))
			var e *store.Error
			if !errors.As(err, &e) {
				t.Fatalf("it gives %v", err)
			}
			if c.kind != nil && !errors.Is(err, c.kind) || c.kind == nil && e.Kind != nil || e.Tries != c.tries {
				t.Errorf("it gives %v, kind %v, tried %d times", err, e.Kind, e.Tries)
			}
			for _, want := range append(c.says, "write k in s3://bkt/p at s3.example.com: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it does not say %q: %v", want, err)
				}
			}
			if strings.ContainsAny(err.Error(), "\u009b\u202e\n") || strings.Contains(err.Error(), "secret-key") {
				t.Errorf("that is not to be shown: %q", err)
			}
		})
	}
}

// TestHowRequestsAreMade looks at the addresses and headers of requests.
func TestHowRequestsAreMade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ settings, host, path, header string }{
		{"?endpoint=http://s3.example.com&style=path", "s3.example.com", "/bucket/p/a/k", ""},
		{"?endpoint=http://s3.example.com:9000", "s3.example.com:9000", "/bucket/p/a/k", ""},
		{"?endpoint=http://s3.example.com&style=host", "bucket.s3.example.com", "/p/a/k", ""},
		{"?endpoint=http://fly.storage.tigris.dev", "fly.storage.tigris.dev", "/bucket/p/a/k", "true"},
	} {
		var got *http.Request
		s := answering(t, "s3://bucket/p"+c.settings, func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			got = r
		})
		if _, err := s.PutIfAbsent(t.Context(), "a/k", []byte("content")); err != nil {
			t.Fatal(err)
		}
		if got.Host != c.host || got.URL.Path != c.path || got.Header.Get("X-Tigris-Consistent") != c.header {
			t.Errorf("%s: to %s%s with %v", c.settings, got.Host, got.URL.Path, got.Header)
		}
		if got.Header.Get("If-None-Match") != "*" || got.Header.Get("X-Amz-Content-Sha256") != storetest.Sum([]byte("content")) || got.Header.Get("X-Amz-Checksum-Crc32c") == "" {
			t.Errorf("%s: with %v", c.settings, got.Header)
		}
	}
}

// TestARetryAfterIsKept has a server that wants to be left alone for a second.
func TestARetryAfterIsKept(t *testing.T) {
	t.Parallel()
	var at []time.Time
	s := answering(t, "s3://bkt?endpoint=http://s3.example.com&style=path", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if at = append(at, time.Now()); len(at) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	if _, err := s.PutIfAbsent(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	if len(at) != 2 || at[1].Sub(at[0]) < time.Second {
		t.Errorf("it was asked at %v", at)
	}
}

// TestWhatTheStoreHasIsComparedWithWhatWasSent plays stores that keep something else than they got.
func TestWhatTheStoreHasIsComparedWithWhatWasSent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, size, sum, nonce string
		kind                   error
	}{
		{"the same", "7", "", "", nil},
		{"another size", "6", "", "", store.ErrCorrupt},
		{"another sum", "7", "AAAAAA==", "", store.ErrCorrupt},
		{"another's", "7", "", "another", store.ErrCorrupt},
	} {
		nonce := ""
		s := answering(t, "s3://bkt?endpoint=http://s3.example.com&style=path", func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			switch r.Method {
			case http.MethodPut:
				nonce = r.Header.Get("X-Amz-Meta-Ops-Write")
			case http.MethodHead:
				w.Header().Set("Content-Length", c.size)
				w.Header().Set("Last-Modified", "Sat, 21 Nov 2026 00:00:00 GMT")
				w.Header().Set("X-Amz-Meta-Ops-Write", nonce+c.nonce)
				if c.sum != "" {
					w.Header().Set("X-Amz-Checksum-Crc32c", c.sum)
				}
			}
		})
		if _, err := upload(t.Context(), s, "k", []byte("content"), part); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestABodyThatWasTakenBackIsNotRead for its buffer holds the next part by then.
func TestABodyThatWasTakenBackIsNotRead(t *testing.T) {
	t.Parallel()
	s := answering(t, "s3://bkt?endpoint=http://s3.example.com", func(http.ResponseWriter, *http.Request) {})
	buf := []byte("first part")
	var late io.Reader
	if err := store.Send(s, buf, func(r io.Reader) error {
		late = r
		_, err := io.ReadFull(r, make([]byte, 5))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	copy(buf, "other part")
	if n, err := late.Read(make([]byte, 5)); n != 0 || !errors.Is(err, net.ErrClosed) {
		t.Errorf("%d bytes are read: %v", n, err)
	}
}
