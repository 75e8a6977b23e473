package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Bounds of Tags: of pages that are asked for, and of tags that are kept.
const (
	maxPages = 20
	maxTags  = 10_000
)

// Tags lists the tags of the repository that ref is in, as CompareTags orders them, the highest first. A registry says
// nothing of when a tag was pushed. Tags that are no tags by the specification are left out. Errors are those of Image.
func (c *Client) Tags(ctx context.Context, ref Ref) ([]string, error) {
	s := &session{c: c, ref: ref}
	var tags []string
	next := s.base() + "/v2/" + s.repository() + "/tags/list"
	for page := 0; next != "" && page < maxPages && len(tags) < maxTags; page++ {
		tt, more, err := s.page(ctx, next)
		if err != nil {
			return nil, fmt.Errorf("ask the registry for the tags of %s/%s: %w", ref.Registry, ref.Repository, err)
		}
		for _, t := range tt {
			if tagForm.MatchString(t) {
				tags = append(tags, t)
			}
		}
		next = more
	}
	slices.SortFunc(tags, func(a, b string) int { return CompareTags(b, a) })
	return slices.Compact(tags[:min(len(tags), maxTags)]), nil
}

// page reads one page of tags, and says where the next one is; empty: it was the last.
func (s *session) page(ctx context.Context, address string) (tags []string, next string, err error) {
	resp, err := s.get(ctx, address)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("the answer broke off: %w", cause(err))
	case len(body) > maxDocument:
		return nil, "", fmt.Errorf("the answer is longer than %d MB", maxDocument>>20)
	}
	var v struct {
		Tags []string `json:"tags"`
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, "", errors.New("the answer is no JSON: is this a registry?")
	}
	next, err = follow(resp.Request.URL, resp.Header)
	return v.Tags, next, err
}

// follow is the address that a Link header gives for the next page (RFC 8288). It stays on the registry: credentials go with it.
func follow(asked *url.URL, h http.Header) (string, error) {
	for _, link := range h.Values("Link") {
		target, params, ok := strings.Cut(link, ">")
		target, bracket := strings.CutPrefix(strings.TrimSpace(target), "<")
		if !ok || !bracket || !strings.Contains(strings.ReplaceAll(params, `"`, ""), "rel=next") {
			continue
		}
		u, err := asked.Parse(target)
		if err != nil || u.Scheme != asked.Scheme || u.Host != asked.Host {
			return "", errors.New("the registry says that more tags are elsewhere, which is not followed")
		}
		return u.String(), nil
	}
	return "", nil
}

// CompareTags orders tags as people count: runs of digits by their value, all else by byte, and what comes before a release
// (v42-rc1) before it. Tags that are made of a number, a date or a ULID come in the order in which they were made.
func CompareTags(a, b string) int {
	for a != "" || b != "" {
		x, y := chunk(a), chunk(b)
		a, b = a[len(x):], b[len(y):]
		if c := cmp.Compare(rank(x), rank(y)); c != 0 {
			return c
		}
		if number(x) && number(y) {
			n, m := strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if c := cmp.Or(cmp.Compare(len(n), len(m)), strings.Compare(n, m)); c != 0 {
				return c
			}
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// early is what the names of what comes before a release begin with (https://semver.org, 9).
var early = regexp.MustCompile(`^[-._+~](?i:alpha|beta|dev|pre|rc)(?:[^A-Za-z]|$)`)

// rank of a chunk: what comes before a release, its end, what comes after it.
func rank(chunk string) int {
	switch {
	case chunk == "":
		return 1
	case early.MatchString(chunk):
		return 0
	}
	return 2
}

// ulid is what sorts by the time at which it was made only as a whole.
var ulid = regexp.MustCompile(`^[0-7][0-9A-HJKMNP-TV-Z]{25}(?:[^0-9A-Za-z]|$)`)

const ulidLen = 26

// chunk is what s begins with: a ULID, or as many digits, or characters that are none, as follow each other.
func chunk(s string) string {
	if ulid.MatchString(s) {
		return s[:ulidLen]
	}
	for i := 1; i < len(s); i++ {
		if digit(s[i]) != digit(s[0]) {
			return s[:i]
		}
	}
	return s
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func number(chunk string) bool {
	return chunk != "" && digit(chunk[0]) && digit(chunk[len(chunk)-1]) && len(chunk) != ulidLen
}
