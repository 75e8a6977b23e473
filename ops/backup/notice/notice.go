// Package notice tells others how the backups are: by webhooks, and as problems for the overview. It decides nothing and
// keeps nothing up: a backup does not fail because nobody could be told.
//
// A notice never holds a secret, and the address it goes to is never shown but for its host, since who knows it may write
// there.
package notice

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ops-console/ops/backup"
	"ops-console/ops/plaintext"
)

// Kind is what a notice is about.
type Kind string

// What there is to tell.
const (
	Succeeded Kind = "backup.succeeded"
	Failed    Kind = "backup.failed"
	Late      Kind = "backup.overdue"
)

// Event is what is told, and the body of the request. Fields that do not apply are left out.
type Event struct {
	Kind     Kind      `json:"event"`
	ID       string    `json:"id"` // the same for the same news, however often it is told and by whom
	At       time.Time `json:"at"`
	App      string    `json:"app"`
	Database string    `json:"db"`

	Backup   backup.ID     `json:"backup_id,omitempty"` // of overdue: the newest there is
	Reason   backup.Reason `json:"reason,omitempty"`
	Remote   string        `json:"remote,omitempty"`
	Started  *time.Time    `json:"started,omitempty"`
	Finished *time.Time    `json:"finished,omitempty"`
	Bytes    int64         `json:"bytes,omitempty"`        // as pg_dump wrote them
	Stored   int64         `json:"stored_bytes,omitempty"` // as they lie in the store
	Level    *backup.Level `json:"level,omitempty"`        // to which it is proven
	Why      string        `json:"why,omitempty"`
	Age      int64         `json:"age_seconds,omitempty"`   // of overdue
	Limit    int64         `json:"limit_seconds,omitempty"` // of overdue

	Text string `json:"text"` // all of it in a line, as chats show it
}

// OfRecord is the news of a backup that was taken.
func OfRecord(r backup.Record, now time.Time) Event {
	m := r.Manifest
	e := Event{
		Kind: Succeeded, ID: "succeeded-" + string(m.ID), At: now, App: m.App, Database: m.Database, Backup: m.ID, Reason: m.Reason, Remote: m.Remote,
		Started: &m.Started, Finished: &m.Finished, Stored: m.Stored(),
	}
	if d, ok := m.Dump(); ok {
		e.Bytes = d.Raw.Bytes
	}
	if v, ok := r.Proven(); ok {
		e.Level = &v.Level
	}
	e.Text = fmt.Sprintf("Backup of %s/%s taken: %s, %d bytes stored, in %s.", m.App, m.Database, m.ID, e.Stored, short(m.Finished.Sub(m.Started)))
	return e.cleaned()
}

// OfFailure is the news of a run that came to nothing. One that failed before it had an ID is known by its time.
func OfFailure(f backup.Failure, now time.Time) Event {
	e := Event{
		Kind: Failed, ID: "failed-" + string(f.ID), At: now, App: f.App, Database: f.Database, Backup: f.ID, Reason: f.Reason, Remote: f.Remote,
		Finished: &f.At, Why: f.Why, Text: fmt.Sprintf("Backup of %s/%s FAILED: %s", f.App, f.Database, f.Why),
	}
	if started := f.ID.Time(); !started.IsZero() {
		e.Started = &started
	} else {
		e.ID = fmt.Sprintf("failed-%s-%s-%d", f.App, f.Database, f.At.UnixMilli())
	}
	return e.cleaned()
}

// OfOverdue is the news that the newest backup is older than wanted, where it is. Of a day there is one such news for each
// backup that stays the newest, whoever finds out.
func OfOverdue(records []backup.Record, s backup.Source, p Policy, now time.Time) (Event, bool) {
	newest, age, overdue := Overdue(records, p, now)
	if !overdue {
		return Event{}, false
	}
	e := Event{
		Kind: Late, At: now, App: s.App, Database: s.Database, Backup: newest.Manifest.ID,
		Age: int64(age / time.Second), Limit: int64(p.maxAge() / time.Second),
		ID:   fmt.Sprintf("overdue-%s-%s-%s-%s", s.App, s.Database, newest.Manifest.ID, now.UTC().Format("2006-01-02")),
		Text: fmt.Sprintf("Backup of %s/%s is OVERDUE: the newest is %s old, %s is wanted.", s.App, s.Database, short(age), short(p.maxAge())),
	}
	if newest.Manifest.ID == "" {
		e.Text = fmt.Sprintf("There is NO backup of %s/%s.", s.App, s.Database)
	}
	return e.cleaned(), true
}

// secret is what looks like a password in a text of others: in a URL, a connection string, a header.
var secret = regexp.MustCompile(`(?i)(://[^/@\s:]*:)[^/@\s]+@|\b(password|passwd|secret|token|authorization)(\s*[=:]\s*)(bearer\s+)?('[^']*'|"[^"]*"|\S+)|age-secret-key-\S+`)

// clean makes a text of others fit to be sent and shown: one line, no control characters, nothing that looks like a secret.
func clean(s string) string {
	return plaintext.Line(secret.ReplaceAllString(s, "[secret]"), 1000)
}

func (e Event) cleaned() Event {
	e.ID, e.Why, e.Text = clean(e.ID), clean(e.Why), clean(e.Text)
	e.App, e.Database, e.Remote = clean(e.App), clean(e.Database), clean(e.Remote)
	return e
}

// Hook is an address that is told. It never shows itself but for its host.
type Hook struct {
	url    *url.URL
	secret []byte
	kinds  []Kind
}

// NewHook reads the address of a webhook: https, or http within the machine or the private network. The secret signs what is
// sent, as the convention of Standard Webhooks has it: base64 after "whsec_", or any text; empty: unsigned. Without kinds it
// is told everything.
func NewHook(address, secret string, kinds ...Kind) (Hook, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return Hook{}, errNoURL // its text would show the address
	}
	switch {
	case u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return Hook{}, errNoURL
	case u.Scheme == "http" && !inside(u.Hostname()):
		return Hook{}, fmt.Errorf("webhook at %s: only https is sent over the Internet", plaintext.Line(u.Hostname(), 100))
	}
	h := Hook{url: u, secret: []byte(secret), kinds: kinds}
	if rest, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if h.secret, err = base64.StdEncoding.DecodeString(rest); err != nil {
			return Hook{}, fmt.Errorf("webhook at %s: the secret is no base64 after whsec_", h)
		}
	}
	return h, nil
}

// inside says whether a host is this machine or in a private network.
func inside(host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback() || a.IsPrivate()
	}
	return host == "localhost" || strings.HasSuffix(host, ".internal") || strings.HasSuffix(host, ".flycast")
}

// String is the host alone.
func (h Hook) String() string {
	if h.url == nil {
		return ""
	}
	return plaintext.Line(h.url.Hostname(), 100)
}

// GoString is String.
func (h Hook) GoString() string { return h.String() }

// Format writes String, whatever the verb.
func (h Hook) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, h.String()) }

func (h Hook) wants(k Kind) bool { return len(h.kinds) == 0 || slices.Contains(h.kinds, k) }

// Once knows what was told, so that a process that looks every minute does not tell the same every minute. The zero value
// knows nothing. It is safe for concurrent use.
type Once struct {
	mu   sync.Mutex // guards told
	told map[string]bool
}

// First says whether the news is new, and remembers it.
func (o *Once) First(e Event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.told[e.ID] {
		return false
	}
	if o.told == nil {
		o.told = map[string]bool{}
	}
	o.told[e.ID] = true
	return true
}

// Sender sends notices. The zero value is good.
type Sender struct {
	// Dial replaces the machine's own network, for addresses in the private one.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Agent is the User-Agent; empty: ops-console.
	Agent string
	// Try bounds one attempt, 0: ten seconds. There are at most four for a hook, over about half a minute.
	Try time.Duration
}

// Delivery is what became of a notice to one hook.
type Delivery struct {
	To     string // the host
	Tries  int
	Status int   // of the last answer; 0: there was none
	Err    error // nil: it was taken
}

const (
	attempts   = 4
	firstPause = time.Second      // four times as long after each
	maxPause   = 20 * time.Second // also where the other side asks for more
)

// Send tells an event to every hook that wants it, all at once, and returns when each took it or was given up.
func (s *Sender) Send(ctx context.Context, hooks []Hook, e Event) []Delivery {
	body, err := json.Marshal(e)
	var g errgroup.Group
	wanted := slices.DeleteFunc(slices.Clone(hooks), func(h Hook) bool { return h.url == nil || !h.wants(e.Kind) })
	out := make([]Delivery, len(wanted))
	for i, h := range wanted {
		out[i] = Delivery{To: h.String(), Err: err}
		if err != nil {
			continue
		}
		g.Go(func() error {
			out[i] = s.deliver(ctx, h, e.ID, body)
			return nil
		})
	}
	_ = g.Wait() // each delivery has its own error
	return out
}

func (s *Sender) deliver(ctx context.Context, h Hook, id string, body []byte) Delivery {
	d := Delivery{To: h.String()}
	tr := &http.Transport{DialContext: s.Dial, DisableKeepAlives: true}
	if s.Dial == nil {
		tr.Proxy = http.ProxyFromEnvironment
	}
	defer tr.CloseIdleConnections()
	client := &http.Client{
		Transport: tr, Timeout: s.Try,
		// What is meant for one host is not taken to another.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if client.Timeout <= 0 {
		client.Timeout = 10 * time.Second
	}
	wait := firstPause
	for {
		d.Tries++
		var after time.Duration
		var again bool
		d.Status, after, again, d.Err = s.once(ctx, client, h, id, body)
		if d.Err == nil || !again || d.Tries == attempts {
			return d
		}
		t := time.NewTimer(min(maxPause, max(after, wait+rand.N(wait/2))))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return d
		}
		wait *= 4
	}
}

// once sends it a single time, and says whether trying again could help.
func (s *Sender) once(ctx context.Context, c *http.Client, h Hook, id string, body []byte) (status int, after time.Duration, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url.String(), bytes.NewReader(body))
	if err != nil {
		return 0, 0, false, fmt.Errorf("webhook at %s: %w", h, errNoURL)
	}
	agent := s.Agent
	if agent == "" {
		agent = "ops-console"
	}
	req.Header.Set("User-Agent", agent)
	req.Header.Set("Content-Type", "application/json")
	h.sign(req.Header, id, time.Now(), body)
	res, err := c.Do(req)
	if err != nil {
		return 0, 0, ctx.Err() == nil, fmt.Errorf("webhook at %s: %w", h, withoutURL(err))
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // what it says is of no use to us
	if res.StatusCode/100 == 2 {
		return res.StatusCode, 0, false, nil
	}
	if n, convErr := strconv.Atoi(res.Header.Get("Retry-After")); convErr == nil && n > 0 {
		after = time.Duration(min(n, 3600)) * time.Second
	}
	again = res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusRequestTimeout
	return res.StatusCode, after, again, fmt.Errorf("webhook at %s: answered %d %s", h, res.StatusCode, http.StatusText(res.StatusCode))
}

// withoutURL is a client's error without the address, which may be a secret itself.
func withoutURL(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// sign writes the headers of Standard Webhooks: id, time, and the HMAC-SHA256 of "id.time.body". The id is the same at every
// try, so that who is told twice can tell.
func (h Hook) sign(to http.Header, id string, now time.Time, body []byte) {
	at := strconv.FormatInt(now.Unix(), 10)
	to.Set("Webhook-Id", id)
	to.Set("Webhook-Timestamp", at)
	if len(h.secret) == 0 {
		return
	}
	mac := hmac.New(sha256.New, h.secret)
	fmt.Fprintf(mac, "%s.%s.", id, at)
	mac.Write(body)
	to.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
