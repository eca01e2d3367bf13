package patient

import (
	"errors"
	"math"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/phi"
)

// Input is a patient's record as somebody typed it. Names of problems are the
// names in brackets.
type Input struct {
	Name              string // name: first and last
	First, Last       string // first_name, last_name: instead of Name, where a form parts them
	Local             string // local
	Sex               string // sex
	Born              string // born: a day
	Age               string // age: years, told today
	Months            string // months: besides the years, below 12
	BloodGroup        string // blood_group
	Phone             string // phone
	Email             string // email
	Address           string // address
	City              string // city
	State             string // state
	Pin               string // pin
	EmergencyName     string // emergency_name
	EmergencyPhone    string // emergency_phone
	EmergencyRelation string // emergency_relation
	IDKind            string // id_kind
	IDNumber          string // id_number; empty leaves a stored one
	Weight            string // weight: kilograms
	Allergies         string // allergies
	NoKnownAllergies  bool   // no_known_allergies
	History           string // history
	Note              string // note
	Status            string // status
	Language          string // language
}

// facts are an Input's values after the checks.
type facts struct {
	first, last, local string
	birth              Birth
	phone, email, pin  string
	emergencyPhone     string
	identity           string // normalised, empty if none was typed
	weight             *int32
}

// The longest text of a field, in characters; more is refused, not cut.
const (
	longestName = 200
	longestLine = 200
	longestText = 4000
)

// strictness of a form: the desk's short form wants a phone and an
// age, the whole record may lack them, as an old one does.
type strictness int

const (
	atTheDesk strictness = iota
	wholeRecord
)

// Check names what a registration at the desk would refuse. today is the
// clinic's day.
//
// Errors: Invalid.
func (in Input) Check(today time.Time) error {
	_, err := in.check(today, atTheDesk)
	return err
}

// check reads every field and names all problems at once.
func (in Input) check(today time.Time, how strictness) (facts, error) {
	var (
		p   apperr.Problems
		f   facts
		err error
	)
	f.first, f.last = in.names()
	f.local = CleanName(in.Local)
	in.checkName(&p, f)
	if f.phone, err = ParsePhone(in.Phone); err != nil {
		problem(&p, "phone", err)
	} else if f.phone == "" && how == atTheDesk {
		p.Add("phone", "error.phone.missing", "Enter a mobile number")
	}
	if f.emergencyPhone, err = ParsePhone(in.EmergencyPhone); err != nil {
		problem(&p, "emergency_phone", err)
	}
	f.birth = in.checkBirth(&p, today, how)
	if f.email = strings.TrimSpace(in.Email); f.email != "" {
		if a, err := mail.ParseAddress(f.email); err != nil || a.Address != f.email || len(f.email) > 254 {
			p.Add("email", "error.email.invalid", "Enter an email address, such as name@example.com")
		}
	}
	f.pin = strings.ReplaceAll(asciiDigits(CleanName(in.Pin)), " ", "")
	if f.pin != "" && (len(f.pin) != 6 || f.pin[0] == '0' || !onlyDigits(f.pin)) {
		p.Add("pin", "error.pin.invalid", "Enter a PIN code of 6 digits")
	}
	in.checkChoices(&p, how)
	f.weight = in.checkWeight(&p)
	f.identity = in.checkIdentity(&p)
	if in.NoKnownAllergies && CleanName(in.Allergies) != "" {
		p.Add("allergies", "error.allergies.both", "Enter the allergies or tick that none are known, not both")
	}
	in.checkLengths(&p)
	return f, p.Err()
}

// names are first and last name, however the form asked for them.
func (in Input) names() (first, last string) {
	if in.First != "" || in.Last != "" {
		return CleanName(in.First), CleanName(in.Last)
	}
	return SplitName(in.Name)
}

func (in Input) checkName(p *apperr.Problems, f facts) {
	field := "name"
	if in.Name == "" {
		field = "first_name"
	}
	whole := f.first + " " + f.last
	switch {
	case f.first == "" || len(nameWords(whole)) == 0:
		p.Add(field, "error.name.missing", "Enter the patient's name")
	case utf8.RuneCountInString(whole) > longestName:
		p.Add(field, "error.text.long", "This is too long")
	case !utf8.ValidString(whole) || strings.ContainsRune(whole, 0):
		p.Add(field, "error.text.invalid", "This holds signs that are no text")
	}
}

func (in Input) checkBirth(p *apperr.Problems, today time.Time, how strictness) Birth {
	born, err := ParseBirth(in.Born, today)
	if err != nil {
		problem(p, "born", err)
		return Birth{}
	}
	if !born.IsZero() {
		return Birth{Date: born}
	}
	years, told, err := ParseAge(in.Age)
	if err != nil {
		problem(p, "age", err)
		return Birth{}
	}
	months, monthsTold, err := ParseAge(in.Months)
	if err != nil || months > 11 {
		p.Add("months", "error.months.invalid", "Enter months from 0 to 11")
		return Birth{}
	}
	if told || monthsTold {
		b := Birth{Told: today, Years: int16(years)}
		if monthsTold {
			m := int16(months)
			b.Months = &m
		}
		return b
	}
	if how == atTheDesk {
		p.Add("age", "error.age.missing", "Enter an age or a date of birth")
	}
	return Birth{}
}

// Choices of the record, as the database has them; "" is not told.
var (
	sexes       = []string{"male", "female", "other"}
	bloodGroups = []string{"", "A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-"}
	statuses    = []string{"", "registered", "in_diagnosis", "in_treatment", "admitted", "discharged", "deceased"}
	languages   = []string{"", "en", "hi", "mr"}
)

func (in Input) checkChoices(p *apperr.Problems, how strictness) {
	if !slices.Contains(sexes, in.Sex) && (in.Sex != "" || how == atTheDesk) {
		p.Add("sex", "error.sex.missing", "Choose a sex")
	}
	if !slices.Contains(bloodGroups, in.BloodGroup) {
		p.Add("blood_group", "error.choose", "Choose one from the list")
	}
	if !slices.Contains(statuses, in.Status) {
		p.Add("status", "error.choose", "Choose one from the list")
	}
	if !slices.Contains(languages, in.Language) {
		p.Add("language", "error.choose", "Choose one from the list")
	}
}

// checkWeight reads kilograms, with a decimal point or comma, as grams.
func (in Input) checkWeight(p *apperr.Problems) *int32 {
	text := strings.ReplaceAll(asciiDigits(CleanName(in.Weight)), ",", ".")
	if text == "" {
		return nil
	}
	kilograms, err := strconv.ParseFloat(text, 64)
	if err != nil || !(kilograms >= 0.2 && kilograms <= 500) {
		p.Add("weight", "error.weight.invalid", "Enter a weight in kilograms from 0.2 to 500")
		return nil
	}
	grams := int32(math.Round(kilograms * 1000))
	return &grams
}

func (in Input) checkLengths(p *apperr.Problems) {
	for _, f := range []struct {
		name, value string
		most        int
	}{
		{"local", in.Local, longestName}, {"address", in.Address, longestText}, {"city", in.City, longestLine}, {"state", in.State, longestLine},
		{"emergency_name", in.EmergencyName, longestName}, {"emergency_relation", in.EmergencyRelation, longestLine},
		{"allergies", in.Allergies, longestText}, {"history", in.History, longestText}, {"note", in.Note, longestText},
	} {
		if utf8.RuneCountInString(f.value) > f.most {
			p.Add(f.name, "error.text.long", "This is too long")
		} else if !utf8.ValidString(f.value) || strings.ContainsRune(f.value, 0) {
			p.Add(f.name, "error.text.invalid", "This holds signs that are no text")
		}
	}
}

// problem notes a parser's error under a field's name.
func problem(p *apperr.Problems, field string, err error) {
	var e *apperr.Error
	if errors.As(err, &e) {
		p.AddArgs(field, e.Key, e.Text, e.Args)
		return
	}
	p.Add(field, "error.invalid", "This is not right")
}

func onlyDigits(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// text is a free text as it is kept: without spaces around it, with its lines.
func text(s string) phi.Text {
	return phi.Text(strings.TrimSpace(Visible(strings.ReplaceAll(s, "\r\n", "\n"))))
}
