package lint

import "ops-console/ops/ecto"

// transactionRules are those about transactions and the time that locks are waited for.
var transactionRules = []rule{
	{
		Rule: Rule{ID: "missing-lock-timeout", Title: "a lock is waited for without end while others queue behind", Severity: Warning, Group: "transactions"},
		file: (*pass).missingLockTimeout,
	},
	{
		Rule:  Rule{ID: "lock-timeout-leak", Title: "a timeout stays on the connection for what comes after", Severity: Warning, Group: "transactions"},
		kinds: []ecto.Kind{ecto.Set}, each: (*site).timeoutLeak,
	},
	{
		Rule:  Rule{ID: "lock-timeout-with-concurrently", Title: "a timeout can end a concurrent build and leave an invalid index", Severity: Warning, Group: "transactions"},
		eases: inUse, kinds: []ecto.Kind{ecto.CreateIndex, ecto.Reindex}, each: (*site).timeoutWithConcurrently,
	},
	{
		Rule: Rule{ID: "after-begin-ignored", Title: "a callback of the transaction is never called", Severity: Warning, Group: "transactions"},
		file: (*pass).callbackIgnored,
	},
	{
		Rule:  Rule{ID: "work-after-exclusive-lock", Title: "long work while an exclusive lock is held", Severity: Warning, Group: "transactions"},
		eases: inUse, file: (*pass).workAfterLock,
	},
	{
		Rule:  Rule{ID: "backfill-in-ddl-tx", Title: "rows are changed in the transaction that changes their table", Severity: Error, Group: "data"},
		eases: bySize, file: (*pass).backfill,
	},
}
