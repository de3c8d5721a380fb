package pool

import "math/bits"

// Slab sizes: powers of two from 1 KiB to 64 KiB, then four steps to each doubling, so that a large body costs at most a quarter
// more than it is long. A connection's output batch is at most one 64 KiB slab (requirements row 2.1).
const (
	minShift  = 10 // 1 KiB
	stepShift = 16 // 64 KiB: above it there are four steps to a doubling
	maxShift  = 24 // 16 MiB; larger buffers come from the heap and go back to it
	classes   = stepShift - minShift + 1 + 4*(maxShift-stepShift)

	// SlabBytes is the size of a connection's output batch.
	SlabBytes = 1 << stepShift
)

// keepBytes bounds what one class may hold idle: what a burst needed is given back to the runtime afterwards.
const keepBytes = 4 << 20

// Stats counts what a pool did since it was made. Hits over Gets is the hit rate of requirements row 2.2.
type Stats struct {
	Gets, Hits   uint64
	IdleBytes    int64 // held, ready to be handed out
	LentBytes    int64 // handed out and not yet back
	OversizeGets uint64
}

// Slabs hands out byte buffers of fixed sizes between 1 KiB and 16 MiB.
// Loop thread only. The zero value is ready to use.
type Slabs struct {
	free  [classes][][]byte
	stats Stats
}

// classOf is the smallest class whose buffers hold n bytes; classes or more where none does.
func classOf(n int) int {
	if n <= 1<<minShift {
		return 0
	}
	if n <= 1<<stepShift {
		return bits.Len(uint(n-1)) - minShift
	}
	shift := bits.Len(uint(n-1)) - 1 // 2^shift < n <= 2^(shift+1)
	quarter := (n - 1) >> (shift - 2) & 3
	return stepShift - minShift + 1 + 4*(shift-stepShift) + quarter
}

// sizeOf is the capacity of a class's buffers.
func sizeOf(class int) int {
	if class <= stepShift-minShift {
		return 1 << (minShift + class)
	}
	class -= stepShift - minShift + 1
	shift := stepShift + class/4
	return 1<<shift + (class%4+1)<<(shift-2)
}

// Get returns an empty buffer with a capacity of at least n bytes; the caller owns it until Put.
func (s *Slabs) Get(n int) []byte {
	c := classOf(n)
	s.stats.Gets++
	if c >= classes {
		s.stats.OversizeGets++
		s.stats.LentBytes += int64(n)
		return make([]byte, 0, n)
	}
	size := sizeOf(c)
	s.stats.LentBytes += int64(size)
	if f := s.free[c]; len(f) > 0 {
		b := f[len(f)-1]
		f[len(f)-1] = nil
		s.free[c] = f[:len(f)-1]
		s.stats.Hits++
		s.stats.IdleBytes -= int64(size)
		return b
	}
	return make([]byte, 0, size)
}

// Put takes back a buffer from Get. Its contents and every view into it are dead afterwards. nil is allowed.
func (s *Slabs) Put(b []byte) {
	n := cap(b)
	if n == 0 {
		return
	}
	s.stats.LentBytes -= int64(n)
	c := classOf(n)
	if c >= classes || n != sizeOf(c) {
		return
	}
	if (len(s.free[c])+1)*n > keepBytes && len(s.free[c]) >= 2 {
		return
	}
	b = b[:0]
	poison(b)
	s.checkDouble(c, b)
	s.free[c] = append(s.free[c], b)
	s.stats.IdleBytes += int64(n)
}

// Grow returns a buffer with the contents of b and room for at least more bytes beyond them. b is taken: it goes back to
// the pool where it has to move.
func (s *Slabs) Grow(b []byte, more int) []byte {
	if cap(b)-len(b) >= more {
		return b
	}
	n := s.Get(max(len(b)+more, 2*cap(b)))
	n = append(n, b...)
	s.Put(b)
	return n
}

// Stats returns a copy of the counters.
func (s *Slabs) Stats() Stats { return s.stats }
