// Package ledgertest checks implementations of provision.Ledger: [Run] is a conformance
// suite for those who write one.
package ledgertest
