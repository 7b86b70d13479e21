-- Representative queries of the KGC application: cutover.smoke.queries of migration.toml names this
-- file. They are planned on both sides, never run. Tables are named as the application names them.

-- sign in
select id, public_id, display_name, locale, time_zone, preferences
from users where lower(email) = lower($1) and is_active;

-- roles of the signed-in user
select role from user_roles where user_id = $1;

-- devices that get a push message
select "pushToken" from "userDevices" where "userId" = $1 order by "lastSeenAt" desc nulls last;

-- the user's measurements of a day
select metric, value, unit, recorded_at from health_metrics
where user_id = $1 and recorded_at >= now() - interval '1 day' order by recorded_at desc;

-- a new measurement
insert into health_metrics (user_id, metric, value, unit, recorded_at)
values ($1, $2, $3, $4, now());

-- care plan of a patient
select id, title, directive, priority from care_plan_directives
where patient_id = $1 and status = 'active' order by priority, starts_on;

-- favourite images
select i.id, i.title, i.thumbnail from user_favorites f join motivational_images i on i.id = f.image_id
where f.user_id = $1 order by f."position";

-- memory of a conversation
select speaker, content from chat_memory where user_id = $1 and conversation_id = $2
order by created_at desc limit 20;
