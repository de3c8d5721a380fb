package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"penstock/server/config"
)

// someEnvironment has every variable that is asked for, each with a value of its own.
type someEnvironment struct{ noFiles }

func (someEnvironment) Lookup(name string) (string, bool) { return name + "-12345678", true }

// TestExamplesAreServed: an example that is well-formed and then refused by what serves it is worse than none.
func TestExamplesAreServed(t *testing.T) {
	paths, err := filepath.Glob("../../docs/examples/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d examples, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := config.Parse(path, text, someEnvironment{})
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := newBuilder().build(s); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestEveryStrategyIsServed: one that is not built yet leaves the order to the weights, and says so.
func TestEveryStrategyIsServed(t *testing.T) {
	for _, c := range []struct{ strategy, warning string }{
		{"weighted", ""},
		{"ordered", ""},
		{"least_loaded", "strategy least_loaded of model m is set and has no effect in this version: its targets are weighted"},
		{"latency", "strategy latency of model m is set and has no effect in this version: its targets are weighted"},
		{"affinity", "strategy affinity of model m is set and has no effect in this version: its targets are weighted"},
		{"cost", "strategy cost of model m is set and has no effect in this version: its targets are weighted"},
	} {
		s, err := config.Parse("test", []byte("auth: none\nproviders: [{name: one, kind: openai, keys: [sk-12345678]}]\n"+
			"models: [{name: m, strategy: "+c.strategy+", targets: [{provider: one, model: x}]}]\n"), noFiles{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newBuilder().build(s); err != nil {
			t.Errorf("%s: %v", c.strategy, err)
		}
		if got := strings.Join(inactive(s), "\n"); got != c.warning {
			t.Errorf("%s: warned of %q, not of %q", c.strategy, got, c.warning)
		}
	}
}
