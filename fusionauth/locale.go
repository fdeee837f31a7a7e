package fusionauth

import (
	"slices"
	"strings"

	"github.com/enlist-go/enlist/internal/provider"
)

// locale writes a BCP 47 tag as Java writes a locale, which is what FusionAuth stores: "es_MX" for
// "es-MX", "sr_RS_#Latn" for "sr-Latn-RS". The server reads another form as another locale: the script
// as a country. Source: FusionAuth, "Data Types", Locales; Java, java.util.Locale, forLanguageTag and toString.
func locale(check *provider.Check, tag string) string {
	t, ok := parseTag(strings.ReplaceAll(tag[:min(len(tag), maxTag+1)], "_", "-"))
	if !ok || len(tag) > maxTag {
		check.Invalid("Language", "user.preferredLanguages", `must be a language tag, such as "es-MX" or "zh-Hant-TW"`)
	}
	return t.java()
}

// maxTag bounds a tag, in bytes. Those in use have less than 40.
const maxTag = 255

// A languageTag is a BCP 47 tag in its parts.
type languageTag struct {
	language, script, region string
	variants                 []string
	// extensions begin with their letter, as in "u-nu-thai"; private use is that of x.
	extensions []string
}

// java writes a tag as java.util.Locale does.
func (t languageTag) java() string {
	slices.SortFunc(t.extensions, func(a, b string) int { return strings.Compare(extensionOrder(a), extensionOrder(b)) })
	s := t.language
	if t.region != "" || len(t.variants)+len(t.script)+len(t.extensions) > 0 {
		s += "_" + t.region
	}
	if len(t.variants) > 0 {
		s += "_" + strings.Join(t.variants, "_")
	}
	if t.script != "" {
		s += "_#" + t.script
	}
	if len(t.extensions) > 0 {
		s += "_"
		if t.script == "" {
			s += "#"
		}
		s += strings.Join(t.extensions, "-")
	}
	return s
}

// extensionOrder is what extensions are sorted by: private use is the last.
func extensionOrder(extension string) string {
	if strings.HasPrefix(extension, "x-") {
		return "~"
	}
	return extension[:1]
}

// parseTag reads a tag without regard to case. It is false for one that is not well-formed, and for one
// that names neither a language nor a region.
func parseTag(tag string) (t languageTag, ok bool) {
	if instead, old := grandfathered[strings.ToLower(tag)]; old {
		tag = instead
	}
	parts := subtags(strings.Split(tag, "-"))
	if t.language, ok = parts.take(2, 8, isAlpha); !ok {
		return languageTag{}, false
	}
	if len(t.language) <= 3 {
		for n := 0; n < 3; n++ { // the first of these is the language, of which the one before is the family
			extended, is := parts.take(3, 3, isAlpha)
			if is && n == 0 {
				t.language = extended
			}
		}
	}
	t.script, _ = parts.take(4, 4, isAlpha)
	t.region, ok = parts.take(2, 2, isAlpha)
	if !ok {
		t.region, _ = parts.take(3, 3, isDigits)
	}
	for {
		variant, is := parts.take(5, 8, isAlphanumeric)
		if !is {
			variant, is = parts.take(4, 4, func(s string) bool { return isDigits(s[:1]) && isAlphanumeric(s) })
		}
		if !is {
			break
		}
		if slices.ContainsFunc(t.variants, func(other string) bool { return strings.EqualFold(other, variant) }) {
			return languageTag{}, false
		}
		t.variants = append(t.variants, variant)
	}
	t.language, t.region = strings.ToLower(t.language), strings.ToUpper(t.region)
	if t.language == "und" {
		t.language = ""
	}
	if t.script != "" {
		t.script = strings.ToUpper(t.script[:1]) + strings.ToLower(t.script[1:])
	}
	return t, t.takeExtensions(&parts) && t.language+t.region != ""
}

// takeExtensions reads what begins with a single letter or digit, and reports whether nothing is left.
// Private use that follows the word lvariant are variants of Java's own.
func (t *languageTag) takeExtensions(parts *subtags) bool {
	for len(*parts) > 0 {
		letter, ok := parts.take(1, 1, isAlphanumeric)
		shortest, private := 2, false
		letter = strings.ToLower(letter)
		if letter == "x" {
			shortest, private = 1, true
		}
		var own []string
		for {
			part, is := parts.take(shortest, 8, isAlphanumeric)
			if !is {
				break
			}
			own = append(own, part)
		}
		if private {
			if i := slices.IndexFunc(own, func(s string) bool { return strings.EqualFold(s, "lvariant") }); i >= 0 && i+1 < len(own) {
				t.variants = append(t.variants, own[i+1:]...)
				if own = own[:i]; len(own) == 0 {
					continue
				}
			}
		}
		twice := slices.ContainsFunc(t.extensions, func(other string) bool { return other[:1] == letter })
		if !ok || len(own) == 0 || twice {
			return false
		}
		for i := range own {
			own[i] = strings.ToLower(own[i])
		}
		if letter == "u" {
			own = sortKeywords(own)
		}
		t.extensions = append(t.extensions, letter+"-"+strings.Join(own, "-"))
	}
	return true
}

// sortKeywords brings Unicode's own extension into Java's order: the attributes, then each key of two
// characters with what follows it. Of what stands twice the first counts.
func sortKeywords(parts []string) []string {
	first := slices.IndexFunc(parts, func(s string) bool { return len(s) == 2 })
	if first < 0 {
		first = len(parts)
	}
	attributes := slices.Compact(slices.Sorted(slices.Values(parts[:first])))
	var keywords []string
	for _, part := range parts[first:] {
		if len(part) == 2 {
			keywords = append(keywords, part)
		} else {
			keywords[len(keywords)-1] += "-" + part
		}
	}
	slices.SortStableFunc(keywords, func(a, b string) int { return strings.Compare(a[:2], b[:2]) })
	return append(attributes, slices.CompactFunc(keywords, func(a, b string) bool { return a[:2] == b[:2] })...)
}

// subtags are the parts of a tag that are still to be read.
type subtags []string

// take returns the next part if it is of a kind, of so many characters.
func (s *subtags) take(shortest, longest int, is func(string) bool) (string, bool) {
	if len(*s) == 0 || len((*s)[0]) < shortest || len((*s)[0]) > longest || !is((*s)[0]) {
		return "", false
	}
	part := (*s)[0]
	*s = (*s)[1:]
	return part, true
}

func isAlpha(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

func isAlphanumeric(s string) bool {
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// grandfathered are the tags that are registered whole, and what Java reads in their place. Source: the
// IANA Language Subtag Registry; Java, java.util.Locale, forLanguageTag.
var grandfathered = map[string]string{
	"art-lojban": "jbo", "cel-gaulish": "xtg-x-cel-gaulish", "en-gb-oed": "en-GB-x-oed", "i-ami": "ami", "i-bnn": "bnn",
	"i-default": "en-x-i-default", "i-hak": "hak", "i-klingon": "tlh", "i-lux": "lb", "i-mingo": "see-x-i-mingo",
	"i-navajo": "nv", "i-pwn": "pwn", "i-tao": "tao", "i-tay": "tay", "i-tsu": "tsu", "no-bok": "nb", "no-nyn": "nn",
	"sgn-be-fr": "sfb", "sgn-be-nl": "vgt", "sgn-ch-de": "sgg", "zh-guoyu": "cmn", "zh-hakka": "hak",
	"zh-min": "nan-x-zh-min", "zh-min-nan": "nan", "zh-xiang": "hsn",
}
