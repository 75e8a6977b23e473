package pgcluster

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// fudgers are where packages put the library that changes what programs think the time is.
//
// It is datefudge and not libfaketime, which tells the true time to signal handlers that interrupt a wait, and to whatever
// they fork. Servers before 16 fork most of their processes there: half of them would live half a minute after the others.
// On those before 15 the statistics would then never be new enough, and no statement timeout would end the wait for them.
var fudgers = []string{
	"/usr/lib/*/datefudge/datefudge.so",
	"/usr/lib*/datefudge/datefudge.so",
	"/usr/local/lib*/datefudge/datefudge.so",
}

// skewed is the environment of a server whose clock is ahead by d, which is whole seconds. Its monotonic clock is not.
func skewed(d time.Duration) ([]string, error) {
	if d == 0 {
		return nil, nil
	}
	if d%time.Second != 0 {
		return nil, fmt.Errorf("a clock can be ahead by whole seconds, not by %s", d)
	}
	for _, pattern := range fudgers {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			continue
		}
		return []string{"LD_PRELOAD=" + found[0], fmt.Sprintf("DATEFUDGE=%d", -d/time.Second)}, nil
	}
	return nil, errors.New("a clock that is ahead needs datefudge, which is not installed (package datefudge)")
}
