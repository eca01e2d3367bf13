package identity

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

// words.txt are the words that passwords are made of first. Together with
// digits, years, keyboard runs, repeats and the usual swaps of letters they
// stand for many more passwords than any list could hold.
//
//go:embed words.txt
var wordList string

var knownWords = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, line := range strings.Split(wordList, "\n") {
		if !strings.HasPrefix(line, "#") {
			for _, w := range strings.Fields(line) {
				m[w] = true
			}
		}
	}
	return m
})

// runs are the rows that fingers and alphabets walk along.
var runs = []string{
	"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1q2w3e4r5t6y7u8i9o0p", "qazwsxedcrfvtgbyhnujmikolp",
	"zaqxswcdevfrbgtnhymjukilop", "qwertzuiop", "azertyuiop",
}

// swaps are the letters that stand behind digits and signs.
var swaps = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "9", "g", "@", "a", "$", "s", "!", "i", "+", "t", "|", "l")

// maxGuess is how many known words may hide in a password that is nothing
// else: two known words with a year behind them are within a guesser's reach.
const maxGuess = 2

// common reports whether nothing in the password is more than a guesser tries
// first: at most two known words or a run, with digits, signs and repeats.
func common(pw string, context []string) bool {
	low := strings.ToLower(pw)
	own := map[string]bool{}
	for _, c := range context {
		for _, w := range strings.FieldsFunc(strings.ToLower(c), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len([]rune(w)) >= 3 {
				own[w] = true
			}
		}
	}
	letters := letterSpans(low)
	return distinct(low) < 5 || cheap(low, own) || cheap(letters, own)
}

// letterSpans drops everything but letters: "pass-word 2024" is "password".
func letterSpans(s string) string {
	out := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsMark(r) {
			return r
		}
		return -1
	}, s)
	if len(out) < 4 {
		return "\x00" // too little to judge by
	}
	return out
}

func distinct(s string) int {
	seen := map[rune]bool{}
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// cheap reports whether the text can be cut into known pieces with no more than
// maxGuess words among them. Digits, signs and repeats of one character cost
// nothing, a run along a keyboard row costs as much as a word. A word may be
// written with the usual swaps.
func cheap(s string, own map[string]bool) bool {
	rs, swapped := []rune(s), []rune(swaps.Replace(s)) // one sign for one sign
	const never = 1 << 20
	cost := make([]int, len(rs)+1) // of the text up to here
	for i := 1; i <= len(rs); i++ {
		cost[i] = never
		if r := rs[i-1]; !unicode.IsLetter(r) && !unicode.IsMark(r) {
			cost[i] = cost[i-1]
		}
		if i >= 2 && rs[i-1] == rs[i-2] {
			cost[i] = min(cost[i], cost[i-1])
		}
		for j := max(0, i-24); j <= i-3; j++ {
			if cost[j] >= maxGuess {
				continue
			}
			w := string(rs[j:i])
			// The same word again is no new guess.
			again := j >= i-j && string(rs[j-(i-j):j]) == w && cost[j] < never
			if again {
				cost[i] = min(cost[i], cost[j])
			}
			v := string(swapped[j:i])
			if knownWords()[w] || own[w] || run(w) || knownWords()[v] || own[v] {
				cost[i] = min(cost[i], cost[j]+1)
			}
		}
	}
	return cost[len(rs)] <= maxGuess
}

// run reports a stretch of four or more along a row, either way.
func run(w string) bool {
	if len(w) < 4 {
		return false
	}
	for _, r := range runs {
		if strings.Contains(r, w) || strings.Contains(r, reversed(w)) {
			return true
		}
	}
	return false
}

func reversed(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}
