package catalog

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"ops-console/ops/backup"
	"ops-console/ops/backup/store"
)

// BenchmarkList is a listing of 500 backups of a database with 200 tables, in a directory: the first, and the next ones.
func BenchmarkList(b *testing.B) {
	s, err := store.Open(b.Context(), b.TempDir(), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := range 500 {
		at := start.Add(time.Duration(i) * time.Hour)
		id, err := backup.NewID(at, nil)
		if err != nil {
			b.Fatal(err)
		}
		m := backup.Manifest{Format: backup.Format, ID: id, Source: shop, Started: at, Payload: []backup.Payload{{Key: "dump", Kind: backup.Dump, Stored: backup.StoredAs{Bytes: 4}}}}
		for n := range 200 {
			m.Tables = append(m.Tables, backup.Table{Name: fmt.Sprintf("public.table_%03d", n), Rows: int64(n) * 1000, Bytes: int64(n) * 100000})
		}
		data, err := json.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := store.Put(b.Context(), s, key(shop, id, "dump"), strings.NewReader("data"), store.PutOpt{}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.PutIfAbsent(b.Context(), key(shop, id, backup.ManifestName), data); err != nil {
			b.Fatal(err)
		}
	}
	list := func(b *testing.B, c *Catalog) {
		l, err := c.List(b.Context(), shop)
		if err != nil || len(l.Records) != 500 {
			b.Fatal(len(l.Records), err)
		}
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			list(b, New(s))
		}
	})
	b.Run("next", func(b *testing.B) {
		c := New(s)
		list(b, c)
		for b.Loop() {
			list(b, c)
		}
	})
}
