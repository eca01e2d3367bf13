-- Whether a prescription is genuine and still in force: who scans the code on
-- the paper learns its number, its date and its state, and nothing of the
-- patient or of what was prescribed. The display's role reads it, since it is
-- the one that nobody has to sign in for; the row policy lets it see only the
-- prescription that the signed actor names, and what replaced that one.

-- +goose Up
select platform.protect('prescriptions',
  '{"clinic_admin": "S", "doctor": "S own:I own:U(state,cancel_reason)", "nurse": "S", "receptionist": "S", "patient": "issued:S",
    "display": "named:S(id,number,state,version_of,issued_at)", "jobs": "S I"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id())",
    "issued": "patient_id = (select platform.current_patient_id()) and state <> ''draft''",
    "named": "state <> ''draft'' and (select platform.current_actor()) in (''display:'' || id, ''display:'' || version_of)"}');

-- +goose Down
select platform.protect('prescriptions',
  '{"clinic_admin": "S", "doctor": "S own:I own:U(state,cancel_reason)", "nurse": "S", "receptionist": "S", "patient": "issued:S", "jobs": "S I"}',
  conditions => '{"own": "doctor_id = (select platform.current_user_id())",
    "issued": "patient_id = (select platform.current_patient_id()) and state <> ''draft''"}');
