//go:build invariants

package pool

import "testing"

func TestReturnedBuffersAreSpoiled(t *testing.T) {
	var s Slabs
	b := append(s.Get(100), "secret"...)
	s.Put(b)
	if string(b[:6]) == "secret" {
		t.Fatal("a returned buffer still shows what it held")
	}
	defer func() {
		if recover() == nil {
			t.Fatal("a double Put went unnoticed")
		}
	}()
	s.Put(b)
}
