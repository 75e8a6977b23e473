package lint

import (
	"fmt"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
)

// indexRules are those about indexes.
var indexRules = []rule{
	{
		Rule:  Rule{ID: "index-not-concurrent", Title: "an index is built while writes wait", Severity: Error, Group: "indexes"},
		eases: bySize, kinds: []ecto.Kind{ecto.CreateIndex}, each: (*site).indexNotConcurrent,
	},
	{
		Rule:  Rule{ID: "index-concurrent-in-tx", Title: "an index cannot be built concurrently in a transaction", Severity: Error, Group: "indexes"},
		kinds: []ecto.Kind{ecto.CreateIndex, ecto.DropIndex, ecto.Reindex}, each: (*site).indexConcurrentInTx,
	},
}

func (s *site) indexNotConcurrent() {
	e := s.Main()
	if s.Op.Concurrent || e.Mode != locks.Share || len(e.Build) == 0 {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("building index %s takes a SHARE lock on %s: writes wait until it is built", s.Op.Name.Name, s.Op.Table),
		Recipe: "build it with concurrently: true in a migration of its own, without a DDL transaction",
	})
}

func (s *site) indexConcurrentInTx() {
	if !s.Op.Concurrent || !s.InTransaction() {
		return
	}
	s.Emit(Finding{
		Text:   "CONCURRENTLY cannot run inside a transaction: the migration fails (25001)",
		Recipe: "add @disable_ddl_transaction true to the migration",
	})
}
