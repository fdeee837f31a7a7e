package mixin

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/enlist-go/enlist/userapi"
)

// keyForms returns the forms in which a private key could be printed.
func keyForms(t testing.TB, key crypto.Signer) []string {
	t.Helper()
	var forms []string
	raw := func(b []byte) {
		decimal := strings.Trim(fmt.Sprint(b), "[]")
		goSyntax := strings.TrimSuffix(strings.SplitN(fmt.Sprintf("%#v", b), "{", 2)[1], "}")
		forms = append(forms, string(b), hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), decimal, goSyntax,
			strings.ReplaceAll(decimal, " ", ","))
		// The last characters depend on what follows, so they are left out.
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(b)
			forms = append(forms, text[:len(text)-2])
		}
	}
	switch k := key.(type) {
	case ed25519.PrivateKey:
		raw(k.Seed())
	case *rsa.PrivateKey:
		for _, n := range append(k.Primes[:len(k.Primes):len(k.Primes)], k.D) {
			raw(n.Bytes())
			forms = append(forms, n.String())
		}
	default:
		require.Fail(t, "no such key")
	}
	return forms
}

// printed returns every likely printed form of v.
func printed(t testing.TB, v any) map[string]string {
	t.Helper()
	forms := make(map[string]string)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "% x", "%#x", "%X", "%d", "%c", "%U", "%t", "%e", "%y"} {
		forms[verb] = fmt.Sprintf(verb, v)
	}
	forms["Sprint"] = fmt.Sprint(v)
	forms["Errorf"] = fmt.Errorf("failed: %v", v).Error()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	forms["JSON"] = string(text)
	for name, newHandler := range map[string]func(*bytes.Buffer) slog.Handler{
		"slog text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(newHandler(&b)).Info("x", "v", v, slog.Group("g", slog.Any("v", v)))
		forms[name] = b.String()
	}
	return forms
}

// requireNoLeak checks that no printed form of v shows a secret. A failure shows only the secret's
// number.
func requireNoLeak(t testing.TB, v any, secrets []string) {
	t.Helper()
	for form, text := range printed(t, v) {
		requireNoneIn(t, form, text, secrets)
	}
}

func requireNoneIn(t testing.TB, where, text string, secrets []string) {
	t.Helper()
	lower := strings.ToLower(text)
	for i, secret := range secrets {
		if secret == "" {
			require.Fail(t, "a secret is empty", "secret %d", i)
		}
		if strings.Contains(text, secret) || strings.Contains(lower, hex.EncodeToString([]byte(secret))) {
			require.Fail(t, "a secret shows", "secret %d in %s", i, where)
		}
	}
}

// runLength is how many consecutive characters of a key count as a leak. Our error texts have no
// such run of any key.
const runLength = 12

// runsOf returns all runs of runLength characters in keys, without PEM's header and footer.
func runsOf(keys ...string) map[string]bool {
	runs := make(map[string]bool)
	for _, key := range keys {
		for word := range strings.FieldsSeq(key) {
			if strings.HasPrefix(word, "-----") || strings.HasSuffix(word, "-----") || word == userapi.Redacted {
				continue
			}
			for i := 0; i+runLength <= len(word); i++ {
				runs[word[i:i+runLength]] = true
			}
		}
	}
	return runs
}

// requireNoRun checks that no part of a key shows in text.
func requireNoRun(t testing.TB, text string, runs map[string]bool) {
	t.Helper()
	for i := 0; i+runLength <= len(text); i++ {
		if runs[text[i:i+runLength]] {
			require.Fail(t, "a part of a key shows")
		}
	}
}
