package patient

import (
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/cloister-health/cloister/internal/apperr"
	"github.com/cloister-health/cloister/internal/keys"
	"github.com/cloister-health/cloister/internal/phi"
)

// Identity documents that a record may name.
var identityKinds = []string{"aadhaar", "pan", "licence", "abha", "other"}

var (
	panForm     = regexp.MustCompile(`^[A-Z]{5}[0-9]{4}[A-Z]$`)
	licenceForm = regexp.MustCompile(`^[A-Z]{2}[0-9A-Z]{3,18}$`)
	otherForm   = regexp.MustCompile(`^[0-9A-Z]{3,40}$`)
)

// NormalIdentity brings the number of a document into its one spelling and
// checks its form: Aadhaar 12 digits with the check digit of Verhoeff (UIDAI),
// ABHA 14 digits (ABDM), PAN AAAAA9999A (Income Tax Department), a driving
// licence by its state's letters, anything else letters and digits.
//
// Errors: Invalid.
func NormalIdentity(kind, number string) (string, error) {
	plain := strings.ToUpper(strings.Map(func(r rune) rune {
		if isSpace(r) || strings.ContainsRune("-./", r) {
			return -1
		}
		return r
	}, asciiDigits(number)))
	ok := false
	switch kind {
	case "aadhaar":
		ok = len(plain) == 12 && onlyDigits(plain) && plain[0] >= '2' && verhoeff(plain)
	case "abha":
		ok = len(plain) == 14 && onlyDigits(plain)
	case "pan":
		ok = panForm.MatchString(plain)
	case "licence":
		ok = licenceForm.MatchString(plain)
	case "other":
		ok = otherForm.MatchString(plain)
	}
	if !ok {
		return "", apperr.New(apperr.Invalid, "error.identity.invalid", "This is no number of such a document")
	}
	return plain, nil
}

func (in Input) checkIdentity(p *apperr.Problems) string {
	number := CleanName(in.IDNumber)
	if in.IDKind != "" && !slices.Contains(identityKinds, in.IDKind) {
		p.Add("id_kind", "error.choose", "Choose one from the list")
		return ""
	}
	if number == "" {
		return ""
	}
	if in.IDKind == "" {
		p.Add("id_kind", "error.id_kind.missing", "Choose the document that the number is of")
		return ""
	}
	plain, err := NormalIdentity(in.IDKind, number)
	if err != nil {
		p.Add("id_number", "error.identity.invalid", "This is no number of such a document")
	}
	return plain
}

// verhoeff checks a number's last digit by Verhoeff's scheme (1969), which
// finds every single wrong digit and every swap of neighbours.
func verhoeff(digits string) bool {
	const d = "0123456789" + "1234067895" + "2340178956" + "3401289567" + "4012395678" + "5987604321" + "6598710432" + "7659821043" + "8765932104" + "9876543210"
	const p = "0123456789" + "1576283094" + "5803796142" + "8916043527" + "9453126870" + "4286573901" + "2793806415" + "7046913258"
	c := byte(0)
	for i := range len(digits) {
		n := digits[len(digits)-1-i] - '0'
		c = d[c*10+(p[(i%8)*10+int(n)]-'0')] - '0'
	}
	return c == 0
}

// Sealed is an identity number as it is stored.
type Sealed struct {
	Kind   string
	Cipher []byte
	Blind  []byte
	Tail   phi.Text // the last four signs, which a masked number shows
}

// SealIdentity encrypts a number that NormalIdentity gave for a patient's row.
func SealIdentity(k *keys.Keyset, patient uuid.UUID, kind, number string) (Sealed, error) {
	cipher, err := k.Encrypt(identityPlace(patient), []byte(number))
	if err != nil {
		return Sealed{}, err
	}
	blind, err := k.BlindIndex("patients.id_cipher."+kind, number)
	if err != nil {
		return Sealed{}, err
	}
	return Sealed{Kind: kind, Cipher: cipher, Blind: blind, Tail: phi.Text(number[max(0, len(number)-4):])}, nil
}

func identityPlace(patient uuid.UUID) keys.Place {
	return keys.Place{Table: "patients", Row: patient, Column: "id_cipher"}
}

func photoPlace(patient uuid.UUID) keys.Place {
	return keys.Place{Table: "patients", Row: patient, Column: "photo_cipher"}
}
