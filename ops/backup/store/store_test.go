package store_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/s3server"
	"ops-console/ops/backup/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMem(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return store.NewMem(nil) })
}

func TestDir(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir(), store.Options{}) })
}

func TestS3(t *testing.T) {
	server := storetest.Server(t)
	var n atomic.Int64
	for _, settings := range []string{"&checksum=full", "&checksum=parts", "&checksum=none"} {
		t.Run(settings[1:], func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store {
				address := server.Address("run/" + strconv.FormatInt(n.Add(1), 10))
				return open(t, address+settings, options(server))
			})
		})
	}
}

// options are for a test's server: nothing takes long there.
func options(s *s3server.Server) store.Options {
	return store.Options{
		Keys: store.StaticKeys(s.Keys()), Wait: time.Millisecond, Patience: 5 * time.Second,
		Timeout: 5 * time.Second, Stall: 5 * time.Second,
	}
}

func open(t testing.TB, address string, o store.Options) store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
