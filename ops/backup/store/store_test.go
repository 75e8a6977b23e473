package store_test

import (
	"flag"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/s3server"
	"ops-console/ops/backup/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		die(dir)
	}
	flag.Parse()
	// Most tests wait for what does not come.
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

func TestMem(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return store.NewMem(nil) })
}

func TestDir(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir(), store.Options{}) })
}

func TestS3(t *testing.T) {
	server := storetest.Server(t)
	var n atomic.Int64
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, server.Address("run/"+strconv.FormatInt(n.Add(1), 10)), options(server))
	})
}

// TestChecksumSettings are for stores that do not know what Amazon's does.
func TestChecksumSettings(t *testing.T) {
	server := storetest.Server(t)
	for _, setting := range []string{"full", "parts", "none"} {
		s := open(t, server.Address(setting)+"&checksum="+setting, options(server))
		for _, size := range []int{0, 1, part, 2*part + 1} {
			key, content := strconv.Itoa(size), storetest.Content(1, size)
			info, err := upload(t.Context(), s, key, content, part)
			if err != nil {
				t.Fatal(err)
			}
			if info.Confirmed != (setting != "none") {
				t.Errorf("checksum=%s, %d bytes: confirmed: %v", setting, size, info.Confirmed)
			}
			st, err := s.Stat(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			// A sum of sums is not one of the whole.
			if whole := setting == "full" || setting == "parts" && size <= part; whole != (st.CRC32C != "") || whole && st.CRC32C != info.CRC32C {
				t.Errorf("checksum=%s, %d bytes: Stat gives the sum %q, Commit %q", setting, size, st.CRC32C, info.CRC32C)
			}
			if storetest.Sum(get(t, s, key)) != storetest.Sum(content) {
				t.Error("something else came back")
			}
		}
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
