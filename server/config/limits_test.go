package config

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestHostileFiles(t *testing.T) {
	var wide, levels strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&wide, "k%d: 1\n", i)
	}
	for i := range 400 {
		levels.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	targets := "x-t: &t [" + strings.Repeat("{provider: p},", 4000) + "]\nmodels:\n"
	for i := range 200 {
		targets += fmt.Sprintf("  - {name: m%d, targets: *t}\n", i)
	}
	merges := "x-0: &a0 {" + strings.Repeat("a", 10) + ": 1"
	for i := range 1000 {
		merges += fmt.Sprintf(", k%d: 1", i)
	}
	merges += "}\n"
	for i := range 600 {
		merges += fmt.Sprintf("x-%d: &a%d {<<: *a%d}\n", i+1, i+1, i)
	}
	for _, c := range []struct{ name, text, want string }{
		{"long", strings.Repeat("#", fileLimitBytes+1), "is longer than 4MiB"},
		{"sequences", "a: " + strings.Repeat("[", 50_000), "is nested too deeply"},
		{"maps", strings.Repeat("{a: ", 30_000), "is nested too deeply"},
		{"dashes", strings.Repeat("- ", 30_000), "is nested too deeply"},
		{"questions", strings.Repeat("? ", 30_000), "is nested too deeply"},
		{"tags", strings.Repeat("!!seq ", 30_000), "is indented too deeply"},
		{"anchors", strings.Repeat("&a ", 30_000), "is indented too deeply"},
		{"levels", levels.String(), "is indented too deeply"},
		{"keys", wide.String(), "has too many keys in one map"},
		{"aliases", targets, "aliases make more than 524288 values of this file"},
		{"merges", merges, "aliases make more than 524288 values of this file"},
		{"laughs", "x-a: &a [a,a]\nx-b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nx-c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nlisten: *c", "listen[0]: is a list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := faultsOf(t, c.text, fakeEnvironment{}); !strings.Contains(got, c.want) {
				t.Errorf("got %.200s, want %s", got, c.want)
			}
		})
	}
}

func TestManyFaults(t *testing.T) {
	text := "listen: [" + strings.Repeat("a, ", 3000) + "]"
	_, err := Parse("a", []byte(text), fakeEnvironment{})
	equal(t, "faults", len(err.(Faults)), faultLimit)
}

// TestLargeFile reads what a large site has, so that the bounds above are not in the way.
func TestLargeFile(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("providers:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "  - {name: p%d, kind: openai, base_url: \"http://host-%d:8000/v1\", serves: [\"m%d-*\"]}\n", i, i, i)
	}
	b.WriteString("models:\n")
	for i := range 500 {
		fmt.Fprintf(&b, "  - name: m%d\n    targets:\n      - {provider: p%d, model: x}\n      - provider: p%d\n", i, i%200, i%7)
	}
	b.WriteString("keys:\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  - name: k%d\n    value: \"key-number-%d\"\n    models: [\"m1\", \"p2/*\"]\n    limits: {rpm: 600}\n", i, i)
	}
	s := mustParse(t, b.String(), fakeEnvironment{})
	equal(t, "keys", len(s.Keys), 2000)
	equal(t, "warnings", len(s.Warnings), 0)
}
