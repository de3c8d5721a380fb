package auth

import (
	"strconv"
	"testing"
)

func thousand(b testing.TB) *Table {
	var entries []Entry
	for i := range 1000 {
		entries = append(entries, entry(i, "key-"+strconv.Itoa(i), "sk-penstock-0123456789abcdef0123456789abcdef-"+strconv.Itoa(i), "fast", "openai/*", "gpt-*-mini"))
	}
	return mustTable(b, entries...)
}

var header = []byte("Bearer sk-penstock-0123456789abcdef0123456789abcdef-777")

// BenchmarkAdmit is what one request costs: credential, lookup, model.
func BenchmarkAdmit(b *testing.B) {
	t := thousand(b)
	model := []byte("gpt-5-mini")
	b.ReportAllocs()
	for b.Loop() {
		if k := t.Lookup(Credential(header, nil, nil, nil)); k == nil || !k.Allows(model) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkLookupUnknown(b *testing.B) {
	t := thousand(b)
	b.ReportAllocs()
	for b.Loop() {
		if t.Lookup(header) != nil {
			b.Fatal("found")
		}
	}
}

func BenchmarkAllows(b *testing.B) {
	k := &Key{Models: []string{"fast", "openai/*", "gpt-*-mini"}}
	model := []byte("gpt-5-mini")
	b.ReportAllocs()
	for b.Loop() {
		if !k.Allows(model) {
			b.Fatal("refused")
		}
	}
}
