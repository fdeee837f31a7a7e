package provider

import "strings"

// minNational is how many digits of a number must be given for them to be one without its country.
const minNational = 7

// ComparePhone compares a phone number that was sent with the one that is shown, in whatever form.
// A number that was sent without "+" may be shown with a country before it.
func ComparePhone(sent, has string) Match {
	if sent, has = strings.TrimSpace(sent), strings.TrimSpace(has); sent == has {
		return Same
	}
	sent = strings.ReplaceAll(sent, "(0)", "")
	digits, plain := digitsOf(sent)
	stored, _ := digitsOf(has)
	national := strings.TrimLeft(digits, "0")
	switch {
	case stored == "", digits == "" && isASCII(sent): // no number
		return Different
	case digits == stored:
		return Same
	case !plain:
		return Unsure
	case strings.HasPrefix(sent, "+"):
		return Different
	case len(national) >= minNational && strings.HasSuffix(stored, national):
		return Same
	case strings.HasSuffix(stored, national), strings.HasSuffix(digits, stored):
		return Unsure
	}
	return Different
}

// digitsOf returns a number's digits. It is not plain where there is an extension or
// similar.
func digitsOf(number string) (digits string, plain bool) {
	plain = true
	digits = strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case !strings.ContainsRune("+-./() ", r):
			plain = false
		}
		return -1
	}, number)
	return digits, plain
}
