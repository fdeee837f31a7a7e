// Package ledgertest checks implementations of provision.Ledger. [Run] is the
// conformance suite.
package ledgertest
