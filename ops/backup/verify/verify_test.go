package verify

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/backup"
	"ops-console/ops/backup/sample"
	"ops-console/ops/backup/store"
)

func TestAGoodBackupHoldsAtEveryLevel(t *testing.T) {
	l := newLab(t)
	for level := backup.Present; level <= backup.Restored; level++ {
		for _, jobs := range []int{1, 2} {
			if jobs > 1 && level != backup.Restored {
				continue
			}
			o, _ := l.options(t, level)
			o.Scratch.Jobs = jobs
			o.Assertions = []string{"select count(*) = 500 from customers", "select true"}
			steps := map[Step]bool{}
			o.Progress = func(p Progress) { steps[p.Step] = true }
			got, err := Run(t.Context(), o)
			if err != nil {
				t.Fatalf("%s: %v", level, err)
			}
			if !got.OK || got.Failure != "" || got.Level != level || got.ID != l.Manifest.ID || got.At.IsZero() || got.By != "test" {
				t.Fatalf("%s: %+v", level, got)
			}
			var tables []backup.Table
			if level >= backup.Counted {
				tables = l.Manifest.Tables
			}
			if diff := cmp.Diff(tables, got.Tables); diff != "" {
				t.Errorf("%s: tables (-want +got):\n%s", level, diff)
			}
			if level == backup.Restored {
				if diff := cmp.Diff(o.Assertions, got.Asserted); diff != "" {
					t.Error(diff)
				}
			}
			want := map[backup.Level][]Step{
				backup.Present: {Looking}, backup.Decoded: {Looking, Reading}, backup.Counted: {Looking, Reading},
				backup.Restored: {Looking, Reading, Starting, Restoring, Comparing, Asserting, Destroying},
			}[level]
			for _, s := range want {
				if !steps[s] {
					t.Errorf("%s: step %s was not told", level, s)
				}
			}
		}
	}
}

func TestWithoutTheRolesBesideItThoseOfTheDumpAreMade(t *testing.T) {
	l := newLab(t)
	o, _ := l.options(t, backup.Restored)
	o.Record.Manifest.Payload = o.Record.Manifest.Payload[:1]
	if got, err := Run(t.Context(), o); err != nil || !got.OK {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestADumpOfINSERTsIsCountedInTheServerAlone(t *testing.T) {
	c := sample.Cluster(t, nil)
	sample.Awkward(t, c.Primary(), "testdata/awkward.sql")
	d := sample.Take(t, sample.Node(t, c.Primary(), "shop"), "shop", "--inserts")
	s := store.NewMem(nil)
	o := Options{Store: s, Record: d.Stored(t, s), Level: backup.Counted, Scratch: Scratch{Dir: scratchDir(t)}}
	if got, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "verify it to the level restored") {
		t.Errorf("counted: %+v, %v", got, err)
	}
	o.Level = backup.Restored
	got, err := Run(t.Context(), o)
	if err != nil || !got.OK {
		t.Fatalf("restored: %+v, %v", got, err)
	}
	for _, table := range got.Tables {
		if table.Name == "public.customers" && table.Rows != 500 || table.Rows < 0 {
			t.Errorf("%+v", table)
		}
	}
}
