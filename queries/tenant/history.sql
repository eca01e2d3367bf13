-- What happened to a patient, kind by kind, newest first. A page goes on after
-- the last row of the one before, whatever kind that was.

-- name: ListPastVisits :many
-- With what was found. The visits are counted off before anything is looked up
-- for them, since a patient may have thousands.
select v.id, v.day, v.arrived_at, v.kind, v.purpose, v.state, coalesce(t.label, '')::text as label, coalesce(u.full_name, o.name, '')::text as doctor,
       c.id as consultation_id, coalesce(c.complaint, '')::text as complaint,
       coalesce((select array_agg(d.title order by n.finished_at, d.position) from consultations n join diagnoses d on d.consultation_id = n.id
                 where n.visit_id = v.id and n.state = 'finished' and not d.withdrawn), '{}')::text[] as titles
from (select w.id, w.day, w.arrived_at, w.kind, w.purpose, w.state, w.doctor_id, w.department_id
      from visits w
      where w.patient_id = any (@patient_ids::uuid[]) and w.id <> @besides and (w.arrived_at, w.id) < (@before_at::timestamptz, @before_id::uuid)
      order by w.arrived_at desc, w.id desc
      limit @at_most::integer) v
left join tokens t on t.visit_id = v.id
left join consultations c on c.id = (select m.id from consultations m where m.visit_id = v.id and m.state = 'finished' order by m.finished_at, m.id limit 1)
left join users u on u.id = coalesce(c.doctor_id, v.doctor_id)
left join departments o on o.id = v.department_id
order by v.arrived_at desc, v.id desc;

-- name: ListPastPrescriptions :many
-- A draft with a number is the older system's, and stands where it was written.
select p.id, p.number, p.visit_id, p.state, p.cancel_reason, coalesce(p.issued_at, p.created_at)::timestamptz as issued_at, u.full_name as doctor
from prescriptions p join users u on u.id = p.doctor_id
where p.patient_id = any (@patient_ids::uuid[]) and p.number <> '' and (coalesce(p.issued_at, p.created_at), p.id) < (@before_at::timestamptz, @before_id::uuid)
order by 6 desc, p.id desc
limit @at_most::integer;

-- name: ListPastTests :many
select t.id, t.visit_id, t.state, t.state_reason, t.name, t.kind, t.urgency, t.note, t.result, t.requested_at, u.full_name as doctor
from test_requests t join users u on u.id = t.doctor_id
where t.patient_id = any (@patient_ids::uuid[]) and (t.requested_at, t.id) < (@before_at::timestamptz, @before_id::uuid)
order by t.requested_at desc, t.id desc
limit @at_most::integer;

-- name: ListPastAppointments :many
select a.id, a.starts_at, a.kind, a.purpose, a.state, a.state_reason, u.full_name as doctor
from appointments a join users u on u.id = a.doctor_id
where a.patient_id = any (@patient_ids::uuid[]) and (a.starts_at, a.id) < (@before_at::timestamptz, @before_id::uuid)
order by a.starts_at desc, a.id desc
limit @at_most::integer;

-- name: ListPastFollowUps :many
-- They stand where they were asked for.
select f.id, f.due_on, f.note, f.state, f.created_at, c.visit_id, u.full_name as doctor
from follow_ups f join users u on u.id = f.doctor_id join consultations c on c.id = f.consultation_id
where f.patient_id = any (@patient_ids::uuid[]) and (f.created_at, f.id) < (@before_at::timestamptz, @before_id::uuid)
order by f.created_at desc, f.id desc
limit @at_most::integer;

-- name: ListPressures :many
-- Of some visits, the last reading last.
select v.visit_id, v.systolic, v.diastolic
from vitals v
where v.visit_id = any (@visit_ids::uuid[]) and v.systolic is not null
order by v.taken_at, v.id;

-- name: ListRunningMedicines :many
-- What was prescribed for days that are not over, refills counted. A line
-- without days is left out: nobody said how long.
select l.medicine, l.strength, l.morning, l.afternoon, l.evening, l.night, l.sos, l.days, l.refills, p.id as prescription_id, p.number, p.issued_at, u.full_name as doctor
from prescription_lines l join prescriptions p on p.id = l.prescription_id join users u on u.id = p.doctor_id
where l.patient_id = any (@patient_ids::uuid[]) and p.state in ('issued', 'dispensed') and l.days is not null
  and (p.issued_at at time zone @zone::text)::date + l.days * (l.refills + 1) > @today::date
order by p.issued_at desc, l.position
limit 60;
