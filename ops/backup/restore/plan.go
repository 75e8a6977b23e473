package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/tables"
	"ops-console/ops/plaintext"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/client"
)

// Plan is what Run will do, and what is in its way. Its sentences are safe to show; Target is as the server will have it.
type Plan struct {
	Target   string    // the database to be made
	Server   string    // version of the server
	Tool     string    // version of pg_restore
	Entries  int       // of the table of contents
	Bytes    int64     // of what pg_dump wrote
	Room     int64     // bytes of disk that are wanted on the server, about
	Free     int64     // bytes there are; -1: not known
	Snapshot time.Time // what is restored is true of

	Problems []Problem // Run does nothing while there are any
	Notes    []string  // what one should know

	program    client.Program
	superuser  bool
	locale     string // of CREATE DATABASE, as SQL, with the owner
	tablespace bool   // leave tablespaces out
}

// Problem is something in the way.
type Problem struct {
	Code string // stable: "standby", "extension", "role"
	Text string
	Hint string // what to do about it; may be empty
}

// Make looks at server and backup. The error says that this could not be found out; what is in the way is in the plan.
func Make(ctx context.Context, o Options) (*Plan, error) {
	o.fill()
	m := &o.Record.Manifest
	dump, _ := m.Dump()
	at := o.Now()
	p := &Plan{
		Target: named(o.Database, "restore", at), Bytes: dump.Raw.Bytes, Free: -1, Snapshot: m.SnapshotAt,
		// Heap and indexes take 1.2 times what COPY writes, up to 1.9 times for small rows; the log of a COPY is as long again,
		// for as long as it is kept.
		Room: dump.Raw.Bytes * 2,
	}
	if err := p.look(ctx, &o); err != nil {
		return nil, fmt.Errorf("plan a restore of %s to %s: %w", m.ID, o.Node.Name, err)
	}
	return p, nil
}

func (p *Plan) problem(code, hint, format string, args ...any) {
	p.Problems = append(p.Problems, Problem{code, plaintext.Line(fmt.Sprintf(format, args...), 400), plaintext.Line(hint, 400)})
}

func (p *Plan) note(format string, args ...any) {
	p.Notes = append(p.Notes, plaintext.Line(fmt.Sprintf(format, args...), 400))
}

func (p *Plan) look(ctx context.Context, o *Options) error {
	in, err := o.decode(ctx)
	if err != nil {
		return err
	}
	contents, err := archive.ReadContents(in)
	in.Close() //nolint:errcheck // it was only read
	if err != nil {
		return err
	}
	p.Entries = len(contents.Entries)
	pooler, err := behindPooler(ctx, o)
	if err != nil {
		return err
	}
	if pooler {
		p.problem("pooler", "restore to the server's own port", "%s is behind a pooler, which must not be restored through", o.Node.Name)
		return nil
	}
	s, err := maintain(ctx, o.Node, o.Network)
	if err != nil {
		return err
	}
	defer s.close()
	for _, step := range []func(context.Context, *session, *Options, *archive.Contents) error{
		p.server, p.tools, p.database, p.extensions, p.roles, p.tablespaces, p.room,
	} {
		if err := step(ctx, s, o, contents); err != nil {
			return failed("look at the server", err)
		}
	}
	p.rest(o, contents)
	return nil
}

// behindPooler asks through a database that is there also where the original is lost.
func behindPooler(ctx context.Context, o *Options) (bool, error) {
	if o.Node.Config == nil {
		return false, errors.New("no connection settings")
	}
	var first error
	for _, db := range []string{"postgres", "template1"} {
		n := o.Node
		n.Config = n.Config.Copy()
		n.Config.Database = db
		conn, err := postgres.Connect(ctx, n, o.Network)
		if err == nil {
			pooler := conn.Capabilities().Pooler
			return pooler, conn.Close(ctx)
		}
		if first == nil {
			first = err
		}
	}
	return false, first
}

func (p *Plan) server(ctx context.Context, s *session, o *Options, _ *archive.Contents) error {
	rows, err := s.ask(ctx, `select current_setting('server_version'), pg_is_in_recovery()::text, r.rolsuper::text, (r.rolsuper or r.rolcreatedb)::text
 from pg_catalog.pg_roles r where r.rolname = current_user`)
	if err != nil {
		return err
	}
	if len(rows) != 1 {
		return errors.New("the server does not know its user")
	}
	p.Server = plaintext.Line(rows[0][0], 60)
	p.superuser = rows[0][2] == "true"
	if rows[0][1] == "true" {
		p.problem("standby", "restore to the primary", "%s is a standby: nothing can be written there", o.Node.Name)
	}
	if rows[0][3] != "true" {
		p.problem("createdb", "give the role CREATEDB, or connect as another", "the role may not create databases")
	}
	from, to := archive.Major(o.Record.Manifest.Server.Version), archive.Major(p.Server)
	if from > to {
		p.problem("version", fmt.Sprintf("restore to PostgreSQL %d or later", from), "the backup is of PostgreSQL %d, and the server is %d, which does not know all of its SQL", from, to)
	} else if from < to {
		p.note("the backup is of PostgreSQL %d, the server is %d", from, to)
	}
	return nil
}

func (p *Plan) tools(ctx context.Context, _ *session, o *Options, _ *archive.Contents) error {
	program, err := client.Find(ctx, "pg_restore", archive.Major(o.Record.Manifest.Tool.PgDump))
	if errors.Is(err, client.ErrNoProgram) {
		p.problem("tool", "", "%v", err)
		return nil
	}
	p.program, p.Tool = program, program.Version
	return err
}

// database looks at what the new database will be like: encoding and locale as the backup's, by the provider of the original
// where that is still there.
func (p *Plan) database(ctx context.Context, s *session, o *Options, _ *archive.Contents) error {
	m := o.Record.Manifest.Server
	taken, err := s.value(ctx, "select 1 from pg_catalog.pg_database where datname = "+tables.Literal(p.Target))
	if err != nil {
		return err
	}
	if taken != "" {
		p.problem("taken", "wait a second", "there is a database %s already", p.Target)
	}
	p.locale = "template template0"
	if err := p.owner(ctx, s, o); err != nil {
		return err
	}
	if m.Encoding != "" {
		known, err := s.value(ctx, "select pg_catalog.pg_char_to_encoding("+tables.Literal(m.Encoding)+") >= 0")
		if err != nil {
			return err
		}
		if known != "t" {
			p.problem("encoding", "", "the server does not know the encoding %s", m.Encoding)
		}
		p.locale += " encoding " + tables.Literal(m.Encoding)
	}
	rows, err := s.ask(ctx, "select datcollate, datctype, "+providerOf(archive.Major(p.Server))+" from pg_catalog.pg_database where datname = "+tables.Literal(o.Database))
	if err != nil {
		return err
	}
	if len(rows) == 1 && (m.Collate == "" || rows[0][0] == m.Collate) {
		p.locale += " lc_collate " + tables.Literal(rows[0][0]) + " lc_ctype " + tables.Literal(rows[0][1]) + rows[0][2]
		return nil
	}
	if m.Collate == "" {
		return nil
	}
	p.locale += " lc_collate " + tables.Literal(m.Collate) + " lc_ctype " + tables.Literal(m.Collate)
	known, err := s.value(ctx, "select 1 from pg_catalog.pg_collation where collcollate = "+tables.Literal(m.Collate)+
		" union select 1 from pg_catalog.pg_database where datcollate = "+tables.Literal(m.Collate))
	if err != nil {
		return err
	}
	if known == "" && m.Collate != "C" && m.Collate != "POSIX" {
		p.problem("locale", "install it on the server", "the server has no locale %s, which texts are sorted by in the backup", m.Collate)
	}
	if len(rows) == 1 {
		p.note("the original sorts texts by %s, the backup by %s", rows[0][0], m.Collate)
	}
	return nil
}

// owner gives the new database the original's owner, where that is still there and the role may: things can be given only to
// a role that may create in their schema, and in public that is the database's owner.
func (p *Plan) owner(ctx context.Context, s *session, o *Options) error {
	if o.NoOwners {
		return nil
	}
	owner, err := s.value(ctx, "select pg_catalog.pg_get_userbyid(datdba) from pg_catalog.pg_database where pg_catalog.pg_has_role(datdba, 'member') and datname = "+
		tables.Literal(o.Database))
	if err == nil && owner != "" {
		p.locale += " owner " + tables.Quote(owner)
	}
	return err
}

// providerOf is SQL for what CREATE DATABASE must be told of another provider of locales than the system's.
func providerOf(major int) string {
	switch {
	case major >= 17:
		return `case datlocprovider when 'i' then ' locale_provider icu icu_locale ' || pg_catalog.quote_literal(datlocale)
 when 'b' then ' locale_provider builtin builtin_locale ' || pg_catalog.quote_literal(datlocale) else '' end`
	case major >= 15:
		return "case datlocprovider when 'i' then ' locale_provider icu icu_locale ' || pg_catalog.quote_literal(daticulocale) else '' end"
	}
	return "''"
}

func (p *Plan) extensions(ctx context.Context, s *session, o *Options, c *archive.Contents) error {
	rows, err := s.ask(ctx, "select name, default_version from pg_catalog.pg_available_extensions")
	if err != nil {
		return err
	}
	here := map[string]string{}
	for _, r := range rows {
		here[r[0]] = r[1]
	}
	for _, name := range c.Extensions() {
		was := o.Record.Manifest.Server.Extensions[name]
		switch has, ok := here[name]; {
		case !ok:
			p.problem("extension", "install it on the server", "the server lacks the extension %s", name)
		case was != "" && was != has:
			p.note("the extension %s will be %s; it was %s", name, has, was)
		}
	}
	if p.superuser {
		return nil
	}
	rows, err = s.ask(ctx, "select name from pg_catalog.pg_available_extension_versions where superuser and not trusted")
	if err != nil {
		return err
	}
	for _, r := range rows {
		if slices.Contains(c.Extensions(), r[0]) {
			p.problem("extension", "restore as a superuser", "only a superuser may create the extension %s", r[0])
		}
	}
	return nil
}

func (p *Plan) roles(ctx context.Context, s *session, o *Options, c *archive.Contents) error {
	if o.NoOwners {
		p.note("everything will belong to the role that restores, and nobody else is granted anything")
		return nil
	}
	rows, err := s.ask(ctx, "select rolname, (pg_catalog.pg_has_role(oid, 'member'))::text from pg_catalog.pg_roles")
	if err != nil {
		return err
	}
	member := map[string]bool{}
	for _, r := range rows {
		member[r[0]] = r[1] == "true"
	}
	var missing, foreign []string
	for _, r := range c.Roles() {
		if _, ok := member[r]; !ok {
			missing = append(missing, tables.Quote(r))
		}
	}
	for _, r := range c.Owners() {
		if is, ok := member[r]; ok && !is && !p.superuser {
			foreign = append(foreign, tables.Quote(r))
		}
	}
	if len(missing) > 0 {
		p.problem("role", "CREATE ROLE "+strings.Join(missing, " NOLOGIN; CREATE ROLE ")+" NOLOGIN; or restore without owners and grants",
			"the server lacks roles that the backup speaks of: %s", strings.Join(missing, ", "))
	}
	if len(foreign) > 0 {
		p.problem("member", "grant them to it, or restore without owners and grants", "the role that restores is no member of %s, to which things in the backup belong", strings.Join(foreign, ", "))
	}
	return nil
}

func (p *Plan) tablespaces(ctx context.Context, s *session, _ *Options, c *archive.Contents) error {
	rows, err := s.ask(ctx, "select spcname from pg_catalog.pg_tablespace")
	if err != nil {
		return err
	}
	here := map[string]bool{"": true}
	for _, r := range rows {
		here[r[0]] = true
	}
	for i := range c.Entries {
		if t := c.Entries[i].Tablespace; !here[t] {
			p.tablespace = true
			p.note("the server lacks the tablespace %s: everything goes where the database does", t)
			return nil
		}
	}
	return nil
}

func (p *Plan) room(ctx context.Context, s *session, o *Options, _ *archive.Contents) error {
	size, err := s.value(ctx, "select pg_catalog.pg_database_size(datname) from pg_catalog.pg_database where datname = "+tables.Literal(o.Database)+
		" and pg_catalog.has_database_privilege(datname, 'connect')")
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(size, 10, 64); err == nil {
		p.Room = max(p.Room, n)
	}
	if o.Free != nil {
		if n, err := o.Free(ctx); err == nil {
			p.Free = n
		}
	}
	switch {
	case p.Free < 0:
		p.note("about %d MB of disk are wanted on the server; how much it has left is not known", p.Room>>20)
	case p.Free < p.Room:
		p.problem("room", "make the volume larger, or restore to another server", "about %d MB of disk are wanted on the server, and it has %d MB left", p.Room>>20, p.Free>>20)
	}
	return nil
}

// rest is what cannot be in the way, and should be known.
func (p *Plan) rest(o *Options, c *archive.Contents) {
	if v, ok := o.Record.Broken(); ok {
		p.note("the newest verification of this backup failed: %s", v.Failure)
	} else if v, ok := o.Record.Proven(); !ok {
		p.note("this backup was never verified")
	} else if v.Level < 2 {
		p.note("this backup was verified to the level %s only", v.Level)
	}
	for i := range c.Entries {
		if c.Entries[i].Desc == "SUBSCRIPTION" {
			p.note("subscriptions are not restored, as two of one would disturb each other")
			break
		}
	}
	if !p.superuser {
		for i := range c.Entries {
			if d := c.Entries[i].Desc; d == "EVENT TRIGGER" || d == "FOREIGN DATA WRAPPER" || d == "CAST" || d == "LANGUAGE" && c.Entries[i].Tag != "plpgsql" {
				p.note("the backup has a %s, which as a rule only a superuser may create", strings.ToLower(d))
				break
			}
		}
	}
}
