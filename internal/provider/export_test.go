package provider

// What the tests of the package look at from outside.
var (
	MaskRequest = maskRequest
	Repeatable  = (*Vendor).repeatable
)
