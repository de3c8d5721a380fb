package pool

// List is a free list of objects of one type. Loop thread only. The zero value is ready; Keep bounds what it holds idle.
type List[T any] struct {
	Keep int // objects held idle at most; 0 means 512
	free []*T
	gets uint64
	hits uint64
	lent int
}

// Get returns an object as it was put back, or a new zero one; the caller resets what it needs and owns it until Put.
func (l *List[T]) Get() *T {
	l.gets++
	l.lent++
	if n := len(l.free); n > 0 {
		x := l.free[n-1]
		l.free[n-1] = nil
		l.free = l.free[:n-1]
		l.hits++
		return x
	}
	return new(T)
}

// Put takes x back. Nobody may hold a pointer to it afterwards.
func (l *List[T]) Put(x *T) {
	l.lent--
	keep := l.Keep
	if keep == 0 {
		keep = 512
	}
	if len(l.free) < keep {
		l.free = append(l.free, x)
	}
}

// Lent is the number of objects handed out and not yet back.
func (l *List[T]) Lent() int { return l.lent }

// Stats returns how many objects were asked for and how many of them came from the list.
func (l *List[T]) Stats() (gets, hits uint64) { return l.gets, l.hits }
