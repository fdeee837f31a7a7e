package ledger

// MachineName is machineName.
func MachineName(lock string) (string, error) { return machineName(lock) }
