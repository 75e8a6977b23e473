package store_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/storetest"
)

// benchSize is what one iteration writes.
const benchSize = 128 * mib

// chunks are written as a compressor does.
func chunks(w io.Writer) error {
	chunk := storetest.Content(1, 128<<10)
	for range benchSize / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return err
		}
	}
	return nil
}

// peak reports by how much the memory grew that the heap has of the system.
func peak(b *testing.B) {
	b.Helper()
	held := func() float64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapSys-m.HeapReleased) / mib
	}
	debug.FreeOSMemory()
	before := held()
	b.Cleanup(func() { b.ReportMetric(held()-before, "MiB-heap") })
}

func benchmarkUpload(b *testing.B, s store.Store, expect int64) {
	b.Helper()
	b.SetBytes(benchSize)
	peak(b)
	for i := 0; b.Loop(); i++ {
		u, err := s.Begin(b.Context(), "bench/"+strconv.Itoa(i), store.PutOpt{Expect: expect})
		if err != nil {
			b.Fatal(err)
		}
		if err := chunks(u); err != nil {
			b.Fatal(err)
		}
		if _, err := u.Commit(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := s.Delete(b.Context(), "bench/"+strconv.Itoa(i)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUploadToDirectory(b *testing.B) {
	benchmarkUpload(b, open(b, b.TempDir(), store.Options{}), 0)
}

// BenchmarkUploadToBucket shares its cores with the server.
func BenchmarkUploadToBucket(b *testing.B) {
	server := storetest.Server(b)
	for _, c := range []struct {
		threads int
		expect  int64
	}{{1, 1}, {2, 1}, {2, 0}, {4, 0}} {
		b.Run(fmt.Sprintf("threads=%d/part=%dMiB", c.threads, store.SizeOfParts(c.expect, 10000)/mib), func(b *testing.B) {
			o := options(server)
			o.Threads = c.threads
			benchmarkUpload(b, open(b, server.Address("bench"), o), c.expect)
		})
	}
}

// BenchmarkUploadByTheLibrary is the same with the library's own loop, which cannot write conditionally.
func BenchmarkUploadByTheLibrary(b *testing.B) {
	server := storetest.Server(b)
	c, err := minio.New(server.Addr(), &minio.Options{
		Creds: credentials.NewStaticV4(server.Keys().Access, server.Keys().Secret, ""), Region: "us-east-1", TrailingHeaders: true,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchSize)
	peak(b)
	for b.Loop() {
		r, w := io.Pipe()
		go func() { w.CloseWithError(chunks(w)) }()
		o := minio.PutObjectOptions{PartSize: 16 * mib, NumThreads: 2, ConcurrentStreamParts: true, Checksum: minio.ChecksumCRC32C}
		if _, err := c.PutObject(b.Context(), server.Bucket(), "bench", r, -1, o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadFromBucket(b *testing.B) {
	server := storetest.Server(b)
	s := open(b, server.Address("bench"), options(server))
	if _, err := store.Put(b.Context(), s, "k", bytes.NewReader(storetest.Content(1, benchSize)), store.PutOpt{}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(benchSize)
	for b.Loop() {
		r, _, err := s.Open(b.Context(), "k", 0)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkList lists a thousand backups of four objects each.
func BenchmarkList(b *testing.B) {
	s := open(b, b.TempDir(), store.Options{})
	for i := range 1000 {
		for _, name := range []string{"dump", "globals", "manifest.json", "verify.json"} {
			if _, err := s.PutIfAbsent(b.Context(), fmt.Sprintf("app/db/2026/11/%05d/%s", i, name), nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		n := 0
		for _, err := range s.List(b.Context(), "app/db/") {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 4000 {
			b.Fatal(n)
		}
	}
}
