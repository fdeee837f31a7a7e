package fusionauth_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/fusionauth"
	"github.com/enlist-go/enlist/userapi"
)

// locales maps language tags to the results of Java's Locale.forLanguageTag (OpenJDK 17).
var locales = map[string]string{
	"en": "en", "es-MX": "es_MX", "es_mx": "es_MX", "es-419": "es_419", "EN-us": "en_US", "abcdefgh": "abcdefgh", "und-US": "_US",

	"sr-Latn-RS": "sr_RS_#Latn", "sr-Latn": "sr__#Latn", "zh-Hant": "zh__#Hant", "ZH-hant-tw": "zh_TW_#Hant",
	"zh_Hans_CN": "zh_CN_#Hans", "uz-Cyrl-UZ": "uz_UZ_#Cyrl",

	"de-CH-1996": "de_CH_1996", "sl-rozaj-biske": "sl__rozaj_biske", "sl-ROZAJ-biske-1994": "sl__ROZAJ_biske_1994",
	"de-Latn-DE-1996": "de_DE_1996_#Latn", "hy-Latn-IT-arevela": "hy_IT_arevela_#Latn", "ca-ES-valencia": "ca_ES_valencia",
	"en-US-POSIX": "en_US_POSIX", "ca-valencia": "ca__valencia",

	"th-TH-u-nu-thai": "th_TH_#u-nu-thai", "zh-Hant-TW-u-co-stroke": "zh_TW_#Hant_u-co-stroke",
	"en-US-u-ca-gregory-t-es-a-foo": "en_US_#a-foo-t-es-u-ca-gregory", "en-u-nu-thai-ca-gregory": "en__#u-ca-gregory-nu-thai",
	"en-u-attr1-attr1-ca": "en__#u-attr1-ca", "en-u-nu-thai-ca-islamic-civil-nu-arab": "en__#u-ca-islamic-civil-nu-thai",
	"en-u-Attr2-attr1-ca": "en__#u-attr1-attr2-ca", "en-GB-a-bb-x-Twain": "en_GB_#a-bb-x-twain",

	"en-US-x-Twain": "en_US_#x-twain", "zh-Hant-TW-x-java": "zh_TW_#Hant_x-java", "de-DE-x-lvariant-POSIX": "de_DE_POSIX",
	"de-POSIX-x-URP-lvariant-Abc-Def": "de__POSIX_Abc_Def_#x-urp",

	"i-klingon": "tlh", "i-default": "en__#x-i-default", "zh-min-nan": "nan", "zh-min": "nan__#x-zh-min", "en-GB-oed": "en_GB_#x-oed",
	"no-bok": "nb", "sgn-BE-FR": "sfb", "art-lojban": "jbo",

	"zh-cmn-Hans-CN": "cmn_CN_#Hans", "zh-yue-HK": "yue_HK", "zh-gan-yue-hak-CN": "gan_CN",
}

// TestLanguages: a tag is sent in the form of its Java locale, and the server decodes that locale.
func TestLanguages(t *testing.T) {
	t.Parallel()
	c, _ := newPair(t)
	for tag, want := range locales {
		req := userapi.CreateUserRequest{Email: tag + "@example.com", Language: tag}
		plan, err := c.PlanUser(req)
		require.NoError(t, err, tag)
		var body fusionauth.CreateUserRequest
		require.NoError(t, json.Unmarshal(plan.Body, &body))
		assert.Equal(t, []string{want}, body.User.PreferredLanguages, tag)
		u, err := c.CreateUser(t.Context(), req)
		require.NoError(t, err, tag)
		native, _ := userapi.As[*fusionauth.CreateUserResponse](u)
		assert.Equal(t, []string{want}, native.User.PreferredLanguages, tag)
	}
	for _, tag := range []string{
		"e", "-", "en-", "en--US", "e1", "und", "und-Latn", "x-whatever", "i-enochian", "i-nothing", "en_US.UTF-8", "zh_CN_#Hans", "de-1996-1996",
		"en-a-bbb-a-ccc", "en-u", "en-x", "en-US-toolongapart", "english-us-foo1", "no-NO-NY", "zh-Hans-CN-Hant", "ʹen", "en" + strings.Repeat("-x", 200),
	} {
		err := c.PreflightUser(userapi.CreateUserRequest{Email: "jane@example.com", Language: tag})
		require.ErrorIs(t, err, userapi.ErrInvalid, tag)
		assert.Equal(t, []string{"Language"}, fieldNames(asError(t, err)))
	}
}
