//go:build invariants

package e2e

// tagFlags build the binary with lent bytes spoiled where the tests run so.
var tagFlags = []string{"-tags", "invariants"}
