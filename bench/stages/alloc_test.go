//go:build !race

package stages

import (
	"testing"

	"penstock/bench/fixtures"
)

// TestNoAllocations holds what the benchmarks report: no stage of a request allocates once it is warm.
func TestNoAllocations(t *testing.T) {
	table := routes(t)
	for _, c := range []struct {
		name string
		run  stage
	}{
		{"5.1 1K", parse(request(fixtures.Chat1K))},
		{"5.1 256K", parse(request(fixtures.Chat256K))},
		{"5.2 model", plan(table, "model-73")},
		{"5.2 prefix", plan(table, "provider-11/anything-v2")},
		{"5.2 pattern", plan(table, "text-provider-19-large")},
		{"5.3 key", admit(keys(t))},
		{"5.3 refused", refuse(fixtures.Chat64K)},
		{"5.5 patch", patch(t, fixtures.Chat1K)},
		{"5.5 relay", relay(fixtures.ChatStream)},
		{"5.6 error", errorJSON()},
		{"5.6 models", modelsJSON(table.Names())},
		{"5.6 h2 request", upstreamRequest(t, fixtures.Chat1K)},
	} {
		run := func() {
			if err := c.run(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		run()
		if n := testing.AllocsPerRun(100, run); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}
