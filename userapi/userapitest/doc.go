// Package userapitest checks implementations of userapi.Creator. [Run] is the conformance suite.
// [Equal] compares values that contain secrets.
//
// # The vendors' fakes
//
// [Fault], [Request], [ServerOptions] and [Stats] are common to the fakes mixintest, quickbloxtest,
// fusionauthtest and usercomtest. A fake is a server on loopback that enforces the vendor's rules.
// A test can inject faults:
//
//	srv := quickbloxtest.NewServer(t)
//	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
//
// The next create then creates its user, and its reply is lost.
package userapitest
