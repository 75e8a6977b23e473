//go:build unix && !linux

package pgcluster

import "os"

// temporary is where clusters are made when nobody says where.
func temporary() string { return os.TempDir() }
