set local role kgc_owner;

create table public.patient_invitations (
    id uuid primary key default gen_random_uuid(),
    invitation_number bigint not null default nextval('public.invitation_number_seq'),
    invited_by bigint not null,
    accepted_by bigint,
    email public.email_address not null,
    token char(32) not null,
    status varchar(12) not null default 'pending',
    message text,
    sent_at timestamp with time zone not null default now(),
    expires_at timestamp with time zone not null,
    constraint patient_invitations_number_key unique (invitation_number),
    constraint patient_invitations_status_check
        check (status in ('pending', 'accepted', 'expired', 'revoked')),
    constraint patient_invitations_invited_by_fkey foreign key (invited_by)
        references public.users (id),
    constraint patient_invitations_accepted_by_fkey foreign key (accepted_by)
        references public.users (id) on delete set null
);
create unique index patient_invitations_pending_idx
    on public.patient_invitations (lower(email)) where status = 'pending';

create table public.admin_activity_log (
    id bigserial primary key,
    admin_id bigint,
    request_id uuid not null,
    action varchar(60) not null,
    object_name varchar(120),
    detail jsonb,
    occurred_at timestamp with time zone not null default clock_timestamp(),
    constraint admin_activity_log_admin_id_fkey foreign key (admin_id)
        references public.users (id) on delete set null
);
create index admin_activity_log_admin_id_idx
    on public.admin_activity_log (admin_id, occurred_at desc) include (action);
create index admin_activity_log_occurred_at_idx
    on public.admin_activity_log using brin (occurred_at);

create view public.active_patients as
    select u.id, u.display_name, u.email, r.granted_at as patient_since, p.doctor_id
    from public.users u
    join public.user_roles r on r.user_id = u.id and r.role = 'patient'
    left join public.doctor_patients p on p.patient_id = u.id and p.until is null
    where u.is_active;

create materialized view public.content_engagement as
    select i.id as image_id, i.title, count(c.id) as interactions, max(c.happened_at) as last_at
    from public.motivational_images i
    left join public.content_interactions c on c.image_id = i.id
    group by i.id, i.title
    with no data;
create unique index content_engagement_image_id_key on public.content_engagement (image_id);

comment on table public.admin_activity_log is 'who did what; kept for seven years';
comment on index public.admin_activity_log_admin_id_idx is 'the audit page reads from here alone';

grant select, insert, update, delete on public.patient_invitations to kgc_app;
grant select, insert on public.admin_activity_log to kgc_app;
grant select on public.active_patients, public.content_engagement to kgc_app;
grant usage on all sequences in schema public to kgc_app;
