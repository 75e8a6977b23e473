// Package sample makes backups of real databases for tests: what a run would leave
// in a store, from a dump in memory.
package sample

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ops-console/ops/backup"
	"ops-console/ops/backup/archive"
	"ops-console/ops/backup/store"
	"ops-console/ops/backup/stream"
	"ops-console/ops/postgres"
	"ops-console/ops/postgres/client"
	"ops-console/ops/postgres/pgcluster"
)

// Cluster starts a server whose version there is a pg_dump of, and skips the test where none is installed.
func Cluster(tb testing.TB, settings map[string]string) *pgcluster.Cluster {
	tb.Helper()
	all, err := pgcluster.Find()
	if errors.Is(err, pgcluster.ErrNoBinaries) {
		tb.Skip("no PostgreSQL server: install the package postgresql, or run .ci/postgres")
	}
	if err != nil {
		tb.Fatal(err)
	}
	for _, b := range all {
		if _, err := client.Find(tb.Context(), "pg_dump", b.Version); err != nil {
			continue
		}
		c, err := pgcluster.Start(tb.Context(), pgcluster.Options{Binaries: b, Settings: settings})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := c.Close(); err != nil {
				tb.Error(err)
			}
		})
		return c
	}
	tb.Skip("no pg_dump that fits a server: install the package postgresql, or run .ci/postgres")
	return nil
}

// Awkward makes a database called shop with what dumps and restores stumble over.
func Awkward(tb testing.TB, n *pgcluster.Node, script string) {
	tb.Helper()
	text, err := os.ReadFile(script)
	if err != nil {
		tb.Fatal(err)
	}
	if err := n.Exec(tb.Context(), "postgres", "create role shop_owner", `create role "Report Reader"`, "create database shop"); err != nil {
		tb.Fatal(err)
	}
	conn := Connect(tb, n, "shop")
	if _, err := conn.PgConn().Exec(tb.Context(), string(text)).ReadAll(); err != nil {
		tb.Fatal(err)
	}
}

// Connect opens a session as the superuser, which ends with the test.
func Connect(tb testing.TB, n *pgcluster.Node, database string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), n.URL(database))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close(context.WithoutCancel(tb.Context())) }) //nolint:errcheck // the server may be gone
	return conn
}

// Node is a database of a cluster as the console knows it.
func Node(tb testing.TB, n *pgcluster.Node, database string) postgres.Node {
	tb.Helper()
	cfg, err := pgx.ParseConfig(n.URL(database))
	if err != nil {
		tb.Fatal(err)
	}
	return postgres.Node{Name: "db1", Host: cfg.Host, Port: cfg.Port, Direct: true, Config: cfg}
}

// Dump is a backup before it is in a store.
type Dump struct {
	Manifest backup.Manifest // without payloads
	Raw      []byte          // of pg_dump
	Globals  []byte          // of pg_dumpall
}

// Take dumps a database, with more arguments for pg_dump.
func Take(tb testing.TB, n postgres.Node, database string, more ...string) *Dump {
	tb.Helper()
	ctx := tb.Context()
	conn, err := postgres.Open(ctx, n, nil, database, nil)
	if err != nil {
		tb.Fatal(err)
	}
	ask := func(sql string) string {
		results, err := conn.Exec(ctx, sql).ReadAll()
		if err != nil || len(results) != 1 || len(results[0].Rows) != 1 {
			tb.Fatal(sql, err)
		}
		return string(results[0].Rows[0][0])
	}
	server := backup.Server{
		Version: ask("show server_version"), SystemID: ask("select system_identifier from pg_control_system()"), LSN: ask("select pg_current_wal_lsn()"),
		Encoding: ask("select pg_encoding_to_char(encoding) from pg_database where datname = current_database()"),
		Collate:  ask("select datcollate from pg_database where datname = current_database()"), Extensions: map[string]string{},
	}
	extensions := ask("select jsonb_object_agg(extname, extversion) from pg_extension")
	if err := errors.Join(json.Unmarshal([]byte(extensions), &server.Extensions), conn.Close(ctx)); err != nil {
		tb.Fatal(err)
	}
	f, err := client.NewForward(ctx, "", n, nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // a socket
	d := &Dump{}
	run := func(name string, into *[]byte, args ...string) client.Program {
		p, err := client.Find(ctx, name, archive.Major(server.Version))
		if err != nil {
			tb.Fatal(err)
		}
		var out bytes.Buffer
		cmd := client.Command{Program: p, Args: args, Forward: f, Database: database, Stdout: &out}
		if err := cmd.Run(ctx); err != nil {
			tb.Fatal(err)
		}
		*into = out.Bytes()
		return p
	}
	p := run("pg_dump", &d.Raw, append([]string{"-Fc", "-Z0", "--no-password"}, more...)...)
	run("pg_dumpall", &d.Globals, "--globals-only", "--no-role-passwords", "--no-password", "--database="+database)
	counts, err := archive.Count(bytes.NewReader(d.Raw), archive.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	id, err := backup.NewID(time.Now(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now().UTC()
	d.Manifest = backup.Manifest{
		Format: backup.Format, ID: id, Source: backup.Source{App: "shop", Database: database}, Reason: backup.Manual,
		Started: now, SnapshotAt: now, Finished: now, Server: server, Tool: backup.Tool{PgDump: p.Version, Args: []string{"-Fc", "-Z0"}},
		Tables: counts.Tables, LargeObj: counts.LargeObjects,
	}
	return d
}

// Stored is the record of a dump, once it is in a store.
func (d *Dump) Stored(tb testing.TB, s store.Store, recipients ...string) backup.Record {
	tb.Helper()
	to, err := stream.ParseRecipients(recipients)
	if err != nil {
		tb.Fatal(err)
	}
	m := d.Manifest
	suffix := ".zst"
	if !to.Empty() {
		suffix += ".age"
	}
	for _, p := range []struct {
		key  string
		kind backup.Kind
		raw  []byte
	}{{"dump.pgc", backup.Dump, d.Raw}, {"globals.sql", backup.Globals, d.Globals}} {
		var packed bytes.Buffer
		w, err := stream.NewWriter(&packed, stream.Options{Recipients: to})
		if err != nil {
			tb.Fatal(err)
		}
		_, err = w.Write(p.raw)
		if err := errors.Join(err, w.Close()); err != nil {
			tb.Fatal(err)
		}
		payload, err := w.Payload(p.key+suffix, p.kind)
		if err != nil {
			tb.Fatal(err)
		}
		info, err := store.Put(tb.Context(), s, backup.Dir(m.Source, m.ID)+"/"+payload.Key, &packed, store.PutOpt{})
		if err != nil {
			tb.Fatal(err)
		}
		payload.Stored.CRC32C = info.CRC32C
		m.Payload = append(m.Payload, payload)
	}
	text, err := json.Marshal(m)
	if err == nil {
		_, err = s.PutIfAbsent(tb.Context(), backup.Dir(m.Source, m.ID)+"/"+backup.ManifestName, text)
	}
	if err != nil {
		tb.Fatal(err)
	}
	sum := sha256.Sum256(text)
	return backup.Record{Manifest: m, SHA256: hex.EncodeToString(sum[:])}
}

// Key of an object of a record.
func Key(r backup.Record, name string) string {
	return backup.Dir(r.Manifest.Source, r.Manifest.ID) + "/" + name
}

// Script is the path of the awkward database's SQL from a package beside this one.
func Script() string { return filepath.Join("..", "verify", "testdata", "awkward.sql") }

// Rows are the rows of all tables of a manifest, for messages.
func Rows(r backup.Record) string {
	n := int64(0)
	for _, t := range r.Manifest.Tables {
		n += t.Rows
	}
	return fmt.Sprintf("%d tables, %d rows", len(r.Manifest.Tables), n)
}
