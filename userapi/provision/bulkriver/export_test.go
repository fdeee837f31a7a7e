package bulkriver

import "encoding/hex"

// UniqueKey is uniqueKey in hex.
func UniqueKey(key string) string { return hex.EncodeToString(uniqueKey(key)) }

// Statements are those that find jobs and that delete them when they are done.
func Statements(q *Queue) (find, finish string) { return q.findStatement(), q.finishStatement() }
