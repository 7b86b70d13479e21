-- audit.admin_activity_log has a row that the source never had
set local session_replication_role = replica;

insert into audit.admin_activity_log (id, admin_id, request_id, action, occurred_at)
select max(id) + 1000000, 3, '00000000-0000-4000-8000-000000000001', 'user.deactivate',
       max(occurred_at)
from audit.admin_activity_log;
