package legacy

// The rules of what doctors wrote, of the clinic's lists and of files; first
// those that shared/data lists.
const (
	AuthorUnknown      Kind = "author_unknown"
	RxMissing          Kind = "prescription_missing"
	ParentRefused      Kind = "parent_refused"
	Unfinished         Kind = "unfinished"
	Empty              Kind = "empty"
	ChangedLater       Kind = "changed_after_completion"
	DosageZero         Kind = "dosage_zero"
	DurationNormalised Kind = "duration_normalised"
	DurationUnreadable Kind = "duration_unreadable"
	ScheduleDisagrees  Kind = "schedule_frequency_disagree"
	ScheduleMissing    Kind = "schedule_missing"
	QuantitySuspect    Kind = "quantity_default_suspect"
	MedicineTwice      Kind = "same_medicine_twice"
	TestSynonym        Kind = "test_name_synonym"
	TestNotListed      Kind = "test_not_in_catalogue"
	CompletedNoResult  Kind = "completed_without_result"
	VitalsEmpty        Kind = "vitals_empty"
	VitalReformatted   Kind = "vital_reformatted"
	VitalUnreadable    Kind = "vital_unreadable"
	VitalOutOfRange    Kind = "vital_out_of_range"
	TypeMissing        Kind = "type_missing"
	FileMissing        Kind = "file_missing"
	FileEmpty          Kind = "file_empty"
	FileTypeRefused    Kind = "file_type_refused"
	PathOutside        Kind = "path_outside_media"
	TemplateNoLines    Kind = "template_without_lines"
	DuplicateOfEarlier Kind = "duplicate_of_earlier"

	ScheduleRead       Kind = "schedule_read"
	ScheduleUnreadable Kind = "schedule_unreadable"
	QuantityUnusable   Kind = "quantity_unusable"
	FormUnknown        Kind = "form_unknown"
	FoodUnknown        Kind = "food_unknown"
	TestTypeUnknown    Kind = "test_type_unknown"
	TestTwice          Kind = "same_test_twice"
	DayUnreadable      Kind = "day_unreadable"
	TimeUnreadable     Kind = "time_unreadable"
	NotesTwice         Kind = "notes_twice"
	TooMany            Kind = "too_many_of_one_prescription"
	VitalRounded       Kind = "vital_rounded"
	TemplateMissing    Kind = "template_missing"
	TemplateRenamed    Kind = "template_renamed"
	TemplateTooLarge   Kind = "template_too_large"
	TemplateKept       Kind = "template_kept"
	MediaNotGiven      Kind = "media_not_given"
	FileTooLarge       Kind = "file_too_large"
	FileBroken         Kind = "file_broken"
	FileNameLies       Kind = "file_name_differs"
)

var recordRules = map[Kind]Rule{
	AuthorUnknown:      {Repair, "doctor_id is NULL or points to no doctor. Imported with author 'unknown (older system)'."},
	RxMissing:          {Refuse, "prescription_id points to no prescription."},
	ParentRefused:      {Refuse, "The prescription or template it belongs to was refused."},
	Unfinished:         {Note, "Status pending. Imported as draft."},
	Empty:              {Note, "Prescription without medicine, test, notes or vitals. Imported."},
	ChangedLater:       {Note, "Completed, yet notes.updated_at or vitals.created_at lies on a later clinic day than prescription_date. Imported as it stands."},
	DosageZero:         {Repair, "Dosage is '0'. Strength left empty."},
	DurationNormalised: {Repair, "Days read from another way of writing ('5days', '5', '3 DAYS', '1 week', '1 month'), as the prescription form reads them: weeks of 7 days, months of 30, 1 to 365 in all. 'n days' and '1 day' written just so need no repair."},
	DurationUnreadable: {Repair, "Days cannot be read ('SOS', 'as needed', '3-5 days', '0 days'). Days left empty, the text kept in the instructions, of a list's entry in the import record."},
	ScheduleDisagrees:  {Repair, "frequency_per_day is not the number of times in schedule. The schedule wins, for it was printed. 'sos' never disagrees."},
	ScheduleMissing:    {Repair, "Empty schedule on a line. Pattern left empty, 'n times a day' put in the instructions."},
	QuantitySuspect:    {Note, "Tablet or capsule, qty 1, readable days, not SOS, and times a day x days is more than 1. The 1 was the default. Kept as printed."},
	MedicineTwice:      {Note, "The same prescription has an earlier line with the same medicine name (letters' case, spaces and signs aside). Both kept. Counted: the later line."},
	TestSynonym:        {Repair, "Name is another way to write one in the catalogue ('Cbc' for 'Complete Blood Count (CBC)'). Compared without case, spaces and signs, against the whole name, the part before the brackets and the part inside them; what would mean two entries means neither. Linked to it; the old text kept."},
	TestNotListed:      {Note, "Name has no match in the catalogue. Imported with its own name."},
	CompletedNoResult:  {Note, "is_completed = 1 with an empty result. Imported as reported, without a value."},
	VitalsEmpty:        {Skip, "No value at all."},
	VitalReformatted:   {Repair, "A value read after taking off a unit, blanks or a word ('98.6 F', '98%', '140 / 90', 'RBS 140')."},
	VitalUnreadable:    {Repair, "A value that is no number ('banana'). Left empty, the text kept in the note of the vitals."},
	VitalOutOfRange:    {Repair, "A number that cannot be (pulse 720, 80/120). Left empty, the text kept in the note of the vitals."},
	TypeMissing:        {Repair, "Empty report type. Becomes other."},
	FileMissing:        {Refuse, "report_file names a file that does not exist."},
	FileEmpty:          {Refuse, "The file has no bytes."},
	FileTypeRefused:    {Refuse, "By its content the file is neither PDF nor JPG nor PNG."},
	PathOutside:        {Refuse, "report_file is absolute or leads out of the media folder. Never opened."},
	TemplateNoLines:    {Note, "Template without medicine or test. Imported."},
	DuplicateOfEarlier: {Merge, "Medicine: same name (letters' case, spaces and signs aside) and form as a lower id. Test: another way to write the name of another row, see test_name_synonym."},

	ScheduleRead:       {Repair, "The schedule is none of the older system's, but the prescription form reads it ('1-0-1'). Imported as read."},
	ScheduleUnreadable: {Repair, "The schedule can't be read. Pattern left empty, the text kept in the instructions, of a list's entry in the import record."},
	QuantityUnusable:   {Repair, "The quantity is not from 1 to 5000. Left empty; what stood there is kept in the instructions."},
	FormUnknown:        {Repair, "The form is none that the new system has. Left empty, the text kept in the instructions, of a list's entry in the import record."},
	FoodUnknown:        {Repair, "The food instruction is none of the older system's. Left empty, the text kept in the instructions, of a list's entry in the import record."},
	TestTypeUnknown:    {Repair, "The type is none of the older system's. Becomes other; the text is kept in the import record, of a file as its title."},
	TestTwice:          {Repair, "The same prescription asks for the same test before. Both kept; the later one has the old text or a number in its name."},
	DayUnreadable:      {Repair, "A day beside the point that can't be read. Left empty; the text is kept in the import record."},
	TimeUnreadable:     {Repair, "The time at which it was written down can't be read. The prescription's time stands for it."},
	NotesTwice:         {Refuse, "The prescription has notes with a lower id."},
	TooMany:            {Refuse, "The prescription has 500 medicines or tests with lower ids; no paper holds more."},
	VitalRounded:       {Repair, "A temperature with more than one digit behind the point. Rounded to one; the text kept in the note of the vitals."},
	TemplateMissing:    {Refuse, "template_id points to no template."},
	TemplateRenamed:    {Repair, "The doctor has a template of this name already, or it is empty. A number is added to the name."},
	TemplateTooLarge:   {Refuse, "The template's lines are more than a template holds."},
	TemplateKept:       {Skip, "The template was imported before and is the doctor's since; a line that a later copy brings is not put into it."},
	MediaNotGiven:      {Skip, "No media folder was given, so the file could not be looked for. Run the import again with --media."},
	FileTooLarge:       {Refuse, "The file has more than 10 MB."},
	FileBroken:         {Refuse, "The file is damaged, cut short or locked, or does something when it is opened."},
	FileNameLies:       {Note, "The file's name ends otherwise than its content says. The content counts."},
}
