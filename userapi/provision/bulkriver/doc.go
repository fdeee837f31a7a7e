// Package bulkriver does a bulk import by many processes.
package bulkriver
