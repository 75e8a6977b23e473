// Package lower turns migrations in Elixir into operations, with the SQL that ecto_sql's PostgreSQL adapter would send
// (https://github.com/elixir-ecto/ecto_sql, lib/ecto/adapters/postgres/connection.ex and lib/ecto/migration.ex). It runs
// nothing: what cannot be folded to a value is said to be dynamic.
package lower
