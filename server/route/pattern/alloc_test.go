//go:build !race

package pattern

import (
	"strings"
	"testing"
)

func TestAllocations(t *testing.T) {
	name := []byte("a" + strings.Repeat("b", 100) + "c")
	long := "a*" + strings.Repeat("b", 80) + "*c"
	n := testing.AllocsPerRun(100, func() {
		if !Match(long, name) || Match("a*x*c", name) {
			t.Fatal("wrong")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
