package locale

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var months = map[string][12]string{
	"en": {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
	"hi": {"जनवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर"},
	"mr": {"जानेवारी", "फेब्रुवारी", "मार्च", "एप्रिल", "मे", "जून", "जुलै", "ऑगस्ट", "सप्टेंबर", "ऑक्टोबर", "नोव्हेंबर", "डिसेंबर"},
}

var weekdays = map[string][7]string{
	"en": {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
	"hi": {"रवि", "सोम", "मंगल", "बुध", "गुरु", "शुक्र", "शनि"},
	"mr": {"रवि", "सोम", "मंगळ", "बुध", "गुरु", "शुक्र", "शनि"},
}

// Date is "23 Apr 2026".
func (l *Loc) Date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(l.zone)
	return l.day(t.Year(), t.Month(), t.Day())
}

// Day is a calendar day that belongs to no zone, such as a date of birth.
func (l *Loc) Day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return l.day(t.Date())
}

func (l *Loc) day(y int, m time.Month, d int) string {
	return fmt.Sprintf("%d %s %d", d, months[l.w.lang][m-1], y)
}

// Weekday is the short name of the day, "Mon".
func (l *Loc) Weekday(t time.Time) string { return l.WeekdayName(t.In(l.zone).Weekday()) }

// WeekdayName is the short name of a day of the week.
func (l *Loc) WeekdayName(d time.Weekday) string { return weekdays[l.w.lang][d] }

// Time is "02:30 PM".
func (l *Loc) Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(l.zone).Format("03:04 PM")
}

// DateTime is "23 Apr 2026, 02:30 PM".
func (l *Loc) DateTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return l.Date(t) + ", " + l.Time(t)
}

// Stamp is the machine-readable form for a time element's datetime attribute.
func (l *Loc) Stamp(t time.Time) string { return t.In(l.zone).Format("2006-01-02T15:04:05-07:00") }

// Num groups digits the Indian way: 1,25,000.
func (l *Loc) Num(n int) string {
	s, sign := strconv.Itoa(n), ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	if len(s) <= 3 {
		return sign + s
	}
	head, parts := s[:len(s)-3], []string{s[len(s)-3:]}
	for len(head) > 2 {
		parts = append([]string{head[len(head)-2:]}, parts...)
		head = head[:len(head)-2]
	}
	if head != "" {
		parts = append([]string{head}, parts...)
	}
	return sign + strings.Join(parts, ",")
}

// Rupees writes an amount in paise: "₹1,25,000" or "₹99.50".
func (l *Loc) Rupees(paise int64) string {
	sign := ""
	if paise < 0 {
		sign, paise = "-", -paise
	}
	s := sign + "₹" + l.Num(int(paise/100))
	if r := paise % 100; r != 0 {
		s += fmt.Sprintf(".%02d", r)
	}
	return s
}

// Minutes is a wait in words: "18 min" or "1 h 05 min"; under a minute is 0.
func (l *Loc) Minutes(d time.Duration) string {
	m := int(d / time.Minute)
	if m < 60 {
		return l.T("time.minutes", "N", m)
	}
	return l.T("time.hours_minutes", "H", m/60, "M", fmt.Sprintf("%02d", m%60))
}

// Size is a file's size: "212 KB", "4.2 MB" or "5.0 GB".
func (l *Loc) Size(bytes int64) string {
	switch {
	case bytes < 1<<20:
		return strconv.FormatInt((bytes+1023)>>10, 10) + " KB"
	case bytes < 1<<30:
		return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20))
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/(1<<30))
}
