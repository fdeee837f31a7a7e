package ledger

import "github.com/enlist-go/enlist/userapi"

// ReadKey is readKey of a ledger that is not there yet.
func ReadKey(p Place, made func(string)) (userapi.Secret, error) { return readKey(p, true, made) }

// MachineName is machineName.
func MachineName(lock string) (string, error) { return machineName(lock) }
