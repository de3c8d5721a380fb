package route

import (
	"strconv"
	"testing"
)

// largeSpec has as much of everything as an installation of some size.
func largeSpec() Spec {
	spec := testSpec()
	for i := range 20 {
		name := "provider-" + strconv.Itoa(i)
		spec.Providers = append(spec.Providers, ProviderSpec{Name: name, Serves: []string{name + "-*", name + "-large"}})
	}
	for i := range 200 {
		m := spec.Models[0]
		m.Name = "model-" + strconv.Itoa(i)
		spec.Models = append(spec.Models, m)
	}
	return spec
}

func benchmark(b *testing.B, model string) {
	t := mustTable(b, largeSpec())
	st := NewState(t)
	plan := make([]Target, 0, t.MaxPlan())
	name := []byte(model)
	var r Resolved
	b.ReportAllocs()
	for b.Loop() {
		if !t.Resolve(name, &r) {
			b.Fatal("unknown")
		}
		plan = t.Plan(&r, st, plan)
	}
}

func BenchmarkModel(b *testing.B)   { benchmark(b, "model-123") }
func BenchmarkPrefix(b *testing.B)  { benchmark(b, "openai/gpt-5-mini") }
func BenchmarkLiteral(b *testing.B) { benchmark(b, "provider-7-large") }
func BenchmarkPattern(b *testing.B) { benchmark(b, "gpt-5-mini") }
func BenchmarkLast(b *testing.B)    { benchmark(b, "unheard-of") } // every pattern is tried

func BenchmarkAppendJSON(b *testing.B) {
	view := []byte("meta-llama/Llama-3.3-70B-Instruct")
	out := make([]byte, 0, 100)
	b.ReportAllocs()
	b.SetBytes(int64(len(view)))
	for b.Loop() {
		out = AppendJSON(out[:0], view)
	}
}
