// Package userapitest checks implementations of userapi.Creator: [Run] is the conformance
// suite. [Equal] compares values that have secrets in them.
//
// # The vendors' fakes
//
// [Fault], [Request], [ServerOptions] and [Stats] are what the fakes mixintest,
// quickbloxtest, fusionauthtest and usercomtest have in common. A fake is a server on
// loopback that enforces the vendor's rules. It fails where a test asks for it:
//
//	srv := quickbloxtest.NewServer(t)
//	srv.Inject(userapitest.Fault{When: userapitest.AfterCommit, Do: userapitest.Reset})
//
// The next create then makes its user, and its reply is lost.
package userapitest
