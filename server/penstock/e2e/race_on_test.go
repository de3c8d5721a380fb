//go:build race

package e2e

// raceFlags build the binary under the race detector where the tests run under it.
var raceFlags = []string{"-race"}
