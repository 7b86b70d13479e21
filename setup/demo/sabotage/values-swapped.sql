-- two rows of public.patient_progress_reports have traded their bmi
set local session_replication_role = replica;

with pair as (
    select min(id) as one, max(id) as other
    from (
        select distinct on (bmi) id, bmi from public.patient_progress_reports
        where bmi is not null order by bmi, id limit 2
    ) as different
)
update public.patient_progress_reports r
set bmi = (
    select o.bmi from public.patient_progress_reports o
    where o.id = case r.id when pair.one then pair.other else pair.one end
)
from pair where r.id in (pair.one, pair.other);
