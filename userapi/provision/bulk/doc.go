// Package bulk reads many people and turns each into a request.
package bulk
