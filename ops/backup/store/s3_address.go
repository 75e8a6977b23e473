package store

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// s3Address is what an s3:// address says.
type s3Address struct {
	bucket, prefix string // prefix without slashes around it; may be empty
	endpoint       string // host, and port where it is said
	secure         bool
	region         string
	style          string // path, host, or empty
	maxParts       int
	checksum       string // full, parts, none
	conditional    bool
}

// knownMaxParts are stores that take fewer parts than Amazon's 10000, by the end of their host.
var knownMaxParts = []struct {
	suffix string
	parts  int
}{
	{".scw.cloud", 1000},
}

func parseS3(address string) (s3Address, error) {
	a := s3Address{maxParts: 10000, checksum: "full", conditional: true}
	u, err := url.Parse(address)
	if err != nil {
		return a, badAddress("it is no URL: s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME")
	}
	if u.User != nil {
		return a, badAddress("keys do not belong into it")
	}
	if u.Host == "" || u.Fragment != "" || u.Opaque != "" || strings.ContainsAny(u.Host, ":/ ") {
		return a, badAddress("it wants a bucket: s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME")
	}
	a.bucket, a.prefix = u.Host, strings.Trim(u.Path, "/")
	if a.prefix != "" {
		if err := CheckKey(a.prefix); err != nil || len(a.prefix) > 200 {
			return a, badAddress("its prefix cannot be used")
		}
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return a, badAddress("what follows ? is not name=value&…")
	}
	for name, values := range q {
		set, ok := s3Settings[name]
		if !ok || len(values) != 1 {
			return a, badAddress("of what follows ?, it may have endpoint, region, style, max_parts, checksum and conditional, each once")
		}
		if why := set(&a, values[0]); why != "" {
			return a, badAddress(name + " " + why)
		}
	}
	if a.endpoint == "" {
		a.endpoint, a.secure = "s3.amazonaws.com", true
	}
	if a.region == "" {
		a.region = "us-east-1"
	}
	if !q.Has("max_parts") {
		for _, k := range knownMaxParts {
			if host, _, _ := strings.Cut(a.endpoint, ":"); strings.HasSuffix(host, k.suffix) {
				a.maxParts = k.parts
			}
		}
	}
	return a, nil
}

// s3Settings set what an address may say; each gives what is wrong, or nothing.
var s3Settings = map[string]func(a *s3Address, v string) string{
	"endpoint": func(a *s3Address, v string) string {
		if !strings.Contains(v, "://") {
			v = "https://" + v
		}
		u, err := url.Parse(v)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return "is https://HOST or https://HOST:PORT"
		}
		a.endpoint, a.secure = u.Host, u.Scheme == "https"
		return ""
	},
	"region": func(a *s3Address, v string) string {
		if v == "" || strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return "is a name like eu-central-1, or auto"
		}
		a.region = v
		return ""
	},
	"style": func(a *s3Address, v string) string {
		a.style = v
		return oneOf(v, "path", "host")
	},
	"max_parts": func(a *s3Address, v string) string {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 10000 {
			return "is a number from 1 to 10000"
		}
		a.maxParts = n
		return ""
	},
	"checksum": func(a *s3Address, v string) string {
		a.checksum = v
		return oneOf(v, "full", "parts", "none")
	},
	"conditional": func(a *s3Address, v string) string {
		a.conditional = v == "yes"
		return oneOf(v, "yes", "no")
	},
}

func oneOf(v string, words ...string) string {
	if slices.Contains(words, v) {
		return ""
	}
	return "is one of " + strings.Join(words, ", ")
}

// String is the address as Open takes it, with what differs from the defaults.
func (a s3Address) String() string {
	q := url.Values{}
	set := func(name, value, def string) {
		if value != def {
			q.Set(name, value)
		}
	}
	scheme := "https"
	if !a.secure {
		scheme = "http"
	}
	set("endpoint", scheme+"://"+a.endpoint, "https://s3.amazonaws.com")
	set("region", a.region, "us-east-1")
	set("style", a.style, "")
	set("max_parts", strconv.Itoa(a.maxParts), "10000")
	set("checksum", a.checksum, "full")
	if !a.conditional {
		q.Set("conditional", "no")
	}
	u := url.URL{Scheme: "s3", Host: a.bucket, RawQuery: q.Encode()}
	if a.prefix != "" {
		u.Path = "/" + a.prefix
	}
	return u.String()
}

// short is the address as errors name it.
func (a s3Address) short() string {
	s := "s3://" + a.bucket
	if a.prefix != "" {
		s += "/" + a.prefix
	}
	return s + " at " + a.endpoint
}
