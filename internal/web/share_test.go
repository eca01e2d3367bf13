package web_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/cloister-health/cloister/internal/web"
	"github.com/cloister-health/cloister/internal/web/locale"
)

// clinical are the beginnings of words that tell what a message is about, in the
// languages of messages. A clinic's own name may have one; our words may not.
var clinical = []string{
	"prescri", "medic", "drug", "dose", "tablet", "doctor", "dr.", "diagnos", "disease", "illness", "treat", "therap", "test", "report", "result", "lab", "patient", "health", "ill",
	"hospital", "consult", "visit", "appointment", "allerg", "pain", "rx", "pharmac", "record", "document", "pdf",
	"पर्च", "प्रिस्क्रिप्शन", "दवा", "औषध", "गोळ", "गोली", "ख़ुराक", "डोस", "डॉ", "निदान", "रोग", "बीमार", "आजार", "इलाज", "उपचार", "जाँच", "जांच", "तपासणी", "रिपोर्ट", "अहवाल", "मरीज", "मरीज़",
	"रुग्ण", "स्वास्थ्य", "आरोग्य", "अस्पताल", "रुग्णालय", "भेट", "एलर्जी", "ॲलर्जी", "दर्द", "नुस्ख़",
}

// What is sent with a link names the clinic and the link, in every language, and
// nothing that tells what it is about or for whom.
func TestMessagesTellNothing(t *testing.T) {
	t.Parallel()
	words, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	const clinic, link = "Northside & Sons", "https://clinics.example/clinic/northside/s/abcDEF-_123"
	seen := map[string]bool{}
	for _, lang := range locale.Languages() {
		l := words.For(lang, nil)
		message, letter := web.ShareMessage(l, clinic, link), web.ShareLetter(l, clinic, link)
		if seen[message] {
			t.Errorf("%s says the same as another language", lang)
		}
		seen[message] = true
		for what, text := range map[string]string{"message": message, "subject": letter.Subject, "letter": letter.Text} {
			if !strings.Contains(text, clinic) || what != "subject" && strings.Count(text, link) != 1 {
				t.Errorf("%s %s lacks the clinic or the link: %s", lang, what, text)
			}
			own := strings.ToLower(strings.NewReplacer(clinic, "", link, "").Replace(text))
			for _, word := range strings.FieldsFunc(own, func(r rune) bool { return strings.ContainsRune(" \n.,:;!?–-()।", r) }) {
				for _, tells := range clinical {
					if strings.HasPrefix(word, tells) {
						t.Errorf("%s %s has the word %q", lang, what, word)
					}
				}
			}
		}
		// The whole message arrives at a program that reads it from an address.
		u, err := url.Parse("https://wa.me/919811111111?text=" + web.Query(message))
		if err != nil || u.Query().Get("text") != message || strings.Contains(u.RawQuery, "+") {
			t.Errorf("%s: %v, %v", lang, u, err)
		}
	}
}
