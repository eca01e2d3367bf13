package patient

import (
	"strconv"
	"strings"
	"time"

	"github.com/cloister-health/cloister/internal/apperr"
)

// OldestAge is the greatest age that is believed, in years.
const OldestAge = 120

// dayLayouts are the ways a day may be written, the day before the month as in
// India; a browser's date field sends the first.
var dayLayouts = []string{
	"2006-01-02", "02/01/2006", "2/1/2006", "02-01-2006", "2-1-2006", "02.01.2006", "2.1.2006",
	"2 Jan 2006", "2 January 2006", "2-Jan-2006",
}

// ParseDay reads a calendar day ("1986-04-23", "23/04/1986", "23 Apr 1986") as
// midnight UTC of that day, which is how days are kept. Blank text gives the
// zero time and no error. Years have four digits from 1000 on.
//
// Errors: Invalid.
func ParseDay(text string) (time.Time, error) {
	text = CleanName(asciiDigits(text))
	if text == "" {
		return time.Time{}, nil
	}
	if len(text) <= len("23 September 2006") {
		for _, layout := range dayLayouts {
			if day, err := time.Parse(layout, text); err == nil && day.Year() >= 1000 {
				return day, nil
			}
		}
	}
	return time.Time{}, apperr.New(apperr.Invalid, "error.date.invalid", "Enter a date, such as 23/04/1986")
}

// ParseBirth reads a date of birth: not after today (the clinic's day) and not
// more than OldestAge years and some before it. Blank text gives the zero time.
//
// Errors: Invalid.
func ParseBirth(text string, today time.Time) (time.Time, error) {
	day, err := ParseDay(text)
	if err != nil || day.IsZero() {
		return time.Time{}, err
	}
	if day.After(today) {
		return time.Time{}, apperr.New(apperr.Invalid, "error.birth.future", "Date of birth can't be in the future")
	}
	if AgeOn(day, today) > OldestAge {
		return time.Time{}, apperr.New(apperr.Invalid, "error.birth.too_old", "Date of birth is more than 120 years ago")
	}
	return day, nil
}

// ParseAge reads an age in whole years, 0 to OldestAge. told is false for blank
// text.
//
// Errors: Invalid.
func ParseAge(text string) (years int, told bool, err error) {
	text = CleanName(asciiDigits(text))
	if text == "" {
		return 0, false, nil
	}
	years, err = strconv.Atoi(text)
	if err != nil || strings.ContainsAny(text, "+-") || years > OldestAge {
		return 0, false, apperr.New(apperr.Invalid, "error.age.invalid", "Enter an age in years from 0 to 120")
	}
	return years, true, nil
}

// AgeOn is the age in whole years on a day. Who was born on 29 February has the
// birthday on 1 March of other years. Before birth it is negative.
func AgeOn(birth, day time.Time) int {
	years := day.Year() - birth.Year()
	if day.Month() < birth.Month() || (day.Month() == birth.Month() && day.Day() < birth.Day()) {
		years--
	}
	return years
}

// DayIn is the calendar day that a moment falls on in a zone, as midnight UTC.
func DayIn(moment time.Time, zone *time.Location) time.Time {
	y, m, d := moment.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
