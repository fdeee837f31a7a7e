package fusionauthtest

import "strings"

// readLocale decodes a locale as the server's Jackson does and writes it as Java does. It accepts
// every text. The part between the first two separators is the country. A script and what follows
// it come after "_#".
func readLocale(text string) string {
	language, rest, more := cutSeparator(text)
	language = strings.ToLower(language)
	if !more {
		return language
	}
	country, variant, more := cutSeparator(rest)
	if !more {
		return language + "_" + strings.ToUpper(country)
	}
	head := language + "_" + strings.ToUpper(country)
	marker := strings.Index(rest, "_#")
	if marker < 0 {
		return head + "_" + variant
	}
	if marker > len(country) {
		head += "_" + rest[len(country)+1:marker]
	}
	script, extensions, more := strings.Cut(rest[marker+2:], "_")
	if !more && strings.Contains(script, "-") {
		return head + "_#" + strings.ToLower(script) // it is an extension
	}
	if script != "" {
		script = strings.ToUpper(script[:1]) + strings.ToLower(script[1:])
	}
	if more {
		script += "_" + strings.ToLower(extensions)
	}
	return head + "_#" + script
}

func cutSeparator(text string) (before, after string, found bool) {
	i := strings.IndexAny(text, "-_")
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// readLocales decodes a list of locales and removes duplicates.
func readLocales(v any) []any {
	list := []any{}
	seen := map[string]bool{}
	for _, text := range texts(v) {
		if locale := readLocale(text); !seen[locale] {
			seen[locale] = true
			list = append(list, locale)
		}
	}
	return list
}
