-- The content of each of the two test clinics: the same ids, names and values
-- in both, and a row in every table. Synthetic people only.
insert into settings (id) values ('018f0000-0000-7000-8000-000000000050');

insert into departments (id, name, local_name, room, token_prefix)
values ('018f0000-0000-7000-8000-000000000010', 'General Medicine', 'सामान्य चिकित्सा', '1', 'G');

insert into users (id, username, email, full_name, phone, role) values
  ('018f0000-0000-7000-8000-000000000001', 'admin',        'admin@clinic.example',        'Anjali Deshmukh', '+919800000001', 'clinic_admin'),
  ('018f0000-0000-7000-8000-000000000002', 'doctor',       'doctor@clinic.example',       'Deepak Rao',      '+919800000002', 'doctor'),
  ('018f0000-0000-7000-8000-000000000003', 'doctor2',      'doctor2@clinic.example',      'Esha Nair',       '+919800000003', 'doctor'),
  ('018f0000-0000-7000-8000-000000000004', 'nurse',        'nurse@clinic.example',        'Nalini Jadhav',   '+919800000004', 'nurse'),
  ('018f0000-0000-7000-8000-000000000005', 'receptionist', 'receptionist@clinic.example', 'Rohan Shinde',    '+919800000005', 'receptionist'),
  ('018f0000-0000-7000-8000-000000000006', 'lab',          'lab@clinic.example',          'Lata Menon',      '+919800000006', 'lab_technician');

insert into profiles (user_id, specialisation, licence_number, qualification, fee_paise, room, token_prefix, department_id) values
  ('018f0000-0000-7000-8000-000000000002', 'General physician', 'MMC-1001', 'MBBS, MD', 50000, '1', 'A', '018f0000-0000-7000-8000-000000000010'),
  ('018f0000-0000-7000-8000-000000000003', 'Paediatrician',     'MMC-1002', 'MBBS, DCH', 60000, '2', 'B', '018f0000-0000-7000-8000-000000000010');
insert into profiles (user_id, shift) values ('018f0000-0000-7000-8000-000000000005', 'morning');

insert into patients (id, first_name, last_name, local_name, search_key, sex, birth_date, blood_group, phone, allergies, registered_on, registered_by) values
  ('018f0000-0000-7000-8000-000000000020', 'Asha', 'Kulkarni', 'आशा कुलकर्णी', 'zxas zxkulkrni asha kulkarni', 'female', '1980-05-17', 'B+', '+919811111111', 'Penicillin', '2025-01-10', '018f0000-0000-7000-8000-000000000005');
insert into patients (id, first_name, last_name, search_key, sex, age_years, age_told_on, phone, id_kind, id_cipher, id_blind, id_tail, registered_on) values
  ('018f0000-0000-7000-8000-000000000021', 'Bilal', 'Ansari', 'zxansri zxbil bilal ansari', 'male', 41, '2025-01-11', '+919822222222', 'aadhaar', '\x00010203', '\x04050607', '1234', '2025-01-11');
insert into patients (id, first_name, last_name, search_key, sex, phone, registered_on, merged_into) values
  ('018f0000-0000-7000-8000-000000000022', 'Aasha', 'Kulkarni', 'zxas zxkulkrni aasha kulkarni', 'female', '+919811111111', '2025-01-12', '018f0000-0000-7000-8000-000000000020');

insert into patient_merges (id, survivor_id, duplicate_id, reason, merged_by) values
  ('018f0000-0000-7000-8000-000000000023', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000022', 'registered twice', '018f0000-0000-7000-8000-000000000005');

insert into identifiers (id, entity, record_id, system, value) values
  ('018f0000-0000-7000-8000-000000000024', 'patients', '018f0000-0000-7000-8000-000000000020', 'legacy.row', 'patient/7');

insert into invitations (id, kind, user_id, email, created_by, created_at, expires_at) values
  ('018f0000-0000-7000-8000-000000000025', 'invite', '018f0000-0000-7000-8000-000000000005', 'receptionist@clinic.example', 'user:018f0000-0000-7000-8000-000000000001', '2025-01-01', '2025-01-04');
insert into invitations (id, kind, patient_id, email, created_by, created_at, expires_at) values
  ('018f0000-0000-7000-8000-000000000026', 'invite', '018f0000-0000-7000-8000-000000000020', 'asha@patient.example', 'user:018f0000-0000-7000-8000-000000000005', '2025-01-10', '2025-01-13');

insert into sessions (id, user_id, token_hash, address)
select ('018f0000-0000-7000-8000-00000000006' || n)::uuid, ('018f0000-0000-7000-8000-00000000000' || n)::uuid, sha256(('seeded session ' || n)::bytea), '192.0.2.1'
from generate_series(1, 6) n;
insert into sessions (id, patient_id, token_hash, address) values
  ('018f0000-0000-7000-8000-000000000067', '018f0000-0000-7000-8000-000000000020', sha256('seeded session 7'), '192.0.2.2');

insert into displays (id, name, lines, created_by) values
  ('018f0000-0000-7000-8000-000000000040', 'Waiting room', '{018f0000-0000-7000-8000-000000000002}', '018f0000-0000-7000-8000-000000000001');

insert into drafts (id, user_id, kind, body)
select ('018f0000-0000-7000-8000-00000000007' || n)::uuid, ('018f0000-0000-7000-8000-00000000000' || n)::uuid, 'registration', '{"first_name": "Half"}'
from generate_series(1, 6) n;

insert into submissions (id, user_id, action, result_id)
select ('018f0000-0000-7000-8000-00000000008' || n)::uuid, ('018f0000-0000-7000-8000-00000000000' || n)::uuid, 'patient.register', '018f0000-0000-7000-8000-000000000020'
from generate_series(1, 6) n;

insert into formulary (id, name, generic, form, strengths, strength, morning, night, days, food, route) values
  ('018f0000-0000-7000-8000-0000000000a0', 'Clinic cough mixture', 'Ambroxol', 'syrup', '{5 ml}', '5 ml', 4, 4, 5, 'after', 'oral');
insert into test_catalogue (id, name, kind, category) values ('018f0000-0000-7000-8000-0000000000a1', 'Clinic walk test', 'other', 'Bedside');
insert into prescription_templates (id, doctor_id, name, keyword, sheet, shared) values
  ('018f0000-0000-7000-8000-0000000000a2', '018f0000-0000-7000-8000-000000000002', 'Cold', 'cold', '{"lines": [{"medicine": "Paracetamol", "form": "tablet", "strength": "500 mg", "dose": "1-1-1", "days": "3"}], "tests": []}', false),
  ('018f0000-0000-7000-8000-0000000000a3', '018f0000-0000-7000-8000-000000000003', 'Child fever', 'fever', '{"lines": [{"medicine": "Paracetamol", "form": "suspension", "dose": "1-1-1", "days": "3"}], "tests": []}', true);

insert into seals (id, number, sealed_at, previous, last_xact, last_id, rows, hash) values
  ('018f0000-0000-7000-8000-0000000000d0', 1, '2025-01-10 10:40+05:30', decode(repeat('00', 32), 'hex'), '0', '00000000-0000-0000-0000-000000000000', decode(repeat('00', 48), 'hex'), sha256('a seal'));
-- as jobs
insert into visits (id, patient_id, doctor_id, day, kind, purpose, state, arrived_at, called_at, started_at, ended_at) values
  ('018f0000-0000-7000-8000-000000000030', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000002', '2025-01-10', 'routine', 'Fever since three days',
   'done', '2025-01-10 10:00+05:30', '2025-01-10 10:20+05:30', '2025-01-10 10:22+05:30', '2025-01-10 10:31+05:30');
insert into visits (id, patient_id, department_id, day, kind, purpose, state, arrived_at, ended_at) values
  ('018f0000-0000-7000-8000-000000000031', '018f0000-0000-7000-8000-000000000021', '018f0000-0000-7000-8000-000000000010', '2025-01-11', 'routine', 'Dressing',
   'no_show', '2025-01-11 11:00+05:30', '2025-01-11 12:00+05:30');
insert into tokens (id, visit_id) values
  ('018f0000-0000-7000-8000-000000000032', '018f0000-0000-7000-8000-000000000030'),
  ('018f0000-0000-7000-8000-000000000033', '018f0000-0000-7000-8000-000000000031');
insert into consultations (id, visit_id, patient_id, doctor_id, complaint, started_at) values
  ('018f0000-0000-7000-8000-000000000090', '018f0000-0000-7000-8000-000000000030', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000002', '', '2025-01-10 10:22+05:30');
insert into consultations (id, visit_id, patient_id, doctor_id, complaint, symptoms, findings, advice, follow_up_days, state, started_at, finished_at) values
  ('018f0000-0000-7000-8000-000000000091', '018f0000-0000-7000-8000-000000000030', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000003', 'Fever since three days', '{fever,cough}', 'Throat red', 'Rest, fluids', 7,
   'finished', '2025-01-10 10:22+05:30', '2025-01-10 10:31+05:30');
insert into diagnoses (id, consultation_id, patient_id, doctor_id, code, title, position) values
  ('018f0000-0000-7000-8000-000000000092', '018f0000-0000-7000-8000-000000000090', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000002', 'J02.9', 'Acute pharyngitis, unspecified', 1),
  ('018f0000-0000-7000-8000-000000000093', '018f0000-0000-7000-8000-000000000091', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000003', 'J02.9', 'Acute pharyngitis, unspecified', 1);
insert into addenda (id, consultation_id, patient_id, doctor_id, body) values
  ('018f0000-0000-7000-8000-000000000094', '018f0000-0000-7000-8000-000000000091', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000003', 'Throat swab negative');
insert into vitals (id, visit_id, patient_id, taken_by, taken_at, systolic, diastolic, pulse, temperature_tenths, temperature_unit, weight_grams, height_mm) values
  ('018f0000-0000-7000-8000-000000000095', '018f0000-0000-7000-8000-000000000031', '018f0000-0000-7000-8000-000000000021', '018f0000-0000-7000-8000-000000000002', '2025-01-11 11:05+05:30', 118, 76, 72, null, '', 70000, 1720),
  ('018f0000-0000-7000-8000-000000000096', '018f0000-0000-7000-8000-000000000031', '018f0000-0000-7000-8000-000000000021', '018f0000-0000-7000-8000-000000000004', '2025-01-11 11:02+05:30', 120, 78, 74, null, '', 70000, null),
  ('018f0000-0000-7000-8000-000000000097', '018f0000-0000-7000-8000-000000000030', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000005', '2025-01-10 10:05+05:30', 152, 96, 88, 1012, 'F', 62000, 1580);
insert into follow_ups (id, consultation_id, patient_id, doctor_id, due_on) values
  ('018f0000-0000-7000-8000-000000000098', '018f0000-0000-7000-8000-000000000091', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000003', '2025-01-17');
insert into documents (id, patient_id, kind, title, dated_on, note, media_type, bytes, pages, uploaded_by, uploaded_at) values
  ('018f0000-0000-7000-8000-0000000000a0', '018f0000-0000-7000-8000-000000000020', 'blood', 'Blood count of the city laboratory', '2025-01-08', 'Brought on paper', 'application/pdf', 4096, 2, '018f0000-0000-7000-8000-000000000005', '2025-01-10 10:03+05:30'),
  ('018f0000-0000-7000-8000-0000000000a1', '018f0000-0000-7000-8000-000000000020', 'xray', 'Chest', '2025-01-09', '', 'image/png', 2048, 1, '018f0000-0000-7000-8000-000000000005', '2025-01-10 10:02+05:30'),
  ('018f0000-0000-7000-8000-0000000000a3', '018f0000-0000-7000-8000-000000000021', 'ecg', 'At rest', null, '', 'image/jpeg', 1024, 1, '018f0000-0000-7000-8000-000000000005', '2025-01-11 11:01+05:30');
insert into document_withdrawals (id, document_id, patient_id, reason, withdrawn_by, withdrawn_at) values
  ('018f0000-0000-7000-8000-0000000000a2', '018f0000-0000-7000-8000-0000000000a1', '018f0000-0000-7000-8000-000000000020', 'Another person''s', '018f0000-0000-7000-8000-000000000005', '2025-01-10 10:30+05:30'),
  ('018f0000-0000-7000-8000-0000000000a4', '018f0000-0000-7000-8000-0000000000a3', '018f0000-0000-7000-8000-000000000021', 'Another person''s', '018f0000-0000-7000-8000-000000000005', '2025-01-11 11:30+05:30');
insert into leaves (id, doctor_id, from_day, until_day, reason) values
  ('018f0000-0000-7000-8000-0000000000b0', '018f0000-0000-7000-8000-000000000002', '2025-01-20', '2025-01-21', 'Conference');
insert into appointments (id, patient_id, doctor_id, starts_at, kind, purpose, state, visit_id, booked_by) values
  ('018f0000-0000-7000-8000-0000000000b1', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000002', '2025-01-10 10:15+05:30', 'routine', 'Fever', 'arrived', '018f0000-0000-7000-8000-000000000030', '018f0000-0000-7000-8000-000000000005');
insert into appointments (id, patient_id, doctor_id, starts_at, kind, follow_up_id) values
  ('018f0000-0000-7000-8000-0000000000b2', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000003', '2025-01-17 10:00+05:30', 'follow_up', '018f0000-0000-7000-8000-000000000098');
insert into reminders (id, appointment_id, patient_id, doctor_id, starts_at, tried_at, sent_at) values
  ('018f0000-0000-7000-8000-0000000000b3', '018f0000-0000-7000-8000-0000000000b2', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000003', '2025-01-17 10:00+05:30', '2025-01-16 09:00+05:30', '2025-01-16 09:00+05:30');
insert into prescriptions (id, visit_id, patient_id, doctor_id, state, issued_at) values
  ('018f0000-0000-7000-8000-0000000000a4', '018f0000-0000-7000-8000-000000000030', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000002', 'issued', '2025-01-10 10:30+05:30');
insert into prescription_lines (id, prescription_id, patient_id, doctor_id, position, medicine, generic, form, strength, morning, afternoon, night, days, quantity, food, route, listed, created_at) values
  ('018f0000-0000-7000-8000-0000000000a5', '018f0000-0000-7000-8000-0000000000a4', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000002', 1, 'Paracetamol', 'Paracetamol', 'tablet', '500 mg', 4, 4, 4, 3, 9, 'after', 'oral', true, '2025-01-10 10:30+05:30');
insert into test_requests (id, visit_id, patient_id, doctor_id, name, kind, requested_at) values
  ('018f0000-0000-7000-8000-0000000000a6', '018f0000-0000-7000-8000-000000000030', '018f0000-0000-7000-8000-000000000020', '018f0000-0000-7000-8000-000000000002', 'Malaria parasite smear', 'blood', '2025-01-10 10:30+05:30');
insert into shares (id, prescription_id, patient_id, token_hash, channel, recipient, created_by, created_at, expires_at, opened_count, first_opened_at, last_opened_at) values
  ('018f0000-0000-7000-8000-0000000000c0', '018f0000-0000-7000-8000-0000000000a4', '018f0000-0000-7000-8000-000000000020', sha256('a link'), 'whatsapp', '+919811111111', '018f0000-0000-7000-8000-000000000005', '2025-01-10 10:35+05:30', '2025-01-17 10:35+05:30', 1, '2025-01-10 12:00+05:30', '2025-01-10 12:00+05:30');
insert into share_events (id, share_id, patient_id, kind, at, address, opening_hash, opening_until) values
  ('018f0000-0000-7000-8000-0000000000c1', '018f0000-0000-7000-8000-0000000000c0', '018f0000-0000-7000-8000-000000000020', 'handed', '2025-01-10 10:35+05:30', '', null, null),
  ('018f0000-0000-7000-8000-0000000000c2', '018f0000-0000-7000-8000-0000000000c0', '018f0000-0000-7000-8000-000000000020', 'opened', '2025-01-10 12:00+05:30', '198.51.100.7', sha256('an opening'), '2025-01-10 12:15+05:30');
