package patient

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/cloister-health/cloister/internal/apperr"
)

// homeRegion is where a number without a country code belongs.
const homeRegion = "IN"

// longestPhone is more than any number takes with its signs; longer text is
// not read at all, so that parsing stays cheap whatever is sent.
const longestPhone = 40

// ParsePhone reads a phone as people write it and gives it in E.164
// ("+919000000001"; ITU-T E.164, at most 15 digits). Blank text gives "" and no
// error: whether a phone is required is the form's business. A number without
// a country code is Indian, mobile or landline; others need "+" and their code.
//
// Ten digits from 6 to 9 are taken by their shape and not by the library's list
// of ranges in use, which trails behind the series that India opens.
//
// Errors: Invalid.
func ParsePhone(text string) (string, error) {
	if strings.TrimFunc(text, isSpace) == "" {
		return "", nil
	}
	if mobile, ok := IndianMobile(text); ok {
		return mobile, nil
	}
	bad := apperr.New(apperr.Invalid, "error.phone.invalid", "Enter a phone number, such as 90000 00001 or +44 20 7946 0958")
	plain := asciiDigits(text)
	if len(plain) > longestPhone || strings.ContainsFunc(plain, notInPhone) || strings.Count(plain, "+") > 1 {
		return "", bad
	}
	number, err := phonenumbers.Parse(plain, homeRegion)
	if err != nil || number.GetExtension() != "" || !phonenumbers.IsValidNumber(number) {
		return "", bad
	}
	return phonenumbers.Format(number, phonenumbers.E164), nil
}

// IndianMobile reads an Indian mobile number: ten digits of which the first is
// 6 to 9, with +91, 91, 0 or nothing before them, and white space, hyphens,
// dots and brackets anywhere (National Numbering Plan of India, 2003). Any
// other sign means the text holds more than one number, so it isn't read.
func IndianMobile(text string) (string, bool) {
	if len(text) > 4*longestPhone {
		return "", false
	}
	digits := strings.Map(func(r rune) rune {
		if isSpace(r) || strings.ContainsRune("().-", r) {
			return -1
		}
		return r
	}, asciiDigits(text))
	const subscriber = 10
	if len(digits) < subscriber {
		return "", false
	}
	prefix, rest := digits[:len(digits)-subscriber], digits[len(digits)-subscriber:]
	switch prefix {
	case "", "0", "91", "+91":
	default:
		return "", false
	}
	if rest[0] < '6' || rest[0] > '9' || strings.ContainsFunc(rest, func(r rune) bool { return r < '0' || r > '9' }) {
		return "", false
	}
	return "+91" + rest, true
}

// asciiDigits turns the digits of any script into 0 to 9: reception writes
// Devanagari too.
func asciiDigits(text string) string {
	return strings.Map(func(r rune) rune {
		if r <= unicode.MaxASCII || !unicode.IsDigit(r) {
			return r
		}
		// Decimal digits stand in runs of ten that begin with zero, some runs
		// right behind each other.
		before := rune(0)
		for unicode.IsDigit(r - before - 1) {
			before++
		}
		return '0' + before%10
	}, text)
}

// notInPhone tells the signs that no single number has. Letters are among them:
// the library would read them as a keypad.
func notInPhone(r rune) bool {
	return (r < '0' || r > '9') && !isSpace(r) && !strings.ContainsRune("+().-/", r)
}

// SpacedPhone is a kept number as people read it: "+91 20 5550 1400". What is no
// number stays as it is.
func SpacedPhone(kept string) string {
	number, err := phonenumbers.Parse(kept, homeRegion)
	if err != nil {
		return kept
	}
	return phonenumbers.Format(number, phonenumbers.INTERNATIONAL)
}
