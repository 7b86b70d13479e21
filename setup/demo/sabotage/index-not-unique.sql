-- the unique index users_email_lower_idx is an ordinary one
drop index auth.users_email_lower_idx;

create index users_email_lower_idx on auth.users (lower(email));
