//go:build !invariants

package http1

func checkField[T string | []byte](_, _ T) {}
