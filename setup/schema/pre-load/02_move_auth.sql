-- Who somebody is. Keys, indexes, foreign keys, triggers, grants and sequences go along.
set local role kgc_owner;

alter table public.users set schema auth;
alter table public.user_roles set schema auth;
