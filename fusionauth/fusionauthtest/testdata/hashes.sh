#!/usr/bin/env bash
# Prints hashes.json: the hash of one password in each scheme of FusionAuth, as other tools
# make them: openssl, and for bcrypt the crypt of libxcrypt through Perl.
set -euo pipefail
password='correct horse:battery 9'
salt='c2FsdC1vZi0xNi1ieXRlcw=='
raw=$(mktemp) next=$(mktemp)
trap 'rm -f "$raw" "$next"' EXIT

# rounds DIGEST TIMES [MORE] hashes the file raw so often, from the second time with MORE behind.
rounds() {
	for ((i = 0; i < $2; i++)); do
		if ((i)); then printf %s "${3:-}" >>"$raw"; fi
		openssl dgst "-$1" -binary "$raw" >"$next"
		cp "$next" "$raw"
	done
	base64 -w0 "$raw"
}
salted() { { printf %s "$password" && base64 -d <<<"$salt"; } >"$raw"; rounds "$1" "$2"; }
phpass() { { base64 -d <<<"$salt" && printf %s "$password"; } >"$raw"; rounds "$1" "$(($2 + 1))" "$password"; }
pbkdf2() {
	openssl kdf -binary -keylen "$2" -kdfopt "digest:$1" -kdfopt "pass:$password" \
		-kdfopt "hexsalt:$(base64 -d <<<"$salt" | xxd -p)" -kdfopt "iter:$3" PBKDF2 | base64 -w0
}
hmac() { printf %s "$password" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(base64 -d <<<"$salt" | xxd -p)" -binary | base64 -w0; }
bcrypt=$(PASSWORD=$password perl -e 'print crypt($ENV{PASSWORD}, q($2b$10$N9qo8uLOickgx2ZMRZoMye))')

row() { printf '{"scheme":"%s","salt":"%s","factor":%d,"hash":"%s","whole":"%s"}' "$1" "$2" "$3" "$4" "${5:-}"; }
printf '{"password":"%s","hashes":[\n' "$password"
row salted-md5 "$salt" 25 "$(salted md5 25)"; echo ,
row salted-sha256 "$salt" 30 "$(salted sha256 30)"; echo ,
row salted-hmac-sha256 "$salt" 0 "$(hmac)"; echo ,
row salted-pbkdf2-hmac-sha256 "$salt" 24000 "$(pbkdf2 SHA256 32 24000)"; echo ,
row salted-pbkdf2-hmac-sha256-512 "$salt" 24000 "$(pbkdf2 SHA256 64 24000)"; echo ,
row salted-pbkdf2-hmac-sha512-512 "$salt" 24000 "$(pbkdf2 SHA512 64 24000)"; echo ,
row phpass-md5 "$salt" 16 "$(phpass md5 16)"; echo ,
sha512=$(phpass sha512 16)
row phpass-sha512 "$salt" 16 "${sha512:0:43}"; echo ,
row bcrypt "${bcrypt:7:22}" 10 "${bcrypt:29}" "$bcrypt"
printf ']}\n'
