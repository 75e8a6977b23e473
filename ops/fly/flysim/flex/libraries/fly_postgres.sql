-- What Fly.Postgres.Migrations.V01.up() makes.
CREATE FUNCTION watch_for_lsn_change(from_lsn text, timeout real) RETURNS text AS $$
DECLARE
  elapsed real := 0;
  known pg_lsn;
  latest pg_lsn;
BEGIN
  LOOP
    SELECT from_lsn::pg_lsn INTO known;
    SELECT pg_last_wal_replay_lsn() INTO latest;
    IF known IS NULL OR latest - known > 0 THEN
      RETURN latest::text;
    END IF;
    IF elapsed > timeout THEN
      RETURN NULL;
    END IF;
    PERFORM pg_sleep(0.05);
    elapsed = elapsed + 0.05;
  END LOOP;
END;
$$ LANGUAGE plpgsql;
