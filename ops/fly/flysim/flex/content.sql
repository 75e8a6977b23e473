-- Rows for the tables that the application's migrations made.
INSERT INTO people (name, handle, email, bio, admin, inserted_at, updated_at)
  SELECT 'Listener ' || n, 'listener' || n, 'listener' || n || '@example.com', repeat('Likes latency. ', n % 5), n <= 3,
    now() - n * interval '3 hours', now() - n * interval '1 hour' FROM generate_series(1, 1500) n;
INSERT INTO podcasts (name, slug, status, position, inserted_at, updated_at)
  SELECT name, lower(name), 1, n, now() - interval '9 years', now() - interval '40 days'
  FROM unnest(ARRAY['Interviews', 'News', 'Friends', 'Practical']) WITH ORDINALITY AS p (name, n);
INSERT INTO posts (podcast_id, author_id, title, slug, summary, body, impressions, published, published_at, inserted_at, updated_at)
  SELECT 1 + n % 4, 1 + n % 3, 'Issue ' || n, 'issue-' || n, 'What happened in week ' || n, repeat('All of it. ', 20 + n % 60),
    (n * 7919) % 40000, n % 20 <> 0, now() - n * interval '2 days', now() - n * interval '2 days', now() - n * interval '1 day'
  FROM generate_series(1, 800) n;
INSERT INTO subscriptions (person_id, podcast_id, inserted_at, updated_at)
  SELECT p, 1 + p % 4, now() - p * interval '2 hours', now() - p * interval '2 hours' FROM generate_series(1, 1500) p;
INSERT INTO events (post_id, kind, region, payload, inserted_at)
  SELECT 1 + n % 800, (ARRAY['view', 'play', 'share'])[1 + n % 3], (ARRAY['ord', 'fra', 'sin', 'syd'])[1 + n % 4],
    jsonb_build_object('ms', n % 900), now() AT TIME ZONE 'utc' - n * interval '4 seconds' FROM generate_series(1, 8000) n;
INSERT INTO oban_jobs (state, queue, worker, args, attempt, attempted_at, completed_at)
  SELECT 'completed', 'default', 'Changelog.ObanWorkers.FeedUpdater', jsonb_build_object('id', n), 1, now() AT TIME ZONE 'utc', now() AT TIME ZONE 'utc'
  FROM generate_series(1, 200) n;
INSERT INTO topics (name, slug, inserted_at, updated_at)
  SELECT initcap(name), name, now() - interval '2 years', now() - interval '2 years'
  FROM unnest(ARRAY['latency', 'replication', 'migrations', 'tooling', 'erlang', 'incidents', 'careers', 'testing']) name;
INSERT INTO posts_topics (post_id, topic_id) SELECT n, 1 + (n * 7 + t * 3) % 8 FROM generate_series(1, 800) n, generate_series(0, 1) t;
INSERT INTO sponsors (name, website, inserted_at, updated_at)
  SELECT 'Sponsor ' || n, 'https://sponsor' || n || '.example.com', now() - interval '1 year', now() - interval '1 year' FROM generate_series(1, 12) n;
INSERT INTO transcripts (post_id, body, inserted_at, updated_at)
  SELECT n, repeat('And then the pager went off. ', 40 + n % 80), now() - n * interval '2 days', now() - n * interval '2 days'
  FROM generate_series(1, 600) n;
