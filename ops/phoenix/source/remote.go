package source

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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ops-console/ops/plaintext"
)

// fetched is the reference that a fetched repository's commit has in the cache.
const fetched = "refs/heads/snapshot"

// stamp is the file beside a fetched snapshot that says what it is.
const stamp = "ops-console.json"

type stamped struct {
	URL    string // without user and password
	SHA256 string // of an archive
	At     time.Time
}

// remote opens a repository by its URL: one commit of it, fetched into the cache and asked for again after MaxAge.
func (s *Snapshot) remote(ctx context.Context, url, name, ref string) (store, string, error) {
	sum := sha256.Sum256([]byte(url + "#" + ref))
	dir, note, err := s.repository(ctx, "git-"+hex.EncodeToString(sum[:]), url, ref)
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", name, err)
	}
	st, err := openGit(ctx, dir, name, fetched)
	return st, note, err
}

// repository gives the one in the cache with what url has at ref.
func (s *Snapshot) repository(ctx context.Context, entry, url, ref string) (dir, note string, err error) {
	c := s.options.Cache
	if c == nil || c.Dir == "" {
		return "", "", errors.New("it needs the cache, which is off")
	}
	dir = filepath.Join(c.Dir, "snapshots", entry)
	was, have := readStamp(dir)
	if have {
		_, err := git(ctx, gitReads, dir, nil, "rev-parse", "--verify", "--quiet", fetched+"^{tree}")
		have = err == nil
	}
	local := filepath.IsAbs(url) // a bundle, and named after its content: it does not age
	if have && (local || s.options.now().Sub(was.At) < s.options.maxAge()) {
		touch(dir)
		return dir, "", nil
	}
	work, remove, err := c.temp("git")
	if err != nil {
		return "", "", err
	}
	defer remove()
	err = fetchInto(ctx, work, url, ref, local)
	if err != nil {
		if have && ctx.Err() == nil {
			return dir, fmt.Sprintf("the snapshot could not be refreshed, this is its state of %s: %v", was.At.UTC().Format(time.DateOnly), err), nil
		}
		return "", "", err
	}
	if err := writeStamp(work, stamped{URL: redact(url), At: s.options.now()}); err != nil {
		return "", "", err
	}
	if err := swap(work, dir); err != nil {
		return "", "", err
	}
	return dir, trimmed(c), nil
}

func fetchInto(ctx context.Context, dir, url, ref string, bundle bool) error {
	if _, err := git(ctx, gitReads, "", nil, "init", "--bare", "--quiet", "--", dir); err != nil {
		return err
	}
	if ref == "" {
		ref = "HEAD"
		if bundle {
			var err error
			if ref, err = headOf(ctx, dir, url); err != nil {
				return err
			}
		}
	}
	if !refName(ref) {
		return fmt.Errorf("%.80q is no name of a branch, tag or commit", ref)
	}
	args := []string{"fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"}
	if !bundle {
		args = append(args, "--depth=1")
	}
	_, err := git(ctx, gitFetches, dir, nil, append(args, "--", url, "+"+ref+":"+fetched)...)
	return err
}

// headOf is the reference of a bundle to read, where none is asked for.
func headOf(ctx context.Context, dir, bundle string) (string, error) {
	out, err := git(ctx, gitReads, dir, nil, "bundle", "list-heads", "--", bundle)
	if err != nil {
		return "", err
	}
	var refs []string
	for line := range strings.Lines(string(out)) {
		if _, ref, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			refs = append(refs, ref)
		}
	}
	for _, want := range []string{"HEAD", "refs/heads/main", "refs/heads/master"} {
		if slices.Contains(refs, want) {
			return want, nil
		}
	}
	if len(refs) != 1 {
		return "", fmt.Errorf("it has %d references and none is called HEAD, main or master: name one behind #", len(refs))
	}
	return refs[0], nil
}

func refName(ref string) bool {
	return ref != "" && ref[0] != '-' && ref[0] != '+' && !strings.ContainsAny(ref, " :^~?*[\\\x7f") && !strings.Contains(ref, "..") &&
		!strings.ContainsFunc(ref, func(r rune) bool { return r < ' ' })
}

// pin is how a URL of an archive says which content is expected.
const pin = "sha256="

// downloads is how long an archive may take.
const downloads = 5 * time.Minute

// download gives the archive in the cache that a URL has.
func (s *Snapshot) download(ctx context.Context, url, ref string) (path, note string, err error) {
	c := s.options.Cache
	name := redact(url)
	if c == nil || c.Dir == "" {
		return "", "", fmt.Errorf("fetch %s: it needs the cache, which is off", name)
	}
	want, _ := strings.CutPrefix(ref, pin)
	sum := sha256.Sum256([]byte(url))
	dir := filepath.Join(c.Dir, "snapshots", "url-"+hex.EncodeToString(sum[:]))
	path = filepath.Join(dir, "archive")
	was, have := readStamp(dir)
	if have {
		is, err := hashFile(path)
		have = err == nil && is == was.SHA256 && (want == "" || strings.EqualFold(is, want))
	}
	// An archive whose content is pinned does not age.
	if have && (want != "" || s.options.now().Sub(was.At) < s.options.maxAge()) {
		touch(dir)
		return path, "", nil
	}
	work, remove, err := c.temp("download")
	if err != nil {
		return "", "", err
	}
	defer remove()
	is, err := s.fetchTo(ctx, filepath.Join(work, "archive"), url)
	if err == nil && want != "" && !strings.EqualFold(is, want) {
		err = fmt.Errorf("its SHA-256 is %s, not %s as is asked for", is, want)
	}
	if err != nil {
		if have && ctx.Err() == nil {
			return path, fmt.Sprintf("the snapshot could not be refreshed, this is its state of %s: %v", was.At.UTC().Format(time.DateOnly), err), nil
		}
		return "", "", fmt.Errorf("fetch %s: %w", name, err)
	}
	if err := writeStamp(work, stamped{URL: name, SHA256: is, At: s.options.now()}); err != nil {
		return "", "", err
	}
	if err := swap(work, dir); err != nil {
		return "", "", err
	}
	return path, trimmed(c), nil
}

func (s *Snapshot) fetchTo(ctx context.Context, path, url string) (sum string, err error) {
	ctx, cancel := context.WithTimeout(ctx, downloads)
	defer cancel()
	ctx, stalled := context.WithCancelCause(ctx)
	defer stalled(nil)
	patience := s.options.stall()
	timer := time.AfterFunc(patience, func() { stalled(fmt.Errorf("the server sent nothing for %s", patience)) })
	defer timer.Stop()
	body, err := request(ctx, s.options.client(), url, "")
	if err != nil {
		return "", inTime(ctx, downloads, err)
	}
	defer body.Close()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(&watched{body, timer, patience}, maxDownloaded+1))
	if err == nil && n > maxDownloaded {
		err = fmt.Errorf("it is larger than %d MB", maxDownloaded>>20)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return hex.EncodeToString(h.Sum(nil)), inTime(ctx, downloads, err)
}

// statusError is an answer other than 200.
type statusError struct {
	code   int
	status string
}

func (e *statusError) Error() string { return "the server answers " + e.status }

// request asks for a URL; the body is the caller's to close.
func request(ctx context.Context, client *http.Client, at, accept string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL", redact(at))
	}
	req.Header.Set("User-Agent", "ops-console")
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := client.Do(req)
	if err != nil {
		var u *url.Error // it repeats the URL, which the caller says anyway
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, errors.New(plaintext.Line(redactAll(err.Error()), 300))
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, &statusError{resp.StatusCode, plaintext.Line(resp.Status, 80)}
	}
	return resp.Body, nil
}

// get asks for a URL and gives its body, of at most a size, within a time.
func get(ctx context.Context, client *http.Client, url, accept string, limit int64, within time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	body, err := request(ctx, client, url, accept)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", redact(url), inTime(ctx, within, err))
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", redact(url), inTime(ctx, within, err))
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("ask %s: the answer is larger than %d kB", redact(url), limit>>10)
	}
	return data, nil
}

// inTime says an error by the deadline that it came of.
func inTime(ctx context.Context, within time.Duration, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s: %w", within, context.DeadlineExceeded)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// watched puts a timer off while something comes.
type watched struct {
	io.Reader
	timer *time.Timer
	by    time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.timer.Reset(w.by)
	}
	return n, err
}

// trimmed is a note where the cache could not be brought within its bound, which is no reason to do without what was fetched.
func trimmed(c *Cache) string {
	if err := c.Trim(time.Now()); err != nil {
		return err.Error()
	}
	return ""
}

func readStamp(dir string) (s stamped, ok bool) {
	text, err := readFile(filepath.Join(dir, stamp), 64<<10)
	return s, err == nil && json.Unmarshal(text, &s) == nil
}

func writeStamp(dir string, s stamped) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, stamp), text, 0o600)
}

// swap puts a finished directory where another may be. Between the two steps there is none, which counts as missing.
func swap(work, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Rename(work, dir); err != nil {
		if _, there := readStamp(dir); there {
			return nil // another process was first, with the same
		}
		return err
	}
	return nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
