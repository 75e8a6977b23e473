package lint

import (
	"fmt"
	"slices"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/locks"
	"ops-console/ops/ecto/project"
)

func (s *site) partitioned() bool {
	t := s.Own()
	return t != nil && t.Partitioned
}

func (s *site) indexNotConcurrent() {
	e := s.Main()
	if s.Op.Concurrent || e.Mode != locks.Share || len(e.Build) == 0 || s.partitioned() {
		return
	}
	s.Emit(Finding{
		Text:   fmt.Sprintf("%s is built under a SHARE lock on %s: writes to it wait until the build is done", indexName(s.Op), s.Op.Table),
		Recipe: "build it concurrently, in a migration of its own without a transaction",
		Code:   s.concurrentIndex(),
	})
}

// indexName is index NAME, or what it is of where it has none.
func indexName(o *ecto.Operation) string {
	if o.Name.Name == "" {
		return "the index on " + o.Table.String()
	}
	return "index " + o.Name.Name
}

// concurrentIndex is the migration that builds the operation's index without locking writes out.
func (s *site) concurrentIndex() string {
	if call := indexCall(s.Op, true); call != "" {
		return s.outside("create " + call)
	}
	return ""
}

func (s *site) indexConcurrentInTx() {
	if !s.Op.Concurrent || !s.InTransaction() {
		return
	}
	s.Remark(Finding{
		Text:   concurrentWords[s.Op.Kind] + " CONCURRENTLY cannot run in a transaction: the migration fails (25001)",
		Recipe: "add @disable_ddl_transaction true to the migration",
		Code:   s.again(),
	})
}

var concurrentWords = map[ecto.Kind]string{
	ecto.CreateIndex: "CREATE INDEX", ecto.DropIndex: "DROP INDEX", ecto.Reindex: "REINDEX", ecto.DetachPartition: "DETACH PARTITION",
}

// again is the operation as it is, in a migration without a transaction.
func (s *site) again() string {
	switch sql := s.SQL(); {
	case s.Op.Kind == ecto.CreateIndex && !s.Op.Raw:
		return s.concurrentIndex()
	case s.Op.Kind == ecto.DropIndex:
		return s.concurrentDrop()
	case len(sql) == 1:
		return s.outside(executeBoth(sql[0], ""))
	}
	return ""
}

func (s *site) indexUnderMigrationLock() {
	if !s.Op.Concurrent || s.Migration.DisableMigrationLock {
		return
	}
	if l := s.Repo.Settings.Lock; l == project.AdvisoryLock || l == project.NoLock {
		return
	}
	s.Emit(Finding{
		Text: fmt.Sprintf("%s CONCURRENTLY waits for every older snapshot, and the migrator's own transaction, which locks %s, has one: "+
			"the migration hangs forever", concurrentWords[s.Op.Kind], s.versionsTable()),
		Recipe: "configure migration_lock: :pg_advisory_lock, or add @disable_migration_lock true where a single node migrates",
		Code:   fmt.Sprintf("config %s, %s, migration_lock: :pg_advisory_lock", appName(s.Repo), repoName(s.Repo)),
		Why:    []string{s.lockSetting()},
	})
}

func (p *pass) versionsTable() string {
	if t := p.Repo.Settings.Source; t != "" {
		return t
	}
	return "schema_migrations"
}

// lockSetting says which lock the migrator takes, and where that is from.
func (p *pass) lockSetting() string {
	st := p.Repo.Settings
	from := "no configuration that was read sets migration_lock"
	if st.LockFile != "" {
		from = fmt.Sprintf("set in %s:%d", st.LockFile, st.LockSet.Line)
	}
	switch st.Lock {
	case project.AdvisoryLock:
		return "the migrator takes an advisory lock: " + from
	case project.NoLock:
		return "the migrator takes no lock: " + from
	}
	return "the migrator locks its table: " + from
}

// migrationLockDisabled: the attribute switches off whatever lock is configured (Ecto.Migrator,
// conditional_lock_for_migrations).
func (p *pass) migrationLockDisabled() {
	if !p.Migration.DisableMigrationLock || len(p.Ops) == 0 || p.Down {
		return
	}
	f := Finding{
		At:     p.Attribute("disable_migration_lock"),
		Text:   "two nodes that start together both run this migration",
		Recipe: "take out the attribute and configure migration_lock: :pg_advisory_lock, or migrate from one place only",
		Code:   fmt.Sprintf("config %s, %s, migration_lock: :pg_advisory_lock", appName(p.Repo), repoName(p.Repo)),
		Why:    []string{p.lockSetting()},
	}
	reason := "nothing here needs it"
	if i := slices.IndexFunc(p.Ops, func(o ecto.Operation) bool { return o.Kind == ecto.CreateIndex && o.Concurrent }); i >= 0 {
		reason = "a concurrent build does not wait for the advisory lock that is configured"
		o := &p.Ops[i]
		f.Table = o.Table
		f.Text += fmt.Sprintf(": their builds of %s deadlock (40P01), one leaves it invalid, and the version may be recorded as done", indexName(o))
	}
	if p.Repo.Settings.Lock == project.AdvisoryLock {
		f.Recipe = "take out the attribute: " + reason
		f.Code = ""
	}
	p.Emit(f)
}

func (s *site) indexIfNotExistsInvalid() {
	o := s.Op
	if !o.Concurrent || !o.IfNotExists || s.clearedBefore() || s.asksValidity() {
		return
	}
	f := Finding{
		Text:   fmt.Sprintf("if an earlier build of %s failed, it is there but invalid: IF NOT EXISTS leaves it so and the migration succeeds", indexName(o)),
		Recipe: "drop it first with drop_if_exists …, concurrently: true; or look at pg_index.indisvalid",
	}
	if call := indexCall(o, true); call != "" {
		f.Code = s.outsideBoth([]string{"drop_if_exists " + call, "create " + call}, "drop_if_exists "+call)
	}
	if s.Live != nil {
		_, i := s.State.Index(ecto.Name{Prefix: o.Table.Prefix, Name: o.Name.Name})
		switch {
		case i != nil && i.Invalid:
			f.Severity = Error
			f.Text = fmt.Sprintf("%s is there and invalid: IF NOT EXISTS leaves it so and the migration succeeds", indexName(o))
		case i != nil && i.MadeBy == "":
			return
		}
	}
	s.Remark(f)
}

// clearedBefore says whether the migration drops an index of that name before.
func (s *site) clearedBefore() bool {
	return slices.ContainsFunc(s.Ops[:s.Index], func(o ecto.Operation) bool {
		return o.Kind == ecto.DropIndex && o.Name.Name == s.Op.Name.Name
	})
}

// asksValidity says whether the migration's SQL looks at indisvalid.
func (p *pass) asksValidity() bool {
	return slices.ContainsFunc(p.Ops, func(o ecto.Operation) bool { return strings.Contains(strings.ToLower(o.Text), "indisvalid") })
}

func (s *site) indexOnPartitioned() {
	o := s.Op
	if !s.partitioned() || o.Only {
		return
	}
	f := Finding{
		Text:   fmt.Sprintf("%s is partitioned: %s is built on it and all its partitions under SHARE locks, and writes to them wait", o.Table, indexName(o)),
		Recipe: "create it on the parent alone with only: true, build it concurrently on each partition, then ALTER INDEX … ATTACH PARTITION",
		Code:   s.partitionIndexes(),
	}
	if o.Concurrent {
		f.Severity = Error
		f.Text = fmt.Sprintf("%s is partitioned, and an index of a partitioned table cannot be built concurrently: the migration fails", o.Table)
		s.remark(never, f)
		return
	}
	s.Emit(f)
}

// partitionIndexes is the steps with which an index of a partitioned table comes without a long lock.
func (s *site) partitionIndexes() string {
	call := indexCall(s.Op, false)
	if call == "" {
		return ""
	}
	parts := []string{change("create " + strings.TrimSuffix(call, ")") + ", only: true)")}
	for _, t := range s.State.Tables() {
		if t.PartitionOf != s.Op.Table {
			continue
		}
		o := *s.Op
		o.Table, o.Name = t.Name, ecto.Name{}
		o.Name.Name = defaultIndexName(&o)
		attach := fmt.Sprintf("ALTER INDEX %s ATTACH PARTITION %s", ident(s.Op.Name.Name), ident(o.Name.Name))
		parts = append(parts, s.outside("create "+indexCall(&o, true), "execute "+elixirText(attach)))
		if len(parts) == 3 {
			parts = append(parts, "# and so on for the other partitions")
			break
		}
	}
	return migrations(parts...)
}

func (s *site) reindexNotConcurrent() {
	if s.Op.Concurrent {
		return
	}
	f := Finding{
		Text:   "REINDEX locks writes out until the index is built again, and reads that would use it",
		Recipe: "REINDEX … CONCURRENTLY, without a transaction",
	}
	if n := s.Main().Table; n.Name != "" {
		f.Text = fmt.Sprintf("REINDEX takes a SHARE lock on %s until it is built again: writes wait, and reads that would use the index", n)
	}
	if s.target.Version < 12 {
		f.Recipe = fmt.Sprintf("PostgreSQL %d has no REINDEX CONCURRENTLY: build a second index concurrently, then drop the first", s.target.Version)
	} else if sql := s.SQL(); len(sql) == 1 {
		f.Code = s.outside(executeBoth(reindexConcurrently(sql[0]), ""))
	}
	s.Emit(f)
}

// reindexConcurrently puts the word behind INDEX, TABLE, SCHEMA or DATABASE.
func reindexConcurrently(sql string) string {
	words := strings.Fields(sql)
	for i, w := range words {
		switch strings.ToUpper(w) {
		case "INDEX", "TABLE", "SCHEMA", "DATABASE":
			return strings.Join(slices.Insert(words, i+1, "CONCURRENTLY"), " ")
		}
	}
	return sql
}

func (s *site) indexTooWide() {
	if o := s.Op; !o.Unique && len(o.Columns) > 3 {
		s.Remark(Finding{
			Text:   fmt.Sprintf("%s has %d columns: those behind the third rarely narrow anything down, and each makes writes dearer", indexName(o), len(o.Columns)),
			Recipe: "keep the columns that queries are selective by, or INCLUDE the rest",
		})
	}
}
