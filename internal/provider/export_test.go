package provider

// What the tests of the package look at from outside.
var (
	CheckEmpty  = checkEmpty
	MaskRequest = maskRequest
	Repeatable  = (*Vendor).repeatable
)
