"""Changes of roles, settings and the database, in the format of database_changes."""

CLUSTER = [
    ("alter role lab_app superuser", "role lab_app: superuser"),
    ("alter role lab_app noinherit", "role lab_app: inherit"),
    ("alter role lab_app createrole", "role lab_app: createrole"),
    ("alter role lab_app createdb", "role lab_app: createdb"),
    ("alter role lab_app nologin", "role lab_app: canlogin"),
    ("alter role lab_app replication", "role lab_app: replication"),
    ("alter role lab_app bypassrls", "role lab_app: bypassrls"),
    ("alter role lab_app connection limit -1", "role lab_app: connection_limit"),
    ("alter role lab_reader valid until 'infinity'", "role lab_reader: valid_until"),
    ("alter role lab_app password 'SECRET-other'",),
    ("revoke lab_reader from lab_app", "role lab_app: member_of"),
    ("grant lab_reader to lab_app with admin option", "role lab_app: member_of"),
    ("grant lab_reader to lab_app with inherit false", "role lab_app: member_of"),
    ("grant pg_read_all_data to lab_app", "role lab_app: member_of"),
    ("alter role lab_plain rename to lab_gone", "-role lab_plain", "+role lab_gone"),
    (
        "alter role lab_app reset all",
        "-role_setting statement_timeout of lab_app in every database",
    ),
    (
        "alter role lab_app set statement_timeout = '8s'",
        "role_setting statement_timeout of lab_app in every database: value",
    ),
    (
        "alter role lab_app in database {database} set search_path = app, public",
        "+role_setting search_path of lab_app in this database",
    ),
    (
        "alter role all set work_mem = '5MB'",
        "+role_setting work_mem of every role in every database",
    ),
    ("alter database {database} set timezone = 'Europe/Paris'", "+database_setting TimeZone"),
    ("alter database {database} set app.secret = 'SECRET-setting'", "+database_setting app.secret"),
    ("alter database {database} connection limit 5", "database this database: connection_limit"),
    (
        "revoke connect on database {database} from public",
        "database_grant this database to public: privileges",
    ),
    (
        "grant create on database {database} to lab_owner",
        "+database_grant this database to lab_owner",
    ),
    ("select lo_create(4711)", "large_object all large objects: count owners owners_and_rights"),
    (
        "update pg_database set datcollversion = '1' where datname = current_database()",
        "database_collation_version this database: recorded stale",
    ),
    (
        "update pg_collation set collversion = '1' where collname = 'plain'",
        "collation_version app.plain: recorded stale",
    ),
]
