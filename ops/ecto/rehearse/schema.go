package rehearse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"ops-console/ops/ecto"
	"ops-console/ops/ecto/pgsql"
	"ops-console/ops/plaintext"
)

// prepare gives the throw-away the schema that pending migrations will find.
func (s *scratch) prepare(ctx context.Context, earlier []ecto.Migration) error {
	done := false
	if s.o.Live != nil {
		switch err := s.copy(ctx); {
		case err == nil:
			done = true
		case ctx.Err() != nil:
			return fmt.Errorf("copy the live schema: %w", ctx.Err())
		default:
			s.o.Note("the live schema could not be copied, so that the earlier migrations were replayed: " + plaintext.Line(err.Error(), 400))
			if err := s.clear(ctx); err != nil {
				return err
			}
		}
	}
	if !done {
		if err := s.replay(ctx, earlier); err != nil {
			return err
		}
	}
	return s.versions(ctx)
}

// versions makes the table that Ecto's migrator makes before anything else.
func (s *scratch) versions(ctx context.Context) error {
	set := s.in.Repo.Settings
	name := set.Source
	if name == "" {
		name = "schema_migrations"
	}
	s.source = quoted(name)
	var sql []string
	if set.Prefix != "" {
		s.source = quoted(set.Prefix) + "." + s.source
		sql = append(sql, "create schema if not exists "+quoted(set.Prefix))
	}
	sql = append(sql, "create table if not exists "+s.source+" (version bigint primary key, inserted_at timestamp(0))")
	if set.Prefix != "" {
		if _, err := s.admin.Exec(ctx, "grant create on database "+database+" to "+role); err != nil {
			return fmt.Errorf("make the table of versions on the throw-away: %w", err)
		}
	}
	for _, q := range sql {
		if err := s.exec(ctx, q); err != nil {
			return fmt.Errorf("make the table of versions on the throw-away: %w", err)
		}
	}
	return nil
}

// clear undoes a copy that failed.
func (s *scratch) clear(ctx context.Context) error {
	if err := s.exec(ctx, "drop owned by "+role+" cascade"); err != nil {
		return fmt.Errorf("clear the throw-away: %w", err)
	}
	for _, q := range []string{"create schema if not exists public authorization " + role, "alter schema public owner to " + role} {
		if _, err := s.admin.Exec(ctx, q); err != nil {
			return fmt.Errorf("clear the throw-away: %w", err)
		}
	}
	return nil
}

// load runs statements one by one; what fails is left out, and said.
func (s *scratch) load(ctx context.Context, from string, sql []string) error {
	failed, first := 0, ""
	fail := func(q, why string) {
		if failed++; failed == 1 {
			first = plaintext.Line(bare(q), 80) + ": " + why
		}
	}
	for i, q := range sql {
		if i%500 == 499 {
			if err := s.size(ctx); err != nil {
				return err
			}
		}
		if extension(q) {
			skipped, err := s.extension(ctx, q)
			if err != nil {
				return err
			}
			if skipped != "" {
				fail(q, skipped)
			}
			continue
		}
		for range 20 { // roles that it names
			err := s.exec(ctx, q)
			if err == nil || code(err) == "42P06" { // the default schema is there already
				break
			}
			if code(err) == "" {
				return fmt.Errorf("run %s on the throw-away: %w", from, errors.Join(ctx.Err(), err))
			}
			if name := missingRole(err); name == "" || !s.makeRole(ctx, name) {
				fail(q, message(err))
				break
			}
		}
	}
	if failed > 0 {
		s.leftOut = true
		s.o.Note(fmt.Sprintf("%d of %d statements of %s could not be run, the first: %s", failed, len(sql), from, first))
	}
	return nil
}

// replay runs the SQL of migrations that ran before, each by itself. What only the application could run is missing.
func (s *scratch) replay(ctx context.Context, earlier []ecto.Migration) error {
	s.o.Progress(fmt.Sprintf("replaying %d earlier migrations", len(earlier)))
	var sql []string
	missing := 0
	for _, m := range earlier {
		for _, o := range m.Up {
			if outside(o) != "" {
				missing++
			}
			for _, q := range o.SQL {
				sql = append(sql, simpler(q))
			}
		}
	}
	if missing > 0 {
		s.leftOut = true
		s.o.Note(fmt.Sprintf("%d operations of earlier migrations were left out: only the application could run them", missing))
	}
	return s.load(ctx, "the earlier migrations", sql)
}

var concurrentlyWord = regexp.MustCompile(`(?i)\b(create\s+(?:unique\s+)?index|drop\s+index|reindex\s+(?:index|table))\s+concurrently\b`)

// simpler takes CONCURRENTLY off: nobody is in the way, and it is slow.
func simpler(q string) string {
	if m := concurrentlyWord.FindStringIndex(q); m == nil || strings.TrimSpace(q[:m[0]]) != "" {
		return q
	}
	return concurrentlyWord.ReplaceAllString(q, "$1")
}

// copy takes the definitions of the live database, through pg_dump.
func (s *scratch) copy(ctx context.Context) error {
	s.o.Progress("copying the live schema")
	text, err := s.dump(ctx)
	if err != nil {
		return err
	}
	ops, err := pgsql.Parse(commands(text))
	if err != nil {
		return fmt.Errorf("read what pg_dump gave: %w", err)
	}
	var sql []string
	last := 0
	for _, o := range ops {
		if o.Statement != last && len(o.SQL) > 0 && !session(o) {
			sql = append(sql, o.SQL...)
		}
		last = o.Statement
	}
	if _, err := s.admin.Exec(ctx, "grant create on database "+database+" to "+role); err != nil {
		return fmt.Errorf("make room for the live schema: %w", err)
	}
	// Names are all qualified in a dump, and bodies of functions are not looked into.
	if err := s.exec(ctx, "set check_function_bodies = off"); err != nil {
		return err
	}
	if err := s.load(ctx, "the live schema", sql); err != nil {
		return err
	}
	_, err = s.conn.Exec(ctx, "reset all")
	return err
}

// bare is a statement without the comments before it.
func bare(q string) string {
	for strings.HasPrefix(q, "--") {
		_, q, _ = strings.Cut(q, "\n")
		q = strings.TrimSpace(q)
	}
	return q
}

// session says whether a statement of a dump only prepares the session that loads it.
func session(o ecto.Operation) bool {
	if o.Kind == ecto.Set {
		return true
	}
	q := strings.ToLower(bare(o.Text))
	return strings.Contains(q, "set_config('search_path'") || strings.HasPrefix(q, "create schema public") || strings.HasPrefix(q, "comment on extension")
}

// commands takes out what is for psql alone: lines that begin with a backslash, outside of everything else.
func commands(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, `\restrict`) || strings.HasPrefix(line, `\unrestrict`) || strings.HasPrefix(line, `\connect`) {
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}
