package chaos

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEachFaultIsWhatItsNameSays sends one request through each fault to a server that says how often it was reached and
// what it got.
func TestEachFaultIsWhatItsNameSays(t *testing.T) {
	const sent, answered = "0123456789", "the answer is long enough to be cut"
	for _, c := range []struct {
		fault   Fault
		status  int    // 0: no whole answer
		body    string // that came back, beginning
		reached int32
		got     string // by the server
	}{
		{None, 200, answered, 1, sent},
		{SlowDown, 503, "<?xml", 0, ""},
		{Internal, 500, "<?xml", 0, ""},
		{TooMany, 429, "<?xml", 0, ""},
		{ErrorIn200, 200, "<?xml", 0, ""},
		{Skewed, 403, "<?xml", 0, ""},
		{Expired, 400, "<?xml", 0, ""},
		{Denied, 403, "<?xml", 0, ""},
		{Full, 507, "<?xml", 0, ""},
		{ResetBefore, 0, "", 0, ""},
		{ResetMiddle, 0, "", 0, ""},
		{ResetAfter, 0, "", 1, sent},
		{ErrorAfter, 500, "<?xml", 1, sent},
		{Stall, 200, answered, 1, sent},
		{Hang, 0, "", 0, ""},
		{HangAfter, 0, "", 1, sent},
		{Truncate, 0, answered[:len(answered)/2], 1, sent},
		{Trickle, 200, answered, 1, sent},
		{SlowRead, 200, answered, 1, sent},
		{FlipUp, 200, answered, 1, "012344" + "6789"},
		{FlipDown, 200, "the answer is lon", 1, sent},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			t.Parallel()
			var reached atomic.Int32
			got := make(chan string, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				reached.Add(1)
				b, err := io.ReadAll(r.Body)
				if err == nil {
					got <- string(b)
				}
				io.WriteString(w, answered)
			}))
			defer server.Close()
			p, err := New(strings.TrimPrefix(server.URL, "http://"), Options{Script: func(Request) Fault { return c.fault }, Pause: time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 500 * time.Millisecond}
			if c.status != 0 {
				client.Timeout = 20 * time.Second
			}
			status, body, err := post(&client, "http://"+p.Addr()+"/bucket/key?uploadId=1", sent)
			if (err == nil) != (c.status != 0) || err == nil && status != c.status {
				t.Errorf("it gives %d, %v, want %d", status, err, c.status)
			}
			if !strings.HasPrefix(body, c.body) || c.fault == Truncate && body != c.body || c.fault == FlipDown && body == answered {
				t.Errorf("what came back is %q", body)
			}
			if reached.Load() != c.reached {
				t.Errorf("the server was reached %d times, want %d", reached.Load(), c.reached)
			}
			if c.reached > 0 {
				if b := <-got; b != c.got {
					t.Errorf("the server got %q, want %q", b, c.got)
				}
			}
			if diff := cmp.Diff(map[Fault]int{c.fault: 1}, p.Counts()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func post(c *http.Client, url, body string) (int, string, error) {
	resp, err := c.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, err = io.Copy(&b, resp.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) || err == nil {
		return resp.StatusCode, b.String(), err
	}
	return 0, b.String(), err
}

func TestASeedAlwaysDecidesTheSame(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	run := func(seed uint64) (statuses []int) {
		p, err := New(strings.TrimPrefix(server.URL, "http://"), Options{Seed: seed, Rate: 0.5, Faults: []Fault{SlowDown, Internal, TooMany}})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		client := http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for range 40 {
			status, _, err := post(&client, "http://"+p.Addr()+"/", "x")
			if err != nil {
				t.Fatal(err)
			}
			statuses = append(statuses, status)
		}
		return statuses
	}
	one, two, other := run(1), run(1), run(2)
	if diff := cmp.Diff(one, two); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(one, other) {
		t.Error("two seeds decide the same")
	}
}
