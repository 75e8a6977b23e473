package preflight

import (
	"cmp"
	"fmt"
	"time"

	"ops-console/ops/preflight/source"
)

func databaseChecks() []Check {
	return []Check{
		{"database.connections", GroupDatabase, "Connections suffice", "Fails where the pools of all machines that the strategy has at once are more than max_connections leaves; warns above 80 % of it.", databaseConnections},
		{"database.lag", GroupDatabase, "Replicas keep up", "Fails where a replica is behind by the critical lag or more, or does not replicate; warns from the warning lag on.", databaseLag},
		{"database.free", GroupDatabase, "No dump is running", "Fails where pg_dump or a backup runs: a migration would wait behind its locks, and all queries behind the migration.", databaseFree},
		{"database.region", GroupDatabase, "The primary is where fly.toml says", "Warns where the database's primary is in another region than primary_region; fails where fly_postgres goes by that.", databaseRegion},
	}
}

// serverless says whether the application uses no database server, as far as its source tells.
func (f *Facts) serverless() bool {
	t, ok := f.Source.Get()
	return ok && t.Mix != nil && (!ecto(t) || sqlite(t))
}

const noServer = "there is no database server"

const databaseMend = "say where the database is: database.app or database.url_env of the profile (docs/configuration.md)"

func (f *Facts) server() (Server, *verdict) {
	s, ok := f.Server.Get()
	if !ok {
		v := unknown(f.Server.Why(), databaseMend)
		if has, _ := f.HasDatabase.Get(); has {
			v.mend = "see ops-console replication"
		}
		return s, &v
	}
	return s, nil
}

// pools is how many connections one machine opens, and where that is said. doubt says what makes it a guess.
func (f *Facts) pools(t *source.Tree) (n int, e Evidence, doubt string) {
	const defaultPool = 10 // of DBConnection
	for _, r := range t.Config.Repos {
		size := f.number(t, r.PoolSize, &doubt)
		if size == 0 {
			size = defaultPool
		}
		n += size * max(1, f.number(t, r.PoolCount, &doubt))
		if r.PoolSize.At.Line > 0 && e.Path == "" {
			e = at(r.PoolSize.At, fmt.Sprintf("pool_size of %s: %d", r.Module, size))
		}
		if r.Init {
			doubt = cmp.Or(doubt, r.Module+" may change its pool as it starts")
		}
	}
	return n, e, doubt
}

// number is what a setting comes to in the machines.
func (f *Facts) number(t *source.Tree, s source.Setting, doubt *string) int {
	if s.Env != "" {
		switch v, how, _ := f.variable(t, s.Env); how {
		case set:
			if n := (source.Setting{Text: v}).Int(); n > 0 {
				return n
			}
		case unsure:
			*doubt = cmp.Or(*doubt, "a secret may set "+s.Env)
		case secret:
			*doubt = cmp.Or(*doubt, "the secret "+s.Env+" says how many, to nobody but the machines")
		}
	}
	if s.At.Line > 0 && s.Int() == 0 {
		*doubt = cmp.Or(*doubt, s.At.String()+" computes how many")
	}
	return s.Int()
}

func databaseConnections(f *Facts) verdict {
	t, v := f.tree()
	if v != nil {
		return *v
	}
	if f.serverless() {
		return pass(noServer)
	}
	if len(t.Config.Repos) == 0 {
		return unknown("config/*.exs configure no repo", noProject)
	}
	l, v := f.fleet()
	if v != nil {
		return *v
	}
	s, v := f.server()
	switch {
	case v != nil:
		return *v
	case s.Pooler:
		return unknown("a pooler is before the server, and has limits of its own", "compare pool_size × machines with its max_client_conn")
	case s.MaxConnections == 0:
		return unknown("the server does not say its max_connections", "")
	}
	pool, e, doubt := f.pools(t)
	mm := l.instances()
	machines, where := len(mm), ""
	if t.Has("fly_postgres") { // each region's machines connect to that region's server
		primary := f.primary()
		machines, where = regionsOf(mm)[primary], " in "+primary
	}
	strategy := f.strategy()
	at := most(strategy, machines)
	need := pool * at
	if t.Release.Command.Text != "" {
		need += pool
	}
	room := s.MaxConnections - s.Reserved
	sum := fmt.Sprintf("%d per machine × %d machines%s during %s, and the release command: %d of the %d that max_connections leaves", pool, at, where, strategy, need, room)
	const mend = "a smaller POOL_SIZE, fewer machines, a pooler, or a larger max_connections"
	switch {
	case doubt != "":
		return unknown(doubt+"; with its default: "+sum, "compare by hand")
	case need > room:
		return fail(sum, mend, e)
	case need*5 > room*4:
		return warn(sum, mend, e)
	}
	return pass(sum, e)
}

func databaseLag(f *Facts) verdict {
	r, ok := f.Replication.Get()
	if !ok && f.serverless() {
		return pass(noServer)
	}
	if !ok {
		v := unknown(f.Replication.Why(), databaseMend)
		if has, _ := f.HasDatabase.Get(); has {
			v.mend = "see ops-console replication"
		}
		return v
	}
	if len(r.Replicas) == 0 {
		return pass("there is no replica")
	}
	worst, silent := Replica{}, 0
	for _, x := range r.Replicas {
		e := Evidence{Machine: x.Name, Region: x.Region, Text: x.State}
		switch {
		case !x.Known:
			silent++
			worst.State = cmp.Or(worst.State, fmt.Sprintf("%s: %s", x.Name, cmp.Or(x.State, "unknown")))
		case r.Critical > 0 && x.Lag >= r.Critical:
			return fail(fmt.Sprintf("%s in %s is %s behind: what is written is not seen there, and waits for it time out", x.Name, cmp.Or(x.Region, "?"), x.Lag.Round(time.Millisecond)), "see ops-console replication, and wait until it has caught up", e)
		case x.Lag > worst.Lag:
			worst.Name, worst.Region, worst.Lag = x.Name, x.Region, x.Lag
		}
	}
	switch {
	case silent > 0:
		return unknown(fmt.Sprintf("of %s it is not known how far behind they are (%s)", plural(silent, "replica"), worst.State), "see ops-console replication")
	case r.Warn > 0 && worst.Lag >= r.Warn:
		return warn(fmt.Sprintf("%s in %s is %s behind", worst.Name, cmp.Or(worst.Region, "?"), worst.Lag.Round(time.Millisecond)), "see ops-console replication", Evidence{Machine: worst.Name, Region: worst.Region})
	}
	return pass(fmt.Sprintf("%s, none more than %s behind", plural(len(r.Replicas), "replica"), max(worst.Lag.Round(time.Millisecond), time.Millisecond)))
}

func databaseFree(f *Facts) verdict {
	s, v := f.server()
	if b, ok := f.Backups.Get(); ok && b.Running {
		return fail("a backup is being taken: a migration would wait behind it, and all queries behind the migration", "wait for its end: ops-console backup list")
	}
	if v != nil && f.serverless() {
		return pass(noServer)
	}
	if v != nil {
		return *v
	}
	if len(s.Dumps) > 0 {
		d := s.Dumps[0]
		since := ""
		if !d.Since.IsZero() {
			since = " since " + ago(f, d.Since)
		}
		return fail(fmt.Sprintf("%s runs%s: a migration would wait behind its locks, and all queries behind the migration", d.Application, since), "wait for its end", Evidence{Text: fmt.Sprintf("%s, pid %d", d.Application, d.PID)})
	}
	if s.Pooler {
		return unknown("a pooler is before the server: sessions of others may be on another one", "")
	}
	if s.Standby {
		return unknown("only a standby answers, which does not see the primary's sessions", "see ops-console replication")
	}
	return pass("no session is one of pg_dump or of a backup")
}

func databaseRegion(f *Facts) verdict {
	t, v := f.tree()
	if v != nil {
		return *v
	}
	if f.serverless() {
		return pass(noServer)
	}
	primary := f.primary()
	if primary == "" {
		return unknown("no file says which region is the primary", `primary_region = "CODE" at the top of fly.toml`)
	}
	r, ok := f.Replication.Get()
	region := r.Primary
	if s, known := f.Server.Get(); known && !s.Standby && s.Region != "" {
		region, ok = s.Region, true
	}
	switch {
	case !ok:
		return unknown(f.Replication.Why(), databaseMend)
	case region == "":
		return unknown("in which region the database's primary is, is not known", "")
	case region == primary:
		return pass(primary, Evidence{Region: region})
	case t.Has("fly_postgres"):
		return fail(fmt.Sprintf("the primary is in %s, and fly.toml says %s: writes are sent to where they are refused", region, primary), fmt.Sprintf("primary_region = %q", region), Evidence{Region: region})
	}
	return warn(fmt.Sprintf("the primary is in %s, and the application's primary region is %s: each query of it goes there and back", region, primary), "move one to the other", Evidence{Region: region})
}
