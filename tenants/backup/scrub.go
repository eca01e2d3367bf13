package backup

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A scrubbed archive is a clinic with everybody's name, contact, number and word
// replaced: as many rows of the same form, and nobody's data. What is kept is a
// written list (scrub_rules.go); every other column is replaced, so that one
// that is added later can't slip through. Equal values become equal ones, by a
// key that is made for the run and thrown away with it.
type scrubber struct {
	key []byte
	n   map[string]int // rows so far, by table
}

func newScrubber() *scrubber { return &scrubber{key: unguessable(), n: map[string]int{}} }

// number is a value's stand-in, below most: the same for the same value.
func (s *scrubber) number(v string, most uint64) uint64 {
	m := hmac.New(sha256.New, s.key)
	m.Write([]byte(v))
	return binary.BigEndian.Uint64(m.Sum(nil)) % most
}

// row is what a rule may look at: the fields as they come, and the row's number.
type row struct {
	t      Table
	fields [][]byte
	was    [][]byte
	n      int
}

func (r row) text(column string) string { return loadedRow{t: r.t, fields: r.was}.text(column) }

// rule gives a value's stand-in. old is the value, without its escapes; a null
// stays null without being asked about.
type rule func(s *scrubber, r row, old string) string

// table is what happens to each row of a table; rows of some tables are left out
// altogether.
func (s *scrubber) table(t Table) func([][]byte) (bool, error) {
	if slices.Contains(left, t.Name) {
		return func([][]byte) (bool, error) { return false, nil }
	}
	rules := make([]rule, len(t.Columns))
	keep := make([]bool, len(t.Columns))
	for i, c := range t.Columns {
		place := t.Name + "." + c.Name
		keep[i] = kept(t, c)
		if rules[i] = replaced[place]; rules[i] == nil && !keep[i] {
			rules[i] = blank(c.Type)
		}
	}
	return func(fields [][]byte) (bool, error) {
		s.n[t.Name]++
		r := row{t: t, fields: fields, was: slices.Clone(fields), n: s.n[t.Name]}
		for i, f := range r.was {
			switch {
			case rules[i] == nil && keep[i], bytes.Equal(f, null):
			case rules[i] == nil || t.Columns[i].Opened: // a type without a stand-in
				fields[i] = null
			default:
				v := rules[i](s, r, unescape.Replace(string(f)))
				if v == absent {
					fields[i] = null
					continue
				}
				fields[i] = []byte(escape.Replace(v))
			}
		}
		return true, nil
	}
}

// kept tells whether a column goes along as it is: keys, times, marks and what
// is on the written list.
func kept(t Table, c Column) bool {
	if _, other := replaced[t.Name+"."+c.Name]; other {
		return false
	}
	return c.Type == "uuid" || c.Type == "uuid[]" || slices.Contains(keptColumns[t.Name], c.Name)
}

// blank is the stand-in of a column that nobody wrote a rule for; nil is null.
func blank(typ string) rule {
	fixed := func(v string) rule { return func(*scrubber, row, string) string { return v } }
	switch {
	case typ == "jsonb":
		return fixed("{}")
	case strings.HasSuffix(typ, "[]"):
		return fixed("{}")
	case typ == "text":
		return words
	case typ == "boolean":
		return fixed("f")
	case typ == "smallint", typ == "integer", typ == "bigint", typ == "numeric":
		return fixed("0")
	case typ == "date":
		return fixed("2000-01-01")
	case strings.HasPrefix(typ, "timestamp"):
		return fixed("2000-01-01 00:00:00+00")
	}
	return nil
}

// words stand in for whatever somebody wrote; nothing stays nothing.
func words(s *scrubber, _ row, old string) string {
	if strings.TrimSpace(old) == "" {
		return ""
	}
	return fmt.Sprintf("Made up %d", s.number(old, 1e6))
}

func lower(s *scrubber, r row, old string) string { return strings.ToLower(words(s, r, old)) }

func nothing(*scrubber, row, string) string { return "" }

// absent is what no text of Postgres can be: the stand-in of a value that isn't.
const absent = "\x00"

func none(*scrubber, row, string) string { return absent }

// phone is a number that is given to nobody: +91 and a first digit that no
// number has.
func phone(s *scrubber, _ row, old string) string {
	if old == "" {
		return ""
	}
	return fmt.Sprintf("+910%09d", s.number(old, 1e9))
}

func email(s *scrubber, _ row, old string) string {
	if old == "" {
		return ""
	}
	return fmt.Sprintf("somebody%d@made-up.example", s.number(old, 1e9))
}

func oneOf(all ...string) rule {
	return func(s *scrubber, r row, old string) string {
		if old == "" {
			return ""
		}
		return all[s.number(fmt.Sprint(r.n, old), uint64(len(all)))]
	}
}

// numbered are printed numbers, of a year that no clinic was in.
func numbered(prefix string) rule {
	return func(_ *scrubber, r row, old string) string {
		if old == "" {
			return ""
		}
		return fmt.Sprintf("%s-1900-%05d", prefix, r.n)
	}
}

// day moves a date by up to 200 days, so that an age stays about the same.
func day(s *scrubber, r row, old string) string {
	t, err := time.Parse(time.DateOnly, old)
	if err != nil {
		return "2000-01-01"
	}
	moved := t.AddDate(0, 0, 1+int(s.number(fmt.Sprint(r.n, old), 200)))
	if moved.After(time.Now()) {
		moved = t.AddDate(0, 0, -200)
	}
	return moved.Format(time.DateOnly)
}

// near moves a whole number by a few hundredths within its bounds.
func near(least, most int) rule {
	return func(s *scrubber, r row, old string) string {
		v, err := strconv.Atoi(old)
		if err != nil {
			return strconv.Itoa(least)
		}
		by := v/20 + 1
		return strconv.Itoa(min(max(v-by+int(s.number(fmt.Sprint(r.n, old), uint64(2*by+1))), least), most))
	}
}

// firstNames and lastNames are things and not people, so that nobody is taken for
// somebody.
var (
	firstNames = []string{"Amber", "Basalt", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbour", "Indigo", "Juniper", "Kelp", "Lagoon", "Meadow", "Nimbus", "Opal", "Prairie", "Quartz", "Rivulet", "Summit", "Tundra"}
	lastNames  = []string{"Anchor", "Bridge", "Candle", "Drum", "Engine", "Flute", "Garden", "Hammer", "Island", "Jigsaw", "Kettle", "Lantern", "Mirror", "Needle", "Orchard", "Pencil", "Quiver", "Ribbon", "Saddle", "Ticket"}
)

func firstName(s *scrubber, r row, _ string) string {
	return firstNames[s.number("first"+r.text("id"), uint64(len(firstNames)))]
}

func lastName(s *scrubber, r row, _ string) string {
	return lastNames[s.number("last"+r.text("id"), uint64(len(lastNames)))]
}

func fullName(s *scrubber, r row, old string) string {
	return firstName(s, r, old) + " " + lastName(s, r, old)
}

// searchKey is the name's own words; the folded ones, which find other
// spellings, nobody needs of a name that is made up.
func searchKey(s *scrubber, r row, old string) string { return strings.ToLower(fullName(s, r, old)) }

// clinic scrubs what the registry knows.
func (s *scrubber) clinic(c *Clinic) {
	c.Name, c.LocalName, c.RegistrationNumber, c.GSTIN, c.Logo, c.OldSlugs = "Made-up clinic", "", nil, nil, nil, []string{}
	c.Slug = "made-up"
	c.Address, c.City, c.State, c.PIN, c.Website = "1 Made-up Road", "Made-up", "", "", ""
	c.Phone, c.Email = phone(s, row{}, c.Phone), email(s, row{}, c.Email)
	c.StoreName, c.StoreAddress, c.StorePhone, c.StatusReason = "", "", "", ""
	if c.Status == "suspended" {
		c.StatusReason = "Made up"
	}
}
