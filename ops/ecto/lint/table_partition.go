package lint

import (
	"fmt"

	"ops-console/ops/ecto"
)

func (s *site) createPartition() {
	o := s.Op
	s.Emit(Finding{
		Table:  o.To,
		Text:   fmt.Sprintf("creating %s as a partition takes ACCESS EXCLUSIVE on %s: reads and writes of all its partitions wait for it", o.Table, o.To),
		Recipe: "create the table by itself with a check that says the bounds, then attach it, which blocks nobody",
		Code: "def up do\n" + indent(
			execute("CREATE TABLE %s (LIKE %s INCLUDING ALL)", qualified(o.Table), qualified(o.To))+"\n"+
				execute("ALTER TABLE %s ADD CONSTRAINT bounds CHECK (…)", qualified(o.Table))+"\n"+
				execute("ALTER TABLE %s ATTACH PARTITION %s FOR VALUES …", qualified(o.To), qualified(o.Table))) + "\nend",
	})
}

func (s *site) detachPartition() {
	o := s.Op
	if o.Concurrent {
		return
	}
	f := Finding{
		Text:   fmt.Sprintf("detaching %s takes ACCESS EXCLUSIVE on %s and on the partition: reads and writes wait for it", o.To, o.Table),
		Recipe: "set a lock_timeout: before PostgreSQL 14 there is no gentler way",
	}
	if s.run.target.Version >= 14 {
		f.Recipe = "detach it CONCURRENTLY, without a DDL transaction"
		f.Code = s.outside(execute("ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY", qualified(o.Table), qualified(o.To)))
	}
	s.Emit(f)
}

func (s *site) attachPartition() {
	o := s.Op
	e := s.Effect(o.To)
	if e == nil || !e.Scan {
		return
	}
	s.Emit(Finding{
		Table:  o.To,
		Text:   fmt.Sprintf("every row of %s is checked against the bounds under ACCESS EXCLUSIVE", o.To),
		Recipe: "add a check that says the bounds first, NOT VALID, and validate it: attaching then reads nothing",
		Code: migrations(
			change(executeBoth(fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT bounds CHECK (…) NOT VALID", qualified(o.To)), fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT bounds", qualified(o.To)))),
			"# the next migration\n"+validateCode(o.To, "bounds"),
			"# and then this one"),
	})
}

func (s *site) rewriteMisc() {
	o := s.Op
	f := Finding{
		Text:   fmt.Sprintf("%s writes %s again under ACCESS EXCLUSIVE: reads and writes wait until it is done", o.Expression, o.Table),
		Recipe: "do it outside of migrations, while nobody needs the table",
	}
	switch {
	case o.Expression == "VACUUM FULL" && s.InTransaction():
		f.Text = "VACUUM cannot run inside a transaction: the migration fails (25001)"
		f.Recipe = "leave VACUUM FULL out of migrations: a plain VACUUM or pg_repack blocks nobody"
	case o.Expression == "CLUSTER", o.Expression == "VACUUM FULL":
		f.Recipe = "use pg_repack, which copies the table beside its readers and writers"
	case o.Expression == "SET LOGGED", o.Expression == "SET UNLOGGED":
		f.Recipe = "say it when the table is created, or change it while nobody needs the table"
	}
	if o.Table.Name == "" {
		f.Text = fmt.Sprintf("%s without a table goes over every one, under ACCESS EXCLUSIVE each", o.Expression)
	}
	s.Emit(f)
}

func (s *site) refreshMatview() {
	o := s.Op
	if o.Concurrent {
		return
	}
	for _, before := range s.Sites[:len(s.Sites)-1] {
		if before.Op.Kind == ecto.CreateMatview && before.Op.Name == o.Name {
			return
		}
	}
	s.Emit(Finding{
		Table:  o.Name,
		Text:   fmt.Sprintf("%s is filled again under ACCESS EXCLUSIVE: its readers wait as long as its query takes", o.Name),
		Recipe: "refresh it CONCURRENTLY, which needs a unique index without WHERE on it",
		Code:   change(execute("REFRESH MATERIALIZED VIEW CONCURRENTLY %s", qualified(o.Name))),
	})
}
