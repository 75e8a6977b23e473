package store

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Options are how a store is reached. The zero value is of use for a directory; a bucket wants Keys.
type Options struct {
	Keys KeySource // of a bucket

	// Dial makes every connection; nil: the system's, and the proxy that the environment names.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	TLS  *tls.Config // nil: the system's roots

	// Create makes the bucket or the directory where it is not there. Without it, one that is missing is an error: a
	// misspelt name, or a disk that is not mounted.
	Create bool

	Rate    int64 // bytes a second at most that are sent; 0: as fast as it goes
	Threads int   // parts under way at once; 0: 2
	// Memory is how many bytes the parts under way of one upload may take together; 0: 256 MiB. A single part may be larger.
	Memory int64

	// Timeout is how long a request may take that carries little; 0: 30 s. Committing an upload may take ten times as
	// long, for a store puts the parts together.
	Timeout time.Duration
	// Stall is how long a transfer may bring next to nothing before it is given up; 0: 30 s.
	Stall time.Duration
	// Patience is how long a request is tried again; 0: 2 min. A VPN that is joined again takes a while.
	Patience time.Duration
	// Wait is how long the first pause before trying again is, about; 0: 250 ms. Each is twice the one before, 10 s at most.
	Wait time.Duration
	// OnRetry is told before each pause. It may be called by several goroutines at once.
	OnRetry func(Retry)

	Now  func() time.Time // nil: the system's clock; for files, and for what to say of a clock that is wrong
	Rand io.Reader        // nil: crypto/rand; tells an upload from another's of the same name
}

// Retry is a request that is tried again.
type Retry struct {
	Op   string // "send part 3 of"
	Key  string
	Try  int // that failed, from 1
	Wait time.Duration
	Err  error
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&o.Timeout, 30 * time.Second}, {&o.Stall, 30 * time.Second}, {&o.Patience, 2 * time.Minute}, {&o.Wait, 250 * time.Millisecond}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if o.Threads <= 0 {
		o.Threads = 2
	}
	if o.Memory <= 0 {
		o.Memory = 256 << 20
	}
	if o.OnRetry == nil {
		o.OnRetry = func(Retry) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return o
}

// Open gives the store of an address: a directory's path, file:///DIR, or
//
//	s3://BUCKET/PREFIX?endpoint=https://HOST&region=NAME
//
// where these may follow too, for stores that are not like Amazon's. What is documented of Backblaze B2, Cloudflare R2,
// Scaleway and Tigris is known by the endpoint.
//
//	style=path|host            how the bucket is named: in the path, or in front of the host (default: host for Amazon)
//	max_parts=N                parts that an object may have (default 10000)
//	checksum=full|parts|none   CRC-32C of the whole, of the parts only, or none but the signature's SHA-256 (default full)
//	conditional=yes|no         whether the store knows If-None-Match; if not, of two that write one key at the same moment
//	                           the later wins (default yes)
//
// No request is made but with Options.Create.
func Open(ctx context.Context, address string, o Options) (Store, error) {
	o = o.withDefaults()
	scheme, _, ok := strings.Cut(address, "://")
	switch {
	case ok && scheme == "s3":
		a, err := parseS3(address)
		if err != nil {
			return nil, err
		}
		return openS3(ctx, a, o)
	case ok && scheme == "file":
		u, err := url.Parse(address)
		if err != nil || u.Host != "" && u.Host != "localhost" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path == "" {
			return nil, badAddress("a directory is written file:///DIR")
		}
		return openDir(u.Path, o)
	case ok:
		return nil, badAddress("it begins with neither s3:// nor file://, and is no path")
	case address == "":
		return nil, badAddress("it is empty")
	}
	dir, err := filepath.Abs(address)
	if err != nil {
		return nil, badAddress(err.Error())
	}
	return openDir(dir, o)
}

// badAddress never quotes the address: it may hold what somebody took for the place of keys.
func badAddress(why string) error {
	return &Error{Op: "open the store", Kind: ErrConfig, Text: "its address: " + why}
}
