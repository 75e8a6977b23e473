package gather

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
	"ops-console/ops/preflight"
	"ops-console/ops/replication"
)

const noDatabase = "the profile names no database"

// server asks the primary what a deploy would meet.
func (g *gatherer) server(ctx context.Context) {
	f := g.f
	f.HasDatabase = preflight.Known(g.o.Primary != nil)
	if g.o.Primary == nil {
		f.Server = preflight.NotKnown[preflight.Server](g.missing("Primary", noDatabase))
		return
	}
	c, err := g.o.Primary(ctx)
	if err != nil {
		f.Server = preflight.Found(preflight.Server{}, err)
		return
	}
	defer c.Close(context.WithoutCancel(ctx)) //nolint:errcheck // all is read by then
	f.Server = preflight.Found(Server(ctx, c))
}

// settings are what the server says of itself, in one row.
const settings = `select split_part(current_setting('server_version'), ' ', 1), pg_is_in_recovery(), current_setting('max_connections'),
 current_setting('superuser_reserved_connections'), coalesce(current_setting('reserved_connections', true), '0'),
 (select coalesce(sum(numbackends), 0) from pg_stat_database)`

// dumps are sessions that read whole databases. What others run is only seen by roles that may; what they call themselves
// everybody sees.
const dumps = `select pid, application_name, extract(epoch from backend_start) from pg_stat_activity
 where pid <> pg_backend_pid() and (application_name in ('pg_dump', 'pg_dumpall') or application_name like 'ops-backup/%'
 or query ilike 'COPY % TO stdout%' and state = 'active') order by backend_start nulls last limit 20`

// Server asks one connection.
func Server(ctx context.Context, c *postgres.Conn) (preflight.Server, error) {
	caps := c.Capabilities()
	s := preflight.Server{Node: c.Node().Name, Region: c.Node().Region, Pooler: caps.Pooler, Hidden: !caps.Monitor && !caps.Superuser}
	if s.Pooler {
		s.Version, _, _ = strings.Cut(caps.VersionText, " ")
		s.Version = plaintext.Line(s.Version, 40)
		return s, nil
	}
	err := c.Look(ctx, postgres.Limits{Statement: 5 * time.Second}, func(k *postgres.Look) error {
		_, err := k.Ask(true, postgres.Question{SQL: settings, Row: about(&s)}, postgres.Question{SQL: dumps, Row: dump(&s)})
		return err
	})
	return s, err
}

func about(s *preflight.Server) func([][]byte) error {
	return func(v [][]byte) error {
		if len(v) != 6 {
			return errors.New("the server's settings are not as they were asked for")
		}
		s.Version = plaintext.Line(string(v[0]), 40)
		s.Standby = string(v[1]) == "t" || string(v[1]) == "true"
		s.MaxConnections, s.Used = number(v[2]), number(v[5])
		s.Reserved = number(v[3]) + number(v[4])
		return nil
	}
}

func dump(s *preflight.Server) func([][]byte) error {
	return func(v [][]byte) error {
		if len(v) != 3 {
			return errors.New("the server's sessions are not as they were asked for")
		}
		d := preflight.Session{PID: number(v[0]), Application: plaintext.Line(string(v[1]), 60)}
		if d.Application == "" || !strings.HasPrefix(d.Application, "pg_dump") && !strings.HasPrefix(d.Application, "ops-backup/") {
			d.Application = strings.TrimSpace(d.Application + " COPY … TO stdout")
		}
		if seconds, err := strconv.ParseFloat(string(v[2]), 64); err == nil {
			d.Since = time.UnixMilli(int64(seconds * 1000)).UTC()
		}
		s.Dumps = append(s.Dumps, d)
		return nil
	}
}

func number(b []byte) int {
	n, _ := strconv.Atoi(string(b))
	return n
}

func (g *gatherer) replication(ctx context.Context) (*replication.Snapshot, error) {
	if g.o.Replication == nil {
		return nil, errors.New(g.missing("Replication", noDatabase))
	}
	return g.o.Replication(ctx)
}

// lag is what of a snapshot a deploy needs to know.
func lag(s *replication.Snapshot, err error) preflight.Fact[preflight.Replication] {
	if err != nil {
		return preflight.Found(preflight.Replication{}, err)
	}
	r := preflight.Replication{Warn: seconds(s.Warn), Critical: seconds(s.Critical)}
	answered := false
	for _, n := range s.Nodes {
		answered = answered || !n.ReadAt.IsZero()
		if n.Role == postgres.RolePrimary || n.Name == s.Primary {
			r.Primary = n.Region
			continue
		}
		x := preflight.Replica{Name: n.Name, Region: n.Region, State: string(n.State)}
		if n.Reason != "" {
			x.State += ": " + n.Reason
		}
		if n.Lag.Hi != nil && n.Failure == nil {
			x.Lag, x.Known = seconds(*n.Lag.Hi), true
		}
		r.Replicas = append(r.Replicas, x)
	}
	if !answered {
		return preflight.NotKnown[preflight.Replication]("no node of the database answers")
	}
	return preflight.Known(r)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
