package verify

import (
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ops-console/ops/backup"
	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/backup/take"
	"ops-console/ops/postgres"
)

func TestWhatARunLeavesIsProvenFromTheStoreAlone(t *testing.T) {
	c := sample.Cluster(t, nil)
	sample.Awkward(t, c.Primary(), "testdata/awkward.sql")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	to, err := stream.ParseRecipients([]string{id.Recipient().String()})
	if err != nil {
		t.Fatal(err)
	}
	s := store.NewMem(nil)
	taken, err := take.Run(t.Context(), take.Options{
		Nodes: []postgres.Node{sample.Node(t, c.Primary(), "shop")}, Store: s, Source: backup.Source{App: "shop", Database: "shop"}, Recipients: to, Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	text, _, err := store.Get(t.Context(), s, backup.Dir(taken.Source, taken.ID)+"/"+backup.ManifestName, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	m, err := backup.ParseManifest(text)
	if err != nil {
		t.Fatal(err)
	}
	for level := backup.Present; level <= backup.Restored; level++ {
		got, err := Run(t.Context(), Options{
			Store: s, Record: backup.Record{Manifest: m}, Level: level, Identities: []age.Identity{id}, Scratch: Scratch{Dir: scratchDir(t)},
			Assertions: []string{"select count(*) = 500 from customers"},
		})
		if err != nil || !got.OK {
			t.Errorf("%s: %+v, %v", level, got, err)
		}
		if level < backup.Counted {
			continue
		}
		if diff := cmp.Diff(m.Tables, got.Tables, cmpopts.SortSlices(func(a, b backup.Table) bool { return a.Name < b.Name })); diff != "" {
			t.Errorf("%s: tables (-manifest +proven):\n%s", level, diff)
		}
	}
}
