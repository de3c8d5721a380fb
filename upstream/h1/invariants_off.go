//go:build !invariants

package h1

func mustCredit(int, int) {}
func (s *section) spoil() {}
