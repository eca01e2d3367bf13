package legacy

import "maps"

// Class says what a rule does with a row.
type Class string

const (
	Repair Class = "repair" // the row is imported with a value changed
	Note   Class = "note"   // the row is imported as it is and counted, so that a person can look
	Merge  Class = "merge"  // the row adds nothing new: its references go to another row
	Skip   Class = "skip"   // nothing to import, by design
	Refuse Class = "refuse" // the row is not imported; the reason and its id are reported
)

// Kind names a rule.
type Kind string

// The rules whose kinds shared/data lists, and then the ones for rows that the
// older system can't write but a file may hold.
const (
	ClinicMissing      Kind = "clinic_missing"
	TargetClinic       Kind = "target_clinic"
	ActorUnknown       Kind = "actor_unknown"
	PatientMissing     Kind = "patient_missing"
	TextMarkup         Kind = "text_markup"
	TextFormula        Kind = "text_formula_like"
	DayDiffers         Kind = "ist_day_differs"
	PlatformAccount    Kind = "platform_account"
	LoginNoPatient     Kind = "patient_login_without_patient"
	SuperuserDropped   Kind = "superuser_flag_dropped"
	EmailPlaceholder   Kind = "email_placeholder_dropped"
	EmailDuplicate     Kind = "email_duplicate"
	EmailMissing       Kind = "email_missing"
	InactiveAccount    Kind = "inactive_account"
	PhoneCodeAdded     Kind = "phone_country_code_added"
	PhoneReformatted   Kind = "phone_reformatted"
	PhoneUnusable      Kind = "phone_unusable"
	PhoneMissing       Kind = "phone_missing"
	PhoneShared        Kind = "phone_shared"
	AgeNoBirth         Kind = "age_without_dob"
	AgeNegative        Kind = "age_negative"
	AgeOver120         Kind = "age_over_120"
	AgeDisagrees       Kind = "age_disagrees_with_dob"
	SexMissing         Kind = "sex_missing"
	NameSpace          Kind = "name_whitespace"
	NameOver100        Kind = "name_over_100"
	NumberDuplicate    Kind = "number_duplicate"
	NumberYearDiffers  Kind = "number_year_differs"
	NoLogin            Kind = "no_login"
	PasswordDropped    Kind = "default_password_dropped"
	VisitLeftOpen      Kind = "visit_left_open"
	CancelledNoReason  Kind = "cancelled_without_reason"
	PurposeFreeText    Kind = "purpose_free_text"
	StatusFromAdmitted Kind = "status_from_admission"
	FrameworkTable     Kind = "framework_table"

	NotYet          Kind = "not_at_this_stage"
	UnknownTable    Kind = "unknown_table"
	OtherClinic     Kind = "other_clinic"
	RoleUnknown     Kind = "role_unknown"
	UserMissing     Kind = "user_missing"
	DateUnreadable  Kind = "date_unreadable"
	PatientRefused  Kind = "patient_refused"
	NameMissing     Kind = "name_missing"
	BirthUnusable   Kind = "birth_unusable"
	WeightUnusable  Kind = "weight_unusable"
	SexUnknown      Kind = "sex_unknown"
	StatusUnknown   Kind = "status_unknown"
	EmailUnusable   Kind = "email_unusable"
	UsernameChanged Kind = "username_changed"
	LicenceTaken    Kind = "licence_taken"
	StaffThere      Kind = "staff_already_there"
	TextCut         Kind = "text_cut"
	VisitOpenToday  Kind = "visit_open_today"
)

// Rule is one rule as the report states it.
type Rule struct {
	Class Class  `json:"class"`
	Text  string `json:"rule"`
}

// rules holds every rule; PlanOf applies them and no others.
var rules = joined(peopleRules, recordRules)

func joined(parts ...map[Kind]Rule) map[Kind]Rule {
	all := map[Kind]Rule{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

// peopleRules are those of the clinic, its people and its visits, and of every table.
var peopleRules = map[Kind]Rule{
	ClinicMissing:      {Repair, "clinic_id is NULL. The file holds one clinic, so the row goes to it."},
	TargetClinic:       {Merge, "The clinic row is not made again; it fills settings of the target clinic that are still empty."},
	ActorUnknown:       {Note, "The user who did it is NULL or does not exist (registered_by, checked_in_by, uploaded_by). Imported without an actor."},
	PatientMissing:     {Refuse, "patient_id points to no patient."},
	TextMarkup:         {Note, "Text with < and a letter, / or ! after it. Kept as text; screens and PDFs must escape it."},
	TextFormula:        {Note, "Text that begins with = + - or @ (after white space). Kept as text; CSV and Excel exports must neutralise it. Phone and mail columns are not looked at."},
	DayDiffers:         {Note, "The stored UTC time is 18:30:00 or later, so the clinic's day (Asia/Kolkata) is the next one."},
	PlatformAccount:    {Refuse, "role super_admin, or is_superuser with no clinic. Not a user of the clinic."},
	LoginNoPatient:     {Refuse, "role patient and no patient row points to it."},
	SuperuserDropped:   {Repair, "role patient with is_superuser = 1. Imported as that patient's login and nothing more."},
	EmailPlaceholder:   {Repair, "Mail address ends in @patient.local: made up by the older system. Left empty."},
	EmailDuplicate:     {Repair, "Staff mail address equal (letters' case aside) to that of a lower user id. Left empty; the invitation waits for an address."},
	EmailMissing:       {Note, "Staff without a mail address. The invitation waits for one."},
	InactiveAccount:    {Note, "is_active = 0. Imported as deactivated, without an invitation."},
	PhoneCodeAdded:     {Repair, "Ten digits that begin with 6 to 9. +91 is put before them."},
	PhoneReformatted:   {Repair, "A good Indian mobile number written with spaces, hyphens, dots, brackets, a leading 0, or 91 without plus. Stored as +91 and ten digits."},
	PhoneUnusable:      {Repair, "No Indian mobile number can be read. Phone left empty, the old text kept in the record's note."},
	PhoneMissing:       {Note, "Empty phone."},
	PhoneShared:        {Note, "The phone, once normalised, belongs to more than one patient (a family). Never a reason to merge or refuse."},
	AgeNoBirth:         {Note, "No date of birth. The age is kept with registration_date as the day it was told."},
	AgeNegative:        {Repair, "Age below 0 and no date of birth. Age left empty."},
	AgeOver120:         {Repair, "Age above 120 and no date of birth. Age left empty."},
	AgeDisagrees:       {Repair, "Age differs by more than one year from the age on registration_date by date of birth. The date of birth wins."},
	SexMissing:         {Repair, "Empty gender. Imported as not recorded."},
	NameSpace:          {Repair, "Patient or medicine name with white space at an end, doubled, or other than U+0020 (tab, U+00A0, U+200B). Each run becomes one space, ends are trimmed."},
	NameOver100:        {Note, "Patient name longer than the 100 characters the older system declared. Kept whole."},
	NumberDuplicate:    {Note, "Old patient number stands on more than one row. Both imported with their own new number; the old one is kept on both as 'old number'."},
	NumberYearDiffers:  {Note, "The year in the old number is not that of registration_date. The new number takes its year from registration_date."},
	NoLogin:            {Note, "Patient without a user, or whose user was refused. Can be invited later."},
	PasswordDropped:    {Note, "A readable password stood in default_password. Never imported, logged, shown or put in the report."},
	VisitLeftOpen:      {Repair, "Status checked_in or in_consultation on a day that is over. Imported as done, with the reason 'left open in the older system'."},
	CancelledNoReason:  {Repair, "Cancelled with empty notes. Reason becomes 'not recorded'."},
	PurposeFreeText:    {Note, "Purpose is not Checkup, Follow-up, Emergency or Admission. Visit type routine, the text kept as purpose."},
	StatusFromAdmitted: {Repair, "The patient has an open admission (becomes admitted) or a deceased one (becomes deceased); the status in the patient row says otherwise."},
	FrameworkTable:     {Skip, "Table of the web framework. Never read into the clinic."},

	NotYet:          {Skip, "The new system has no table for these rows yet. Keep the file: they wait for a later import, which takes them."},
	UnknownTable:    {Skip, "A table that the older system does not have. Not read."},
	OtherClinic:     {Refuse, "clinic_id is not that of the file's one clinic."},
	RoleUnknown:     {Refuse, "The role is none of the older system's."},
	UserMissing:     {Refuse, "user_id points to no staff member with the role doctor, or another profile has it already."},
	DateUnreadable:  {Refuse, "The day or time the row hangs on can't be read."},
	PatientRefused:  {Refuse, "The patient it belongs to was refused."},
	NameMissing:     {Repair, "Empty patient name. Imported as 'not recorded'."},
	BirthUnusable:   {Repair, "Date of birth that can't be read, lies in the future or more than 120 years before registration. Left empty; the age is kept."},
	WeightUnusable:  {Repair, "Weight that is not from 0.2 to 500 kg. Left empty."},
	SexUnknown:      {Repair, "Gender is not male, female, other or empty. Imported as not recorded."},
	StatusUnknown:   {Repair, "The status is none of the older system's. A patient becomes registered, a visit done, a prescription a draft."},
	EmailUnusable:   {Repair, "Staff mail address that is no address. Left empty; the invitation waits for one."},
	UsernameChanged: {Repair, "The username is empty, taken, or not one that the clinic allows. A free one is made from it."},
	LicenceTaken:    {Repair, "Another doctor of the clinic has this licence number. Left empty."},
	StaffThere:      {Merge, "The clinic already has a user with this mail address. What the row did belongs to that user; nothing of the user is changed."},
	TextCut:         {Repair, "Text longer than the new system keeps in that place. Cut there; the whole stands in the record's note or import record."},
	VisitOpenToday:  {Repair, "Status checked_in or in_consultation on a day that is not over. Imported as done all the same; check the patient in again."},
}
