package archive

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRolesOfGrantsAndPolicies(t *testing.T) {
	c := &Contents{Entries: []Entry{
		{Desc: "TABLE", Owner: "shop", Definition: "CREATE TABLE t (a text DEFAULT 'GRANT x TO nobody');"},
		{Desc: "ACL", Owner: "shop", Definition: "REVOKE ALL ON TABLE public.t FROM shop;\nGRANT SELECT ON TABLE public.\"a TO b\" TO \"Report Reader\";\nGRANT ALL ON FUNCTION f(a text DEFAULT 'x TO y') TO PUBLIC;\nSET SESSION AUTHORIZATION granter;\nGRANT SELECT(a) ON TABLE t TO deep WITH GRANT OPTION;\nRESET SESSION AUTHORIZATION;"},
		{Desc: "DEFAULT ACL", Owner: "shop", Definition: "ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES  TO reader;"},
		{Desc: "POLICY", Owner: "shop", Definition: `CREATE POLICY p ON public.t TO a, "b c" USING ((owner IN ( SELECT x.y FROM x)));`},
		{Desc: "POLICY", Definition: `CREATE POLICY p ON public.t USING (true);`},
	}}
	want := []string{"Report Reader", "a", "b c", "deep", "granter", "maker", "reader", "shop"}
	if diff := cmp.Diff(want, c.Roles()); diff != "" {
		t.Error(diff)
	}
}

func TestSettingsOfADatabaseAreThoseOfAnother(t *testing.T) {
	c := &Contents{Database: "shop", Entries: []Entry{
		{Desc: "DATABASE", Definition: "CREATE DATABASE shop;"},
		{Desc: "DATABASE PROPERTIES", Definition: "ALTER DATABASE shop CONNECTION LIMIT = 5;\nALTER DATABASE \"shop\" SET x TO 'DATABASE shop; ''';\nALTER ROLE r IN DATABASE shop SET work_mem TO '5MB';\nUPDATE pg_catalog.pg_database SET datistemplate = false;\n"},
		{Desc: "ACL", Tag: "DATABASE shop", Definition: "GRANT CREATE ON DATABASE shop TO shop;"},
		{Desc: "ACL", Tag: "TABLE shop", Definition: "GRANT SELECT ON TABLE shop TO shop;"},
	}}
	run, skipped := c.OfDatabase(`re"st`, true)
	want := []string{
		`ALTER DATABASE "re""st" CONNECTION LIMIT = 5`, `ALTER DATABASE "re""st" SET x TO 'DATABASE shop; '''`, `ALTER ROLE r IN DATABASE "re""st" SET work_mem TO '5MB'`,
		`GRANT CREATE ON DATABASE "re""st" TO shop`,
	}
	if diff := cmp.Diff(want, run); diff != "" || len(skipped) != 1 {
		t.Error(diff, skipped)
	}
	if run, _ := c.OfDatabase("x", false); len(run) != 3 {
		t.Error(run)
	}
}

func FuzzRoles(f *testing.F) {
	f.Add("GRANT SELECT ON TABLE t TO a, \"b c\";", "CREATE POLICY p ON t TO x USING (true);", "ALTER DATABASE shop SET x TO 'y';")
	f.Fuzz(func(t *testing.T, acl, policy, properties string) {
		c := &Contents{Database: "shop", Entries: []Entry{
			{Desc: "ACL", Definition: acl}, {Desc: "POLICY", Definition: policy}, {Desc: "DATABASE PROPERTIES", Definition: properties},
		}}
		for _, r := range c.Roles() {
			if r == "" {
				t.Fatal("a role without a name")
			}
		}
		c.OfDatabase("other", true)
	})
}
