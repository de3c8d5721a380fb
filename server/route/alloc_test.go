//go:build !race

package route

import "testing"

func TestAllocations(t *testing.T) {
	table := mustTable(t, largeSpec())
	st := NewState(table)
	plan := make([]Target, 0, table.MaxPlan())
	literal := make([]byte, 0, 100)
	var r Resolved
	for _, model := range []string{"model-123", "fast", "llama", "openai/gpt-5", "gpt-5", "opus", "unheard-of", ""} {
		name := []byte(model)
		n := testing.AllocsPerRun(100, func() {
			if table.Resolve(name, &r) {
				plan = table.Plan(&r, st, plan)
				literal = AppendJSON(literal[:0], plan[0].ModelView)
			}
		})
		if n != 0 {
			t.Errorf("%q: %v allocations", model, n)
		}
	}
}
