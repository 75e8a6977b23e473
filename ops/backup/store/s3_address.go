package store

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7/pkg/s3utils"
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
	header         [2]string
}

// s3Kind is how a store differs from Amazon's, as far as it is documented.
type s3Kind struct {
	suffix      string // of the host
	region      string
	maxParts    int
	checksum    string
	conditional bool
	header      [2]string // for each request; empty: none
}

var amazon = s3Kind{region: "us-east-1", maxParts: 10000, checksum: "full", conditional: true}

var s3Kinds = []s3Kind{
	{suffix: ".scw.cloud", region: amazon.region, maxParts: 1000, checksum: "full", conditional: true},
	{suffix: ".r2.cloudflarestorage.com", region: "auto", maxParts: 10000, checksum: "parts", conditional: true},
	{suffix: ".backblazeb2.com", region: amazon.region, maxParts: 10000, checksum: "none", conditional: false},
	// It has copies in many regions, and asks the one that leads only when told to.
	{suffix: ".tigris.dev", region: "auto", maxParts: 10000, checksum: "full", conditional: true, header: [2]string{"X-Tigris-Consistent", "true"}},
	{suffix: ".storage.dev", region: "auto", maxParts: 10000, checksum: "full", conditional: true, header: [2]string{"X-Tigris-Consistent", "true"}},
}

func kindOf(endpoint string) s3Kind {
	host := endpoint
	if h, _, err := net.SplitHostPort(endpoint); err == nil {
		host = h
	}
	for _, k := range s3Kinds {
		if strings.HasSuffix(host, k.suffix) {
			return k
		}
	}
	return amazon
}

func parseS3(address string) (s3Address, error) {
	var a s3Address
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
	if err := s3utils.CheckValidBucketName(a.bucket); err != nil {
		return a, badAddress(strings.ToLower(err.Error()))
	}
	if a.prefix != "" {
		if err := CheckKey(a.prefix); err != nil || len(a.prefix) > 200 {
			return a, badAddress("its prefix cannot be used")
		}
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return a, badAddress("what follows ? is not name=value&…")
	}
	a.endpoint, a.secure = "s3.amazonaws.com", true
	if e, ok := q["endpoint"]; ok {
		if why := setEndpoint(&a, e[0]); why != "" || len(e) != 1 {
			return a, badAddress("endpoint " + why)
		}
	}
	k := kindOf(a.endpoint)
	a.region, a.maxParts, a.checksum, a.conditional, a.header = k.region, k.maxParts, k.checksum, k.conditional, k.header
	for name, values := range q {
		set, ok := s3Settings[name]
		if !ok || len(values) != 1 {
			return a, badAddress("of what follows ?, it may have endpoint, region, style, max_parts, checksum and conditional, each once")
		}
		if why := set(&a, values[0]); why != "" {
			return a, badAddress(name + " " + why)
		}
	}
	return a, nil
}

func setEndpoint(a *s3Address, v string) string {
	if !strings.Contains(v, "://") {
		v = "https://" + v
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "is https://HOST or https://HOST:PORT"
	}
	a.endpoint, a.secure = u.Host, u.Scheme == "https"
	return ""
}

// s3Settings set what an address may say; each gives what is wrong, or nothing.
var s3Settings = map[string]func(a *s3Address, v string) string{
	"endpoint": setEndpoint,
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
	k := kindOf(a.endpoint)
	set("region", a.region, k.region)
	set("style", a.style, "")
	set("max_parts", strconv.Itoa(a.maxParts), strconv.Itoa(k.maxParts))
	set("checksum", a.checksum, k.checksum)
	set("conditional", yesNo(a.conditional), yesNo(k.conditional))
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

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
