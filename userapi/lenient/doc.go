// Package lenient has JSON types that accept what vendors send: a number for a
// text, a text for a number, several forms of a time.
//
// Decoding one of them never fails: what a type cannot read it keeps as it came.
// Encoding one never fails either, so that a reply that was decoded can always be
// stored. The zero value of each type stands for null and for a missing member. The
// types are plain values: copy and compare them as such, but do not change one while
// another goroutine uses it.
package lenient
