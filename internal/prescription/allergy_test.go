package prescription

import "testing"

func TestClash(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ allergies, name, generic, class, want string }{
		{"Penicillin", "Amoxicillin", "Amoxicillin", "penicillin", "penicillin"},
		{"penicilin since childhood", "Amoxicillin", "Amoxicillin", "penicillin", "penicillin"},
		{"Penicillin", "Augmentin 625", "", "", "penicillin"},
		{"Amoxicillin rash", "Amoxicillin + Clavulanic acid", "Amoxicillin + Clavulanic acid", "penicillin", "amoxicillin"},
		{"Penicillin", "Amoxi\u00adcillin", "", "", "penicillin"},
		{"Penicillin", "Amoxi\u200bcillin\u202c", "", "", "penicillin"},
		{"Peni\u2060cillin", "Amoxicillin", "Amoxicillin", "penicillin", "penicillin"},
		{"Penicillin", "Ａｍｏｘｉｃｉｌｌｉｎ", "", "", "penicillin"},
		{"Penicillin", "Cefixime", "Cefixime", "cephalosporin", ""},
		{"Sulfa drugs", "Trimethoprim + Sulfamethoxazole", "Trimethoprim + Sulfamethoxazole", "sulfonamide", "sulfa"},
		{"NSAIDs", "Ibuprofen", "Ibuprofen", "nsaid", "nsaid"},
		{"Brufen", "Diclofenac sodium", "Diclofenac sodium", "nsaid", "brufen"},
		{"Aspirin", "Paracetamol", "Paracetamol", "", ""},
		{"Paracetamol", "Crocin", "Paracetamol", "", "paracetamol"},
		{"Diclofenac", "Diclofenac sodium", "Diclofenac sodium", "nsaid", "diclofenac"},
		{"Dust, peanuts", "Sodium chloride", "Sodium chloride", "", ""},
		{"", "Amoxicillin", "Amoxicillin", "penicillin", ""},
		{"ACE inhibitors", "Ramipril", "Ramipril", "ace_inhibitor", "ace inhibitor"},
	} {
		if got := clash(c.allergies, c.name, c.generic, c.class); got != c.want {
			t.Errorf("%q against %q is %q, want %q", c.allergies, c.name, got, c.want)
		}
	}
}
