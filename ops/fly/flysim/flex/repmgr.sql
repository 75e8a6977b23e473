-- What repmgr keeps of a cluster, as far as others read it.
CREATE SCHEMA repmgr AUTHORIZATION repmgr;
SET ROLE repmgr;
CREATE TABLE repmgr.nodes (
  node_id integer PRIMARY KEY,
  upstream_node_id integer REFERENCES repmgr.nodes (node_id) DEFERRABLE,
  active boolean NOT NULL DEFAULT true,
  node_name text NOT NULL,
  type text NOT NULL CHECK (type IN ('primary', 'standby', 'witness', 'bdr')),
  location text NOT NULL DEFAULT 'default',
  priority integer NOT NULL DEFAULT 100,
  conninfo text NOT NULL,
  repluser varchar(63) NOT NULL,
  slot_name text,
  config_file text NOT NULL
);
CREATE TABLE repmgr.events (
  node_id integer NOT NULL,
  event text NOT NULL,
  successful boolean NOT NULL DEFAULT true,
  event_timestamp timestamp with time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
  details text
);
GRANT USAGE ON SCHEMA repmgr TO console;
GRANT SELECT ON repmgr.nodes, repmgr.events TO console;
