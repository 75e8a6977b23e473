package restore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ops-console/ops/backup"
	"ops-console/ops/postgres"
)

// answered says whether the server itself refused, other than by ending the session.
func answered(err error) bool {
	pe := (*pgconn.PgError)(nil)
	return errors.As(err, &pe) && pe.Severity != "FATAL" && pe.Code != "57014"
}

// Made is a database that a restore made, or that a swap set aside.
type Made struct {
	Name     string
	State    State // Filling without Running: what a crash left
	Running  bool  // a restore is at work on it
	Backup   backup.ID
	Original string    // name of the database that it is a backup of
	At       time.Time // when it came to be what it is
	Bytes    int64     // on disk; -1: not known
}

const listMade = `select d.datname, coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), ''),
 case when pg_catalog.has_database_privilege(d.datname, 'connect') then pg_catalog.pg_database_size(d.oid) else -1 end,
 exists (select from pg_catalog.pg_locks l where l.locktype = 'advisory' and l.classid = %d and l.objid = d.oid and l.objsubid = 1 and l.granted)
 from pg_catalog.pg_database d where not d.datistemplate order by 1`

// crashed is the name of a database that was made and not marked yet.
var crashed = regexp.MustCompile(`^(.+)_restore_(\d{8}t\d{6})$`)

// Leftovers lists what restores and swaps made and that is still there, by name: half-filled ones of a crash, restored ones,
// and originals from before a swap. It removes nothing.
func Leftovers(ctx context.Context, n postgres.Node, d postgres.Dialer) ([]Made, error) {
	s, err := maintain(ctx, n, d)
	if err != nil {
		return nil, err
	}
	defer s.close()
	all, err := s.made(ctx)
	if err != nil {
		return nil, failed("list what restores left on "+n.Name, err)
	}
	return all, nil
}

func (s *session) made(ctx context.Context) ([]Made, error) {
	rows, err := s.ask(ctx, fmt.Sprintf(listMade, lockClass))
	if err != nil {
		return nil, err
	}
	var all []Made
	for _, r := range rows {
		m := Made{Name: r[0], Running: r[3] == "t", Bytes: -1}
		if n, err := strconv.ParseInt(r[2], 10, 64); err == nil {
			m.Bytes = n
		}
		if k, ok := parseMark(r[1]); ok {
			m.State, m.Backup, m.Original, m.At = k.State, k.Backup, k.Original, k.At
		} else if parts := crashed.FindStringSubmatch(r[0]); parts != nil && r[1] == "" {
			at, err := time.Parse(stamp, parts[2])
			if err != nil {
				continue
			}
			m.State, m.Original, m.At = Filling, parts[1], at
		} else {
			continue
		}
		all = append(all, m)
	}
	return all, nil
}

// Drop removes a database that a restore made or a swap set aside, and no other. One that a restore or a swap is at work on
// stays.
func Drop(ctx context.Context, n postgres.Node, d postgres.Dialer, name string) error {
	s, err := maintain(ctx, n, d)
	if err != nil {
		return err
	}
	defer s.close()
	all, err := s.made(ctx)
	if err != nil {
		return failed("look at "+name, err)
	}
	for _, m := range all {
		switch {
		case m.Name != name:
		case m.Running || m.State == Swapping:
			return fmt.Errorf("drop %s: %w: a restore or a swap is at work on it", shown(name), ErrBusy)
		default:
			return s.drop(ctx, name)
		}
	}
	return fmt.Errorf("drop %s: %w", shown(name), ErrNotOurs)
}
