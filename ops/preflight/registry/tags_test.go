package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tagged serves pages of tags, each with its Link header, beneath /v2/shop/tags/list.
func tagged(t *testing.T, pages map[string][2]string) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != "hush" {
			w.Header().Set("WWW-Authenticate", `Basic realm="reg"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		page, ok := pages[r.URL.Query().Get("last")]
		if !ok || r.URL.Path != "/v2/shop/tags/list" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if page[1] != "" {
			w.Header().Set("Link", page[1])
		}
		fmt.Fprint(w, page[0])
	}))
	t.Cleanup(s.Close)
	return New(Options{Base: map[string]string{"registry.example.com": s.URL}, Credentials: func(context.Context, string) (string, string, bool) {
		return "x", "hush", true
	}})
}

func TestTagsComeFromAllPagesHighestFirst(t *testing.T) {
	c := tagged(t, map[string][2]string{
		"":    {`{"name":"shop","tags":["v9","v10","bad tag","v41","\u001b[31m"]}`, `</v2/shop/tags/list?last=v41>; rel="next"`},
		"v41": {`{"name":"shop","tags":["v41","v100"]}`, ""},
	})
	got, err := c.Tags(t.Context(), ref(t, ":v1"))
	if diff := cmp.Diff([]string{"v100", "v41", "v10", "v9"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestTagsThatCannotBeRead(t *testing.T) {
	for _, tc := range []struct {
		name, body, link, contains string
		is                         error
	}{
		{name: "a page", body: "<html>", contains: "is this a registry"},
		{name: "another host", body: `{"tags":["a"]}`, link: `<https://example.net/v2/shop/tags/list?last=a>; rel="next"`, contains: "is not followed"},
		{name: "no repository", is: ErrNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pages := map[string][2]string{"": {tc.body, tc.link}}
			if tc.is != nil {
				pages = nil
			}
			_, err := tagged(t, pages).Tags(t.Context(), ref(t, ""))
			if err == nil || tc.is != nil && !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.contains) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestARegistryThatNeverEnds(t *testing.T) {
	c := tagged(t, map[string][2]string{"": {`{"tags":["a","b"]}`, `</v2/shop/tags/list>; rel="next"`}})
	got, err := c.Tags(t.Context(), ref(t, ""))
	if diff := cmp.Diff([]string{"b", "a"}, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestTagsAreOrderedAsTheyWereMade(t *testing.T) {
	for _, want := range [][]string{
		{"v9", "v10", "v100"},
		{"deployment-41", "deployment-42", "deployment-42-crash"},
		{"deployment-01J10XAAAAAAAAAAAAAAAAAAAA", "deployment-01J9XXAAAAAAAAAAAAAAAAAAAA", "deployment-01JA0XAAAAAAAAAAAAAAAAAAAA"},
		{"2026-02-09", "2026-02-10", "2026-11-01"},
		{"1.9.0", "1.10.0-beta.2", "1.10.0-rc1", "1.10.0-rc2", "1.10.0", "1.10.0-record"},
		{"v42-rc1", "v42", "v42-hotfix", "v43-dev", "v43"},
		{"", "a"},
	} {
		got := slices.Clone(want)
		slices.Reverse(got)
		slices.SortFunc(got, CompareTags)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzCompareTags(f *testing.F) {
	f.Add("v9", "v10", "v9-rc1")
	f.Add("v1", "v1-hotfix", "v1-rc")
	f.Add("deployment-01J10XAAAAAAAAAAAAAAAAAAAA", "deployment-01J9XXAAAAAAAAAAAAAAAAAAAA", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		x, y := CompareTags(a, b), CompareTags(b, a)
		if x != -y || (x == 0) != (a == b) {
			t.Errorf("%q against %q is %d, and %d the other way round", a, b, x, y)
		}
		if x < 0 && CompareTags(b, c) < 0 && CompareTags(a, c) >= 0 {
			t.Errorf("%q is before %q, which is before %q, and not before that", a, b, c)
		}
	})
}
