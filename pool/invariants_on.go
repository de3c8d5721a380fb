//go:build invariants

package pool

// poison overwrites what a returned buffer held, so that a view that outlived it reads garbage in tests.
func poison(b []byte) {
	b = b[:cap(b)]
	for i := range b {
		b[i] = 0xDB
	}
}

func (s *Slabs) checkDouble(c int, b []byte) {
	for _, f := range s.free[c] {
		if &f[:1][0] == &b[:1][0] {
			panic("pool: buffer given back twice")
		}
	}
}
