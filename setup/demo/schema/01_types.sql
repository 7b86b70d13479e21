set local role kgc_owner;

-- before PostgreSQL 14 there is no pg_read_all_data
do $$
begin
    if current_setting('server_version_num')::integer < 140000 then
        execute 'alter default privileges in schema public grant select on tables to kgc_check';
    end if;
end
$$;

create type public.user_role as enum ('patient', 'doctor', 'nurse', 'admin');

create type public.metric_type as enum (
    'heart_rate', 'systolic', 'diastolic', 'weight', 'glucose', 'steps', 'sleep', 'spo2',
    'temperature'
);

create type public.directive_status as enum ('draft', 'active', 'completed', 'withdrawn');

create domain public.email_address as varchar(320)
    constraint email_address_check check (value ~ '^[^@[:space:]]+@[^@[:space:]]+$');

create domain public.percentage as numeric(5, 2)
    constraint percentage_check check (value between 0 and 100);

-- numbers on printed invitations: of no table, and ahead of every stored value
create sequence public.invitation_number_seq as bigint start with 1000 increment by 1;

create function public.touch_updated_at() returns trigger
    language plpgsql
as $$
begin
    new.updated_at := now();
    return new;
end
$$;

-- written by the gate: when a row has arrived on the target, everything before it has as well
create table public.pgcutover_marker (
    id uuid primary key,
    noted_at timestamp with time zone not null default clock_timestamp()
);
