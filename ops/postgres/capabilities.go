package postgres

import (
	"encoding/json"

	"ops-console/ops/plaintext"
)

// Capabilities are what a server can be asked, probed once when a connection is made.
type Capabilities struct {
	Version       int    // server_version_num: 150018
	VersionText   string // "15.18 (Debian …)"
	User          string // session's role name
	Superuser     bool
	Monitor       bool   // may read all of pg_stat_*: pg_monitor or pg_read_all_stats
	Pooler        bool   // something in between, like PgBouncer: it may be another server each time
	Aurora        bool   // has aurora_replica_status
	Neon          bool   // runs on Neon: questions keep it awake
	Repmgr        bool   // has repmgr.nodes in a database that this role may connect to
	WatchFunction bool   // has fly_postgres' watch_for_lsn_change in the database connected to
	Database      string // connected to
}

// capabilityQuery needs no privileges, and nothing that is not in every PostgreSQL from 12 on. Functions are looked for in
// the catalogue, as to_regproc depends on the search path.
const capabilityQuery = `select pg_catalog.jsonb_build_object(
'version', pg_catalog.current_setting('server_version_num')::int,
'text', pg_catalog.current_setting('server_version'),
'user', current_user,
'superuser', coalesce((select rolsuper from pg_catalog.pg_roles where rolname = current_user), false),
'monitor', pg_catalog.pg_has_role('pg_read_all_stats', 'usage'),
'pid', pg_catalog.pg_backend_pid(),
'aurora', exists (select from pg_catalog.pg_proc where proname = 'aurora_replica_status'),
'neon', pg_catalog.current_setting('neon.timeline_id', true) is not null,
'repmgr', pg_catalog.to_regclass('repmgr.nodes') is not null
  or exists (select from pg_catalog.pg_database where datname = 'repmgr' and pg_catalog.has_database_privilege(oid, 'connect')),
'watch', exists (select from pg_catalog.pg_proc where proname = 'watch_for_lsn_change'
  and pg_catalog.oidvectortypes(proargtypes) = 'text, real'),
'database', pg_catalog.current_database())::text`

// readCapabilities reads the answer to capabilityQuery. pid is of the backend that gave it.
func readCapabilities(answer string) (c Capabilities, pid uint32, err error) {
	var a struct {
		Version                                         int
		Text, User, Database                            string
		Superuser, Monitor, Aurora, Neon, Repmgr, Watch bool
		PID                                             uint32
	}
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		return c, 0, err
	}
	return Capabilities{
		Version: a.Version, VersionText: plaintext.Line(a.Text, 80), User: plaintext.Line(a.User, 63),
		Superuser: a.Superuser, Monitor: a.Monitor, Aurora: a.Aurora, Neon: a.Neon, Repmgr: a.Repmgr,
		WatchFunction: a.Watch, Database: plaintext.Line(a.Database, 63),
	}, a.PID, nil
}
