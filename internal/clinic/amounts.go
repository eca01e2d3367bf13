package clinic

import (
	"strconv"
	"strings"
)

// maxRupees bounds an amount that somebody types: ten million.
const maxRupees = 1_00_00_000

func writeInt(n int64) string { return strconv.FormatInt(n, 10) }

// writePaise is an amount as a form shows it: "500" or "99.50".
func writePaise(n int64) string {
	s := strconv.FormatInt(n/100, 10)
	if r := n % 100; r != 0 {
		s += "." + strconv.FormatInt(100+r, 10)[1:]
	}
	return s
}

// readPaise reads rupees as people type them, "₹ 1,250.50", exactly: money is
// never a binary fraction.
func readPaise(text string) (int64, bool) {
	n, ok := readHundredths(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "₹")))
	return n, ok && n <= maxRupees*100
}

// readHundredths reads a plain decimal with at most two places as hundredths.
func readHundredths(text string) (int64, bool) {
	whole, part, _ := strings.Cut(strings.ReplaceAll(text, ",", ""), ".")
	if whole == "" || len(whole) > 12 || len(part) > 2 || strings.HasSuffix(text, ".") {
		return 0, false
	}
	for len(part) < 2 {
		part += "0"
	}
	for _, r := range whole + part {
		if r < '0' || r > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(whole+part, 10, 64)
	return n, err == nil
}
