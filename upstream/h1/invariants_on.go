//go:build invariants

package h1

import "penstock/upstream/stream"

// mustCredit panics where a Sink credits what it was not lent.
func mustCredit(n, buffered int) {
	if n < 0 || n > buffered {
		panic("h1: credit for bytes that were not lent")
	}
}

// spoil overwrites what was lent of the section, so that a view that outlived its call reads garbage in tests.
func (s *section) spoil() {
	names := s.names[:cap(s.names)]
	for i := range names {
		names[i] = 0xDB
	}
	held := s.held[:cap(s.held)]
	for i := range held {
		held[i] = 0xDB
	}
	for i := range s.fields {
		s.fields[i] = stream.Field{}
	}
}
