//go:build !race

package auth

import "testing"

func TestAllocations(t *testing.T) {
	table := thousand(t)
	model, unknown := []byte("gpt-5-mini"), []byte("Bearer nobody")
	n := testing.AllocsPerRun(200, func() {
		if k := table.Lookup(Credential(header, nil, nil, nil)); k == nil || !k.Allows(model) {
			t.Fatal("refused")
		}
		if table.Lookup(Credential(unknown, nil, nil, nil)) != nil {
			t.Fatal("found")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
