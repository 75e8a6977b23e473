package store_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ops-console/ops/backup/store"
	"ops-console/ops/backup/store/storetest"
)

// model is what a store should be: a map, and uploads that nobody sees.
type model struct {
	s       store.Store
	objects map[string][]byte
	uploads []pending
	n       uint64
}

type pending struct {
	up      store.Upload
	key     string
	written []byte
}

// TestAnyStoreIsAMap does anything in any order.
func TestAnyStoreIsAMap(t *testing.T) {
	t.Parallel()
	server := storetest.Server(t)
	n := 0
	for name, fresh := range map[string]func(t *rapid.T) store.Store{
		"memory":    func(*rapid.T) store.Store { return store.NewMem(nil) },
		"directory": func(*rapid.T) store.Store { return open(t, t.TempDir(), store.Options{}) },
		"bucket": func(*rapid.T) store.Store {
			n++
			return open(t, server.Address("model/"+strconv.Itoa(n)), options(server))
		},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(r *rapid.T) {
				m := &model{s: fresh(r), objects: map[string][]byte{}}
				defer m.s.Close()
				defer m.abortAll(r)
				r.Repeat(map[string]func(*rapid.T){
					"put":    m.put,
					"begin":  m.begin,
					"write":  m.write,
					"commit": m.commit,
					"abort":  m.abort,
					"delete": m.remove,
					"read":   m.read,
					"":       m.list,
				})
			})
		})
	}
}

var someKeys = rapid.SampledFrom([]string{"a", "b/c", "b-c", "b/d/e", "b/d-e", "b0"})

func (m *model) content(r *rapid.T) []byte {
	m.n++
	return storetest.Content(m.n, rapid.SampledFrom([]int{0, 1, 1000, 70_000}).Draw(r, "size"))
}

func (m *model) put(r *rapid.T) {
	key, b := someKeys.Draw(r, "key"), m.content(r)
	info, err := m.s.PutIfAbsent(background, key, b)
	m.wrote(r, key, b, info, err)
}

func (m *model) wrote(r *rapid.T, key string, b []byte, info store.Info, err error) {
	if _, taken := m.objects[key]; taken {
		if !errors.Is(err, store.ErrExists) {
			r.Fatalf("%s is taken, and it gives %v", key, err)
		}
		return
	}
	if err != nil || info.Size != int64(len(b)) {
		r.Fatalf("%s: %+v, %v", key, info, err)
	}
	m.objects[key] = b
}

func (m *model) begin(r *rapid.T) {
	if len(m.uploads) == 3 {
		r.Skip("enough")
	}
	key := someKeys.Draw(r, "key")
	u, err := m.s.Begin(background, key, store.PutOpt{})
	if err != nil {
		r.Fatal(err)
	}
	m.uploads = append(m.uploads, pending{up: u, key: key})
}

func (m *model) pick(r *rapid.T) int {
	if len(m.uploads) == 0 {
		r.Skip("none")
	}
	return rapid.IntRange(0, len(m.uploads)-1).Draw(r, "upload")
}

func (m *model) write(r *rapid.T) {
	u := &m.uploads[m.pick(r)]
	b := m.content(r)
	if n, err := u.up.Write(b); err != nil || n != len(b) {
		r.Fatalf("%d, %v", n, err)
	}
	u.written = append(u.written, b...)
}

func (m *model) commit(r *rapid.T) {
	i := m.pick(r)
	u := m.uploads[i]
	info, err := u.up.Commit(background)
	m.wrote(r, u.key, u.written, info, err)
	m.end(r, i)
}

func (m *model) abort(r *rapid.T) { m.end(r, m.pick(r)) }

func (m *model) end(r *rapid.T, i int) {
	if err := m.uploads[i].up.Abort(background); err != nil {
		r.Fatal(err)
	}
	m.uploads = slices.Delete(m.uploads, i, i+1)
}

func (m *model) abortAll(r *rapid.T) {
	for len(m.uploads) > 0 {
		m.end(r, 0)
	}
}

func (m *model) remove(r *rapid.T) {
	key := someKeys.Draw(r, "key")
	if err := m.s.Delete(background, key); err != nil {
		r.Fatal(err)
	}
	delete(m.objects, key)
}

func (m *model) read(r *rapid.T) {
	key := someKeys.Draw(r, "key")
	want, there := m.objects[key]
	off := rapid.IntRange(0, len(want)+1).Draw(r, "offset")
	body, info, err := m.s.Open(background, key, int64(off))
	if !there {
		if !errors.Is(err, store.ErrNotFound) {
			r.Fatalf("nothing is at %s, and it gives %v", key, err)
		}
		return
	}
	if err != nil {
		r.Fatal(err)
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	if err != nil || info.Size != int64(len(want)) || !bytes.Equal(got, want[min(off, len(want)):]) {
		r.Fatalf("%s from %d: %d bytes, %+v, %v", key, off, len(got), info, err)
	}
}

func (m *model) list(r *rapid.T) {
	prefix := rapid.SampledFrom([]string{"", "b", "b/", "b/d", "z"}).Draw(r, "prefix")
	var want, got []string
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		if strings.HasPrefix(key, prefix) {
			want = append(want, key)
		}
	}
	for i, err := range m.s.List(background, prefix) {
		if err != nil {
			r.Fatal(err)
		}
		if i.Size != int64(len(m.objects[i.Key])) {
			r.Fatalf("%+v has %d bytes", i, len(m.objects[i.Key]))
		}
		got = append(got, i.Key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Fatalf("under %q (-want +got):\n%s", prefix, diff)
	}
}
