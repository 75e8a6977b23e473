-- A database with what dumps and restores stumble over. Roles: shop_owner, "Report Reader" (made by the tests).
create extension citext;
create extension pg_trgm;
create extension hstore;
create extension btree_gist;

create schema "Größe";
create schema "with.dot and ""quote""";
alter schema "Größe" owner to shop_owner;

create type mood as enum ('sad', 'ok', 'very happy', 'it''s "odd"');
create type pair as (a int, "B b" text);
create domain positive as int check (value > 0);
create domain email as citext check (value ~ '@');

create table customers (
  id bigint generated always as identity primary key,
  email email not null unique,
  mood mood default 'ok',
  tags hstore default '',
  data jsonb,
  raw json,
  photo bytea,
  pairs pair[],
  age positive,
  during tstzrange,
  born date,
  seen timestamptz,
  f8 float8, f4 float4, num numeric, iv interval, bits bit(5), ip inet, xid uuid,
  full_name text, lower_name text generated always as (lower(full_name)) stored,
  collated text collate "C"
);
alter table customers owner to shop_owner;
insert into customers (email, mood, tags, data, raw, photo, pairs, age, during, born, seen, f8, f4, num, iv, bits, ip, xid, full_name, collated)
select 'c' || i || '@Example.com', (array['sad','ok','very happy','it''s "odd"'])[1 + i % 4]::mood, hstore('k' || i, E'a\tb\nc\\d'),
  jsonb_build_object('n', i, 't', E'line\nbreak', 'u', U&'\D83D\DE00'), '{"a" :  1,  "a": 2}', decode(md5(i::text) || '000aff5c2e0a', 'hex'),
  array[row(i, E'x\\.\ny')::pair, row(null, '')::pair], i, tstzrange('2024-01-01', null), date '0044-03-15 BC' + i, timestamptz '2024-03-31 02:30:00+01' + i * interval '1 hour',
  case i % 4 when 0 then float8 'NaN' when 1 then '-Infinity' when 2 then 0.1 + 0.2 else 1e-300 end, i / 3.0, i / 7.0, '1 mon -3 days', B'10101', '2001:db8::1', md5(i::text)::uuid,
  case i % 3 when 0 then null when 1 then '' else E'\\N' end, E'\\.'
from generate_series(1, 500) i;

create table "user" (id int primary key, "select" text);
insert into "user" values (1, E'\\.'), (2, E'\\N'), (3, E'\n\n\\.\n'), (4, null);
create table "with.dot and ""quote"""."Tab	le
with newline; COPY x FROM stdin;" ("Ünï" serial primary key, "a.b" text);
insert into "with.dot and ""quote"""."Tab	le
with newline; COPY x FROM stdin;" ("a.b") select repeat(E'\\.\n', 3) from generate_series(1, 7);
create table "Größe"."日本語" (v varchar(10));
insert into "Größe"."日本語" values ('é'), (E'e\u0301'), ('漢字');
alter table "Größe"."日本語" owner to shop_owner;

create table nothing ();
insert into nothing default values;
insert into nothing default values;
create table empty_one (id int);
create unlogged table unlogged_one (id int);
insert into unlogged_one select generate_series(1, 3);

create table events (id bigserial, at timestamptz not null, kind text, primary key (id, at, kind)) partition by range (at);
create table events_2023 partition of events for values from ('2023-01-01') to ('2024-01-01');
create table events_2024 partition of events for values from ('2024-01-01') to ('2025-01-01') partition by list (kind);
create table events_2024_a partition of events_2024 for values in ('a');
create table events_2024_rest partition of events_2024 default;
create table events_rest partition of events default;
insert into events (at, kind) select timestamptz '2023-06-01' + i * interval '1 day', chr(97 + i % 3) from generate_series(1, 900) i;
create index on events (kind);
select setval('events_id_seq', 4242, false);

create table orders (
  id uuid primary key default gen_random_uuid(), customer bigint references customers deferrable initially deferred,
  total numeric(12, 2) check (total >= 0), slot int4range, exclude using gist (slot with &&)
);
insert into orders (customer, total, slot) select 1 + i % 500, i, int4range(i, i + 1) from generate_series(1, 300) i;
create table a (id int primary key, b int);
create table b (id int primary key, a int references a);
insert into a values (1, 1);
insert into b values (1, 1);
alter table a add foreign key (b) references b;

create table parent (id int, what text);
create table child (more text) inherits (parent);
insert into parent values (1, 'p');
insert into child values (2, 'c', 'm');

create table audit (at timestamptz default now(), what text);
create function note() returns trigger language plpgsql as $f$
begin
  -- What a reader of SQL text could take for data:
  -- COPY public.audit (at, what) FROM stdin;
  insert into audit (what) values (tg_op || E'\\.');
  return new;
end $f$;
create trigger noting after insert on customers for each row execute function note();
create table loud (id int primary key);
create rule no_delete as on delete to loud do instead nothing;
insert into loud select generate_series(1, 11);

create table secrets (owner text, what text);
alter table secrets enable row level security;
alter table secrets force row level security;
create policy own on secrets to "Report Reader" using (owner = current_user);
insert into secrets select 'x', i::text from generate_series(1, 20) i;
grant select on secrets to "Report Reader";
alter default privileges in schema public grant select on tables to "Report Reader";

create view lowest as select min(age) as age from customers;
create view on_lowest with (security_barrier) as select * from lowest;
create materialized view by_kind as select kind, count(*) as n from events group by kind with data;
create unique index on by_kind (kind);
create materialized view never_filled as select 1 as one with no data;
create statistics some_stats on kind, at from events_2023;
create sequence alone start 5 increment -2 minvalue -100 maxvalue 50 cycle;
select nextval('alone'), nextval('alone');
create index on customers using gin (full_name gin_trgm_ops);
create aggregate joined(text) (sfunc = textcat, stype = text);
comment on table customers is E'a comment; with ''quotes''\nand lines';
create publication everything for table customers;
create function watch() returns event_trigger language plpgsql as 'begin perform 1; end';
create event trigger watching on ddl_command_end when tag in ('COMMENT') execute function watch();

select lo_from_bytea(0, decode(repeat('00ff0a5c2e', 20000), 'hex'));
select lo_from_bytea(4000000000, 'text');
select lo_from_bytea(0, '');
comment on large object 4000000000 is 'a large one';
