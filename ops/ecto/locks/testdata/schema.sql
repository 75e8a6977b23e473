create extension if not exists citext;
create extension if not exists btree_gist;
create table groups (id bigserial primary key, name text);
create table posts (id bigserial primary key, group_ref bigint, title varchar(255), body text, n int, price numeric(8,2), active boolean,
	ts timestamp(0), tsu timestamp, tstz timestamptz, slug text, j json, ci citext, inserted_at timestamp(0) not null);
create index posts_title_index on posts (title);
create index posts_ci_index on posts (ci);
create table child (id bigserial primary key, post_id bigint, constraint child_post_id_fkey foreign key (post_id) references posts(id));
create table parts (id bigint, d date) partition by range (d);
create table parts_1 partition of parts for values from ('2024-01-01') to ('2025-01-01');
create table part_new (id bigint, d date);
create type st as enum ('a', 'b');
create function trg() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger t0 before insert on posts for each row execute function trg();
alter table posts add constraint body_nn check (body is not null);
alter table posts add constraint slug_nn check (slug is not null) not valid;
create unique index posts_id_slug_idx on posts (slug);
create unique index posts_slug_title_idx on posts (slug, title);
