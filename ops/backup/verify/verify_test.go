package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ops-console/ops/backup"
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
