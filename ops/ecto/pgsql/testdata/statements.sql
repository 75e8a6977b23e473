alter table app.posts add column x varchar(255) not null default 'a', add column y uuid default gen_random_uuid() references users(id) on delete cascade, alter column z type bigint using z::bigint, drop column if exists q cascade
;;
create unique index concurrently if not exists i on only posts using gin (lower(title), "Weird name" desc) include (b) where deleted_at is null
;;
alter table posts add constraint c foreign key (a,b) references users(x,y) on delete set null not valid, validate constraint d, add primary key using index posts_idx, add check (length(a) > 3), add constraint ex exclude using gist (room with =)
;;
drop table if exists a, b.c cascade; drop index concurrently i; drop trigger t on s.posts; drop type if exists x
;;
select 1 from a join b on true; update posts set x=1; delete from posts where id < 5; insert into a select * from b; insert into a values (1)
;;
set local lock_timeout = '2s'; set lock_timeout to 5000; reset lock_timeout; alter role joe set lock_timeout='1s'; begin; lock table posts in share mode
;;
vacuum full posts; vacuum (full off) x; cluster posts using i; reindex (concurrently) index i; reindex table concurrently t; refresh materialized view concurrently mv
;;
create table p (id bigint generated always as identity primary key, a int[] check (a is not null), b timestamptz default now(), c text generated always as (lower(d)) stored, e interval, f "char", g timestamp(0) with time zone, h app.status, unique (a,b)) partition by range (b)
;;
create table p1 partition of p for values from (1) to (2); alter table p attach partition p2 for values in (1); alter table p detach partition p2 concurrently; alter index i attach partition j
;;
alter type mood add value if not exists 'x' after 'y'; alter type mood rename value 'a' to 'b'; create type m as enum ('a'); create domain d as text check (value <> ''); alter table x enable row level security; alter table x disable trigger all; alter table x set logged
;;
alter table a rename column b to c; alter table a rename to b; alter table a rename constraint x to y; alter index a rename to b; alter schema a rename to b; alter table a set schema b
;;
alter tabel x; select 1
;;
select 'ünï' from from x
;;
-- nothing
;;
create table if not exists "Mixed".orders as select * from t; create materialized view mv as select 1; create view v as select 1; create temp table x (a int)
;;
comment on table a is 'x'; grant select on a to b; copy a from stdin; do $$ begin perform 1; end $$; create function f() returns int language sql as 'select 1; drop table x'
;;
alter table a alter b set default 5, alter b drop default, alter c set not null, alter c drop not null, alter d set statistics 100, alter e add generated always as identity, alter f type text collate "C"
;;
alter table only a add check (x > 1) not valid; alter table if exists a add unique (b), add constraint u unique using index i, replica identity full, owner to joe
;;
create trigger t before insert on s.posts for each row execute function f(); create policy p on posts using (true); create extension if not exists citext; create schema if not exists s; create sequence q; create domain pos as int
;;
alter system set lock_timeout = '1s'; alter database x set lock_timeout = 3; set statement_timeout = 0; reset all; set session characteristics as transaction read only
;;
select pg_sleep(1); with x as (delete from a returning *) insert into b select * from x; insert into a default values; truncate a, b restart identity cascade; analyze a
;;
select 'a\'b'
;;
drop function f(int), g; drop schema s cascade; drop view v; drop materialized view mv; drop extension e
;;
alter index i set (fillfactor = 70); alter view v rename column a to b; alter type t rename to u; alter table a detach partition b finalize
