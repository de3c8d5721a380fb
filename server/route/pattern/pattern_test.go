package pattern

import (
	"strings"
	"testing"
)

// simple is the definition of a pattern, without a thought for its cost.
func simple(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case pattern[0] == '*':
		return simple(pattern[1:], name) || name != "" && simple(pattern, name[1:])
	default:
		return name != "" && pattern[0] == name[0] && simple(pattern[1:], name[1:])
	}
}

func TestMatch(t *testing.T) {
	check := func(pattern, name string, want bool) {
		t.Helper()
		if got := Match(pattern, []byte(name)); got != want {
			t.Errorf("Match(%q, %q) is %v", pattern, name, got)
		}
		if len(name) <= MaxNameBytes && simple(pattern, name) != want {
			t.Errorf("the reference says otherwise about %q and %q", pattern, name)
		}
	}
	check("", "", true)
	check("", "a", false)
	check("*", "", true)
	check("*", "a/b:c", true)
	check("gpt-*", "gpt-5", true)
	check("gpt-*", "gpt-", true)
	check("gpt-*", "gpt", false)
	check("gpt-*", "xgpt-5", false)
	check("gpt-*", "GPT-5", false)
	check("openai/*", "openai/a/b", true)
	check("openai/*", "openai", false)
	check("*-mini", "gpt-5-mini", true)
	check("*-mini", "gpt-5-mini-2", false)
	check("gpt-*-mini", "gpt-5-mini", true)
	check("gpt-*-mini", "gpt-mini", false)
	check("gpt-*-mini", "gpt--mini", true)
	check("*a*b*", "xaxbx", true)
	check("*a*b*", "xbxax", false)
	check("a**b", "ab", true)
	check("*ab", "aab", true)
	check("*aab*b", "aaabab", true)
	check("a?c", "abc", false)
	check("[a]", "a", false)
	check("exact", "exact", true)
	check("exact", "exactly", false)
	check("*", strings.Repeat("a", MaxNameBytes), true)
	check("*", strings.Repeat("a", MaxNameBytes+1), false)
}

// TestMatchExhaustively tries every pattern and name up to six letters of two.
func TestMatchExhaustively(t *testing.T) {
	var names, patterns []string
	var grow func(s, letters string, out *[]string)
	grow = func(s, letters string, out *[]string) {
		*out = append(*out, s)
		if len(s) < 6 {
			for _, c := range letters {
				grow(s+string(c), letters, out)
			}
		}
	}
	grow("", "ab", &names)
	grow("", "ab*", &patterns)
	for _, p := range patterns {
		for _, n := range names {
			if got := Match(p, []byte(n)); got != simple(p, n) {
				t.Fatalf("Match(%q, %q) is %v", p, n, got)
			}
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("gpt-*", "gpt-5")
	f.Add("*a*b*", "xaxbx")
	f.Add("*aab*b", "aaabab")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.Count(pattern, "*") > 4 || len(name) > 40 {
			return
		}
		if got := Match(pattern, []byte(name)); got != simple(pattern, name) {
			t.Errorf("Match(%q, %q) is %v", pattern, name, got)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	name := []byte("gpt-5-mini-2026-08-07")
	b.ReportAllocs()
	b.SetBytes(int64(len(name)))
	for b.Loop() {
		if !Match("gpt-*-mini*", name) {
			b.Fatal("no match")
		}
	}
}

// BenchmarkMatchWorst is the longest that one pattern can hold a loop up.
func BenchmarkMatchWorst(b *testing.B) {
	name := []byte(strings.Repeat("a", MaxNameBytes))
	pattern := "*" + strings.Repeat("a", 50) + "b*"
	b.ReportAllocs()
	for b.Loop() {
		if Match(pattern, name) {
			b.Fatal("match")
		}
	}
}
