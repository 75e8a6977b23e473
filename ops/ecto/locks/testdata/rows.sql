insert into groups (name) select 'g' || i from generate_series(1, 2000) i;
insert into posts (group_ref, title, body, n, price, active, ts, tsu, tstz, slug, ci, inserted_at)
	select (i % 2000) + 1, 't' || i, 'b', i, i % 1000, true, now(), now(), now(), 's' || i, 'x' || i, now() from generate_series(1, 4000) i;
insert into child (post_id) select i from generate_series(1, 2000) i;
insert into parts select i, '2024-05-01' from generate_series(1, 2000) i;
insert into part_new select i, '2025-05-01' from generate_series(1, 2000) i;
analyze;
