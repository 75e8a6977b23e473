package ecto

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSequenceIsTheOrderOfArrival(t *testing.T) {
	op := func(kind Kind, immediate bool, callback string) Operation {
		return Operation{Kind: kind, Immediate: immediate, Callback: callback}
	}
	tests := map[string]struct{ written, want []Operation }{
		"nothing": {nil, []Operation{}},
		"calls of the repo overtake what is queued": {
			[]Operation{op(CreateTable, false, ""), op(Update, true, ""), op(DropTable, false, ""), op(Delete, true, "")},
			[]Operation{op(Update, true, ""), op(Delete, true, ""), op(CreateTable, false, ""), op(DropTable, false, "")},
		},
		"a flush sends what was queued before it": {
			[]Operation{op(CreateTable, false, ""), op(Flush, true, ""), op(Update, true, ""), op(DropTable, false, "")},
			[]Operation{op(CreateTable, false, ""), op(Flush, true, ""), op(Update, true, ""), op(DropTable, false, "")},
		},
		"callbacks are flushed by themselves": {
			[]Operation{op(Set, false, "after_begin"), op(CreateTable, false, ""), op(Update, true, ""), op(Select, false, "before_commit"), op(Delete, true, "before_commit")},
			[]Operation{op(Set, false, "after_begin"), op(Update, true, ""), op(CreateTable, false, ""), op(Delete, true, "before_commit"), op(Select, false, "before_commit")},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, Sequence(tt.written)); d != "" {
				t.Error(d)
			}
		})
	}
}
