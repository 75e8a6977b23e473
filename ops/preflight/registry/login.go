package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// login gets what a registry wants to be asked with: our credentials, or a token that it sends us to fetch.
func (s *session) login(ctx context.Context, asked *url.URL, challenges []string) error {
	for _, h := range challenges {
		scheme, params := challenge(h)
		switch scheme {
		case "basic":
			user, password, ok := s.credentials(ctx)
			if !ok || !private(asked) {
				return ErrDenied
			}
			s.auth = basic(user, password)
			return nil
		case "bearer":
			return s.bearer(ctx, asked, params)
		}
	}
	return ErrDenied
}

func (s *session) credentials(ctx context.Context) (user, password string, ok bool) {
	if s.c.o.Credentials == nil {
		return "", "", false
	}
	return s.c.o.Credentials(ctx, s.ref.Registry)
}

// private tells addresses that others cannot listen to: https, or this machine.
func private(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// bearer fetches a token for reading the repository. Without credentials it is one for everybody.
func (s *session) bearer(ctx context.Context, asked *url.URL, params map[string]string) error {
	realm, err := url.Parse(params["realm"])
	if err != nil || realm.Host == "" || realm.Scheme != "https" && !(realm.Scheme == asked.Scheme && realm.Hostname() == asked.Hostname()) {
		return errors.New("the registry sends us to log in at an address that is not to be trusted")
	}
	q := realm.Query()
	if v := params["service"]; v != "" {
		q.Set("service", v)
	}
	q.Set("scope", "repository:"+s.repository()+":pull")
	realm.RawQuery = q.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, realm.String(), nil)
	if err != nil {
		return errors.New("the registry sends us to log in at an address that is none")
	}
	if user, password, ok := s.credentials(ctx); ok && private(realm) {
		r.Header.Set("Authorization", basic(user, password))
	}
	resp, err := s.c.http.Do(r)
	if err != nil {
		return cause(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusBadRequest {
			return ErrDenied
		}
		return refusal(resp.StatusCode)
	}
	var v struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(&v); err != nil {
		return errors.New("what the registry's login answers is no JSON")
	}
	if v.Token == "" {
		v.Token = v.AccessToken
	}
	if v.Token == "" || strings.ContainsAny(v.Token, "\r\n") {
		return ErrDenied
	}
	s.auth = "Bearer " + v.Token
	return nil
}

// challenge reads a WWW-Authenticate header: its scheme in lower case, and its parameters.
func challenge(h string) (scheme string, params map[string]string) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(h), " ")
	params = map[string]string{}
	for rest = strings.TrimSpace(rest); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			break
		}
		value := ""
		if strings.HasPrefix(after, `"`) {
			end := strings.IndexByte(after[1:], '"')
			if end < 0 {
				break
			}
			value, rest = after[1:1+end], after[end+2:]
		} else {
			value, rest, _ = strings.Cut(after, ",")
		}
		params[strings.ToLower(strings.TrimSpace(name))] = value
		rest = strings.TrimLeft(rest, ", \t")
	}
	return strings.ToLower(scheme), params
}
