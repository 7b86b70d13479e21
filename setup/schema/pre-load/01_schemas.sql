-- KGC's tables leave public for schemas by concern; who may use these, and how the application,
-- which writes unqualified names, finds them.
do $$
begin
    execute format(
        'alter role kgc_app in database %I set search_path = public, auth, health, audit',
        current_database()
    );
end
$$;

set local role kgc_owner;

create schema auth;
create schema health;
create schema audit;

grant usage on schema auth, health, audit to kgc_app;
