-- What the migrations in testdata/demo that ran made, as Ecto sends it. Made by go test; not to be edited.
CREATE TABLE "schema_migrations" ("version" bigint, "inserted_at" timestamp(0), PRIMARY KEY ("version"));

-- next
-- 20160104170209 create_people
CREATE TABLE "people" ("id" bigserial, "name" varchar(255) NOT NULL, "handle" varchar(255) NOT NULL, "email" varchar(255) NOT NULL, "bio" text, "admin" boolean DEFAULT false NOT NULL, "inserted_at" timestamp(0) NOT NULL, "updated_at" timestamp(0) NOT NULL, PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "people_email_index" ON "people" ("email");
CREATE UNIQUE INDEX "people_handle_index" ON "people" ("handle");
INSERT INTO "schema_migrations" VALUES (20160104170209, to_timestamp('20160104170209', 'YYYYMMDDHH24MISS'));

-- next
-- 20160218040913 create_podcasts
CREATE TABLE "podcasts" ("id" bigserial, "name" varchar(255) NOT NULL, "slug" varchar(255) NOT NULL, "status" integer DEFAULT 0 NOT NULL, "inserted_at" timestamp(0) NOT NULL, "updated_at" timestamp(0) NOT NULL, PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "podcasts_slug_index" ON "podcasts" ("slug");
INSERT INTO "schema_migrations" VALUES (20160218040913, to_timestamp('20160218040913', 'YYYYMMDDHH24MISS'));

-- next
-- 20160611192814 create_posts
CREATE TABLE "posts" ("id" bigserial, "podcast_id" bigint, CONSTRAINT "posts_podcast_id_fkey" FOREIGN KEY ("podcast_id") REFERENCES "podcasts"("id") ON DELETE CASCADE, "author_id" bigint NOT NULL, CONSTRAINT "posts_author_id_fkey" FOREIGN KEY ("author_id") REFERENCES "people"("id"), "title" varchar(255) NOT NULL, "slug" varchar(255) NOT NULL, "tldr" text, "body" text, "published" boolean DEFAULT false NOT NULL, "published_at" timestamp(0), "inserted_at" timestamp(0) NOT NULL, "updated_at" timestamp(0) NOT NULL, PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "posts_slug_index" ON "posts" ("slug");
CREATE INDEX "posts_author_id_index" ON "posts" ("author_id");
INSERT INTO "schema_migrations" VALUES (20160611192814, to_timestamp('20160611192814', 'YYYYMMDDHH24MISS'));

-- next
-- 20161207211502 create_subscriptions
CREATE TABLE "subscriptions" ("id" bigserial, "person_id" bigint NOT NULL, CONSTRAINT "subscriptions_person_id_fkey" FOREIGN KEY ("person_id") REFERENCES "people"("id") ON DELETE CASCADE, "podcast_id" bigint, CONSTRAINT "subscriptions_podcast_id_fkey" FOREIGN KEY ("podcast_id") REFERENCES "podcasts"("id") ON DELETE CASCADE, "unsubscribed_at" timestamp(0), "inserted_at" timestamp(0) NOT NULL, "updated_at" timestamp(0) NOT NULL, PRIMARY KEY ("id"));
CREATE INDEX "subscriptions_person_id_index" ON "subscriptions" ("person_id");
CREATE UNIQUE INDEX "subscriptions_person_id_podcast_id_index" ON "subscriptions" ("person_id", "podcast_id");
INSERT INTO "schema_migrations" VALUES (20161207211502, to_timestamp('20161207211502', 'YYYYMMDDHH24MISS'));

-- next
-- 20170417153019 create_events
CREATE TABLE "events" ("id" bigserial, "post_id" bigint, CONSTRAINT "events_post_id_fkey" FOREIGN KEY ("post_id") REFERENCES "posts"("id") ON DELETE SET NULL, "kind" varchar(255) NOT NULL, "region" varchar(8), "payload" jsonb DEFAULT '{}' NOT NULL, "inserted_at" timestamp DEFAULT timezone('utc', now()) NOT NULL, PRIMARY KEY ("id"));
CREATE INDEX "events_post_id_index" ON "events" ("post_id");
CREATE INDEX "events_inserted_at_index" ON "events" ("inserted_at");
INSERT INTO "schema_migrations" VALUES (20170417153019, to_timestamp('20170417153019', 'YYYYMMDDHH24MISS'));

-- next
-- 20180212200611 add_position_to_podcasts
ALTER TABLE "podcasts" ADD COLUMN "position" integer;
INSERT INTO "schema_migrations" VALUES (20180212200611, to_timestamp('20180212200611', 'YYYYMMDDHH24MISS'));

-- next
-- 20190315142755 add_settings_to_people
ALTER TABLE "people" ADD COLUMN "settings" jsonb DEFAULT '{}' NOT NULL;
INSERT INTO "schema_migrations" VALUES (20190315142755, to_timestamp('20190315142755', 'YYYYMMDDHH24MISS'));

-- next
-- 20200114191028 rename_tldr_to_summary
ALTER TABLE "posts" RENAME "tldr" TO "summary";
INSERT INTO "schema_migrations" VALUES (20200114191028, to_timestamp('20200114191028', 'YYYYMMDDHH24MISS'));

-- next
-- 20200902163344 add_impressions_to_posts
ALTER TABLE "posts" ADD COLUMN "impressions" integer DEFAULT 0 NOT NULL;
INSERT INTO "schema_migrations" VALUES (20200902163344, to_timestamp('20200902163344', 'YYYYMMDDHH24MISS'));

-- next
-- 20210617204510 index_published_posts
CREATE INDEX CONCURRENTLY "posts_published_at_index" ON "posts" ("published_at") WHERE published;
-- next
INSERT INTO "schema_migrations" VALUES (20210617204510, to_timestamp('20210617204510', 'YYYYMMDDHH24MISS'));

-- next
-- 20211028145216 add_context_to_subscriptions
ALTER TABLE "subscriptions" ADD COLUMN "context" text;
ALTER TABLE "subscriptions" ADD CONSTRAINT "subscriptions_context_length" CHECK (char_length(context) <= 200) NOT VALID;
INSERT INTO "schema_migrations" VALUES (20211028145216, to_timestamp('20211028145216', 'YYYYMMDDHH24MISS'));

-- next
-- 20211102093055 validate_subscriptions_context_length
ALTER TABLE subscriptions VALIDATE CONSTRAINT subscriptions_context_length;
INSERT INTO "schema_migrations" VALUES (20211102093055, to_timestamp('20211102093055', 'YYYYMMDDHH24MISS'));

-- next
-- 20220425131922 add_oban
-- What Oban.Migration.up(version: 12) makes, as far as jobs here need it.
CREATE TYPE oban_job_state AS ENUM ('available', 'scheduled', 'executing', 'retryable', 'completed', 'discarded', 'cancelled');
CREATE TABLE oban_jobs (
  id bigserial PRIMARY KEY,
  state oban_job_state NOT NULL DEFAULT 'available',
  queue text NOT NULL DEFAULT 'default',
  worker text NOT NULL,
  args jsonb NOT NULL DEFAULT '{}',
  errors jsonb[] NOT NULL DEFAULT ARRAY[]::jsonb[],
  attempt integer NOT NULL DEFAULT 0,
  max_attempts integer NOT NULL DEFAULT 20,
  priority integer NOT NULL DEFAULT 0,
  tags text[] DEFAULT ARRAY[]::text[],
  meta jsonb DEFAULT '{}',
  attempted_by text[],
  inserted_at timestamp without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
  scheduled_at timestamp without time zone NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
  attempted_at timestamp without time zone,
  completed_at timestamp without time zone,
  discarded_at timestamp without time zone,
  cancelled_at timestamp without time zone,
  CONSTRAINT attempt_range CHECK (attempt >= 0 AND attempt <= max_attempts),
  CONSTRAINT positive_max_attempts CHECK (max_attempts > 0),
  CONSTRAINT queue_length CHECK (char_length(queue) > 0 AND char_length(queue) < 128),
  CONSTRAINT worker_length CHECK (char_length(worker) > 0 AND char_length(worker) < 128)
);
CREATE INDEX oban_jobs_state_queue_priority_scheduled_at_id_index ON oban_jobs (state, queue, priority, scheduled_at, id);
CREATE INDEX oban_jobs_args_index ON oban_jobs USING gin (args);
COMMENT ON TABLE oban_jobs IS '12';
CREATE UNLOGGED TABLE oban_peers (
  name text PRIMARY KEY,
  node text NOT NULL,
  started_at timestamp without time zone NOT NULL,
  expires_at timestamp without time zone NOT NULL
);
INSERT INTO "schema_migrations" VALUES (20220425131922, to_timestamp('20220425131922', 'YYYYMMDDHH24MISS'));

-- next
-- 20221117190000 add_watch_for_lsn_change
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
INSERT INTO "schema_migrations" VALUES (20221117190000, to_timestamp('20221117190000', 'YYYYMMDDHH24MISS'));

-- next
-- 20230403155208 create_topics
CREATE TABLE "topics" ("id" bigserial, "name" varchar(255) NOT NULL, "slug" varchar(255) NOT NULL, "inserted_at" timestamp(0) NOT NULL, "updated_at" timestamp(0) NOT NULL, PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "topics_slug_index" ON "topics" ("slug");
CREATE TABLE "posts_topics" ("post_id" bigint NOT NULL, CONSTRAINT "posts_topics_post_id_fkey" FOREIGN KEY ("post_id") REFERENCES "posts"("id") ON DELETE CASCADE, "topic_id" bigint NOT NULL, CONSTRAINT "posts_topics_topic_id_fkey" FOREIGN KEY ("topic_id") REFERENCES "topics"("id") ON DELETE CASCADE, PRIMARY KEY ("post_id","topic_id"));
CREATE INDEX "posts_topics_topic_id_index" ON "posts_topics" ("topic_id");
INSERT INTO "schema_migrations" VALUES (20230403155208, to_timestamp('20230403155208', 'YYYYMMDDHH24MISS'));

-- next
-- 20230919142301 create_sponsors
CREATE TABLE "sponsors" ("id" bigserial, "name" varchar(255) NOT NULL, "website" varchar(255), "inserted_at" timestamp(0) NOT NULL, "updated_at" timestamp(0) NOT NULL, PRIMARY KEY ("id"));
INSERT INTO "schema_migrations" VALUES (20230919142301, to_timestamp('20230919142301', 'YYYYMMDDHH24MISS'));

-- next
-- 20240212181544 create_transcripts
CREATE TABLE "transcripts" ("id" bigserial, "post_id" bigint NOT NULL, CONSTRAINT "transcripts_post_id_fkey" FOREIGN KEY ("post_id") REFERENCES "posts"("id") ON DELETE CASCADE, "body" text NOT NULL, "inserted_at" timestamp(0) NOT NULL, "updated_at" timestamp(0) NOT NULL, PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "transcripts_post_id_index" ON "transcripts" ("post_id");
INSERT INTO "schema_migrations" VALUES (20240212181544, to_timestamp('20240212181544', 'YYYYMMDDHH24MISS'));

-- next
-- 20240806170312 create_plays
CREATE UNLOGGED TABLE "plays" ("post_id" integer NOT NULL, "day" date DEFAULT CURRENT_DATE NOT NULL, "seconds" smallint DEFAULT 0 NOT NULL, "region" varchar(8));
INSERT INTO "schema_migrations" VALUES (20240806170312, to_timestamp('20240806170312', 'YYYYMMDDHH24MISS'));

-- next
-- 20250121151230 add_signed_in_at_to_people
ALTER TABLE "people" ADD COLUMN "signed_in_at" timestamp(0);
INSERT INTO "schema_migrations" VALUES (20250121151230, to_timestamp('20250121151230', 'YYYYMMDDHH24MISS'));

-- next
-- 20250818120044 add_website_index_to_sponsors
CREATE INDEX "sponsors_website_index" ON "sponsors" ("website");
INSERT INTO "schema_migrations" VALUES (20250818120044, to_timestamp('20250818120044', 'YYYYMMDDHH24MISS'));
