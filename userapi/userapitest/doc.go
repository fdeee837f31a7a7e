// Package userapitest checks implementations of userapi.Creator. [Run] is a
// conformance suite for implementers; [Fault] and [Request] are the vocabulary
// that the vendors' fakes (mixintest, quickbloxtest, fusionauthtest and
// usercomtest) share.
package userapitest
