package pool

import (
	"bytes"
	"testing"
)

func TestClassesFit(t *testing.T) {
	for c := range classes {
		size := sizeOf(c)
		if classOf(size) != c {
			t.Errorf("class %d of %d bytes: classOf says %d", c, size, classOf(size))
		}
		if c > 0 && (sizeOf(c-1) >= size || classOf(sizeOf(c-1)+1) != c) {
			t.Errorf("class %d does not begin right after class %d", c, c-1)
		}
		if size > SlabBytes && c > 0 && size > sizeOf(c-1)*5/4+1 {
			t.Errorf("class %d wastes more than a quarter", c)
		}
	}
	if size := sizeOf(classes - 1); size != 1<<maxShift {
		t.Errorf("largest class is %d", size)
	}
	if classOf(1<<maxShift+1) < classes {
		t.Error("a buffer beyond the largest class has a class")
	}
}

func TestSlabsComeBack(t *testing.T) {
	var s Slabs
	for _, n := range []int{0, 1, 1 << 10, 1<<10 + 1, 4000, 64 << 10, 65<<10 + 3, 1 << 20, 16 << 20, 17 << 20} {
		b := s.Get(n)
		if len(b) != 0 || cap(b) < n {
			t.Fatalf("Get(%d): len %d cap %d", n, len(b), cap(b))
		}
		s.Put(b)
	}
	if st := s.Stats(); st.LentBytes != 0 || st.OversizeGets != 1 {
		t.Fatalf("%+v", st)
	}
	before := s.Stats().Hits
	s.Put(s.Get(4000))
	if s.Stats().Hits != before+1 {
		t.Fatal("a returned buffer was not handed out again")
	}
}

func TestSlabsKeepNoMoreThanTheirBound(t *testing.T) {
	var s Slabs
	var held [][]byte
	for range 300 {
		held = append(held, s.Get(SlabBytes))
	}
	for _, b := range held {
		s.Put(b)
	}
	if n := s.Stats().IdleBytes; n > keepBytes {
		t.Fatalf("%d bytes idle", n)
	}
}

func TestGrowKeepsContents(t *testing.T) {
	var s Slabs
	b := append(s.Get(10), bytes.Repeat([]byte("x"), 1000)...)
	g := s.Grow(b, 100_000)
	if len(g) != 1000 || cap(g)-len(g) < 100_000 || !bytes.Equal(g, bytes.Repeat([]byte("x"), 1000)) {
		t.Fatalf("len %d cap %d", len(g), cap(g))
	}
	if same := s.Grow(g, 10); &same[0] != &g[0] {
		t.Fatal("moved although there was room")
	}
	s.Put(g)
	if s.Stats().LentBytes != 0 {
		t.Fatal("lent bytes left")
	}
}

func TestArena(t *testing.T) {
	var s Slabs
	var a Arena
	a.Init(&s, 1<<10)
	var pieces [][]byte
	for i := range 200 {
		p := a.Copy(bytes.Repeat([]byte{byte(i)}, 1+i*7))
		pieces = append(pieces, p)
	}
	for i, p := range pieces {
		if !bytes.Equal(p, bytes.Repeat([]byte{byte(i)}, 1+i*7)) {
			t.Fatalf("piece %d was overwritten", i)
		}
		if cap(p) != len(p) {
			t.Fatalf("piece %d can grow into the next one", i)
		}
	}
	if a.Copy(nil) != nil {
		t.Fatal("a copy of nothing takes memory")
	}
	a.Reset()
	if s.Stats().LentBytes != 0 || a.Bytes() != 0 {
		t.Fatal("Reset left memory lent")
	}
}

func TestList(t *testing.T) {
	l := List[int]{Keep: 2}
	a, b, c := l.Get(), l.Get(), l.Get()
	*a = 7
	l.Put(a)
	if got := l.Get(); got != a || *got != 7 {
		t.Fatal("not the object that was put back")
	}
	l.Put(a)
	l.Put(b)
	l.Put(c)
	if gets, hits := l.Stats(); gets != 4 || hits != 1 || l.Lent() != 0 || len(l.free) != 2 {
		t.Fatalf("gets %d hits %d lent %d kept %d", gets, hits, l.Lent(), len(l.free))
	}
}
