package patient

import "testing"

func TestParseSearch(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]Search{
		"PT-2026-00418":   {Code: "PT-2026-00418"},
		"pt2026 00418":    {Code: "PT-2026-00418"},
		"pt-2026":         {Code: "PT-2026"},
		"PT3-2026-62932":  {Code: "PT3-2026-62932"},
		"2026-00418":      {Code: "PT-2026-00418", Digits: "202600418"},
		"a-15":            {Token: "A-015"},
		"A-1015":          {Token: "A-1015"},
		"98220 11414":     {Digits: "9822011414"},
		"+91 98220 11414": {Digits: "9822011414"},
		"०९८२२":           {Digits: "09822"},
		"982":             {},
		"":                {},
		"  ":              {},
		"a":               {},
		"Sunita  Desh":    {Words: "sunita desh", Folds: "zxsunit zxdes"},
		"सुनी":            {Words: "suni", Folds: "zxsuni"},
	} {
		if got := ParseSearch(typed); got != want {
			t.Errorf("%q is %+v, want %+v", typed, got, want)
		}
	}
}
