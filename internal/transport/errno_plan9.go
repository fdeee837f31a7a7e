package transport

// Plan 9 has texts instead of error numbers.

func errnoClass(error) string { return "" }

func isErrno(any) bool { return false }
