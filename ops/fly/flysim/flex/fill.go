package flex

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed schema.sql
var schemaSQL string

//go:embed content.sql
var contentSQL string

//go:embed repmgr.sql
var repmgrSQL string

// fill makes roles, databases and their contents on a new primary.
func (d *Database) fill(ctx context.Context) error {
	primary := d.nodes[0]
	login := func(role, rights string) string {
		return fmt.Sprintf("CREATE ROLE %s LOGIN %s PASSWORD '%s'", role, rights, d.passwords[role])
	}
	if err := primary.pg.Exec(
		ctx, "postgres",
		login(OwnerRole, ""), login(ConsoleRole, ""), login(BackupRole, "CREATEDB"), login(SuperRole, "SUPERUSER"), login(repmgrName, "SUPERUSER REPLICATION"),
		"GRANT pg_monitor TO "+ConsoleRole,
		// As a member of the owner it reads everything, and what it restores belongs to whom it belonged to.
		"GRANT "+OwnerRole+", pg_monitor, pg_signal_backend TO "+BackupRole,
		"CREATE DATABASE "+repmgrName+" OWNER "+repmgrName,
		"CREATE DATABASE "+DatabaseName+" OWNER "+OwnerRole,
	); err != nil {
		return err
	}
	if err := primary.pg.Exec(ctx, repmgrName, repmgrSQL); err != nil {
		return err
	}
	if err := d.register(ctx, primary); err != nil {
		return err
	}
	statements := []string{"SET ROLE " + OwnerRole}
	statements = append(statements, strings.Split(schemaSQL, divider)...)
	// Planner statistics too: whoever asks how large a table is gets an answer.
	return primary.pg.Exec(ctx, DatabaseName, append(statements, contentSQL, mayLook, "RESET ROLE", "ANALYZE")...)
}

// mayLook lets a console see which migrations ran, and nothing else of what is the application's.
const mayLook = "GRANT SELECT ON schema_migrations TO " + ConsoleRole

// divider divides schema.sql into what is sent at once, so that what no transaction can have in it stands alone.
const divider = "-- next\n"

// play fills the table of plays. It is unlogged, so that no replica has to take it in, and what replication shows is the
// application's traffic alone.
func (d *Database) play(ctx context.Context) {
	if d.o.Plays <= 0 {
		return
	}
	err := d.nodes[0].pg.Exec(ctx, DatabaseName, fmt.Sprintf(`INSERT INTO plays (post_id, day, seconds, region)
	  SELECT 1 + n %% 800, current_date - n / 20000, n %% 3600, (ARRAY['ord', 'fra', 'sin', 'syd', 'iad'])[1 + n %% 5]
	  FROM generate_series(1, %d) n`, d.o.Plays), "VACUUM (ANALYZE) plays")
	if err != nil && ctx.Err() == nil {
		d.o.Logger.Warn("the table of plays is not full", "err", err)
	}
}

// register tells repmgr of the nodes, as each does of itself when it joins.
func (d *Database) register(ctx context.Context, primary *node) error {
	c, err := d.config(primary, repmgrName, "")
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return fmt.Errorf("tell repmgr of the nodes: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // what was written is committed
	for _, n := range d.nodes {
		kind, event, slot := "primary", "primary_register", (*string)(nil)
		var upstream *int
		if n.upstream != nil {
			name := n.slot()
			kind, event, slot, upstream = "standby", "standby_register", &name, &n.upstream.repmgrID
		}
		conninfo := fmt.Sprintf("host=%s.vm.%s.internal port=%d user=%s dbname=%s connect_timeout=5", n.ID, d.o.App, PortDirect, repmgrName, repmgrName)
		_, err := conn.Exec(ctx, `INSERT INTO repmgr.nodes
		  (node_id, upstream_node_id, node_name, type, location, priority, conninfo, repluser, slot_name, config_file)
		  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '/data/repmgr.conf')`,
			n.repmgrID, upstream, n.ID, kind, n.Region, n.Priority, conninfo, repmgrName, slot)
		if err == nil {
			_, err = conn.Exec(ctx, "INSERT INTO repmgr.events (node_id, event) VALUES ($1, $2)", n.repmgrID, event)
		}
		if err != nil {
			return fmt.Errorf("tell repmgr of %s: %w", n.ID, err)
		}
	}
	return nil
}
