//go:build !invariants

package e2e

var tagFlags []string
