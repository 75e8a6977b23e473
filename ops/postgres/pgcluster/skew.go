package pgcluster

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// fakers are where packages put the library that changes what programs think the time is.
var fakers = []string{
	"/usr/lib/*/faketime/libfaketime.so.1",
	"/usr/lib*/faketime/libfaketime.so.1",
	"/usr/local/lib/faketime/libfaketime.so.1",
}

// skewed is the environment of a server whose clock is ahead by d.
func skewed(d time.Duration) ([]string, error) {
	if d == 0 {
		return nil, nil
	}
	for _, pattern := range fakers {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			continue
		}
		return []string{
			"LD_PRELOAD=" + found[0],
			fmt.Sprintf("FAKETIME=%+.6f", d.Seconds()),
			// Timeouts run by the other clock.
			"FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1",
			"FAKETIME_NO_CACHE=1",
			// Its shared memory stays behind when a server is killed; versions after 0.9.10 can do without.
			"FAKETIME_DISABLE_SHM=1",
		}, nil
	}
	return nil, errors.New("a clock that is ahead needs libfaketime, which is not installed (package libfaketime or faketime)")
}
