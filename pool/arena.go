package pool

// Arena is a bump allocator over slabs: it hands out pieces, and Reset gives all of them back at once. An exchange owns one.
// Loop thread only.
type Arena struct {
	slabs *Slabs
	cur   []byte
	full  [][]byte
	first int
}

// Init ties the arena to the slabs it takes memory from; firstBytes is the size of its first slab.
func (a *Arena) Init(s *Slabs, firstBytes int) { a.slabs, a.first = s, firstBytes }

// Alloc returns n bytes that live until Reset. Their contents are undefined.
func (a *Arena) Alloc(n int) []byte {
	if cap(a.cur)-len(a.cur) < n {
		if a.cur != nil {
			a.full = append(a.full, a.cur)
		}
		a.cur = a.slabs.Get(max(n, a.first))
	}
	at := len(a.cur)
	a.cur = a.cur[:at+n]
	return a.cur[at : at+n : at+n]
}

// Copy returns a copy of b that lives until Reset.
func (a *Arena) Copy(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	c := a.Alloc(len(b))
	copy(c, b)
	return c
}

// Bytes is the memory that the arena holds.
func (a *Arena) Bytes() int {
	n := cap(a.cur)
	for _, f := range a.full {
		n += cap(f)
	}
	return n
}

// Reset gives every slab back; all that Alloc and Copy returned is dead.
func (a *Arena) Reset() {
	for i, f := range a.full {
		a.slabs.Put(f)
		a.full[i] = nil
	}
	a.full = a.full[:0]
	if a.cur != nil {
		a.slabs.Put(a.cur)
		a.cur = nil
	}
}
