package pool

// Slab sizes. A connection's output batch is one 64 KiB slab (requirements row 2.1); an exchange starts on a 4 KiB one, because
// at 20,000 live streams that is what decides the memory per stream.
const (
	minClassShift = 10 // 1 KiB
	maxClassShift = 24 // 16 MiB; larger buffers come from the heap and go back to it
	classes       = maxClassShift - minClassShift + 1

	// SlabBytes is the size of a connection's output batch.
	SlabBytes = 64 << 10
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

// Slabs hands out byte buffers whose capacity is a power of two between 1 KiB and 16 MiB.
// Loop thread only. The zero value is ready to use.
type Slabs struct {
	free  [classes][][]byte
	stats Stats
}

func classOf(n int) int {
	c := 0
	for size := 1 << minClassShift; size < n; size <<= 1 {
		c++
	}
	return c
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
	size := 1 << (minClassShift + c)
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
	if c >= classes || n != 1<<(minClassShift+c) {
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
