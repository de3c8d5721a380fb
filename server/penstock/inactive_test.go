package main

import (
	"strings"
	"testing"

	"penstock/server/config"
)

type noFiles struct{}

func (noFiles) Lookup(string) (string, bool)    { return "", false }
func (noFiles) ReadFile(string) ([]byte, error) { return nil, nil }

func TestInactiveFeaturesAreNamed(t *testing.T) {
	s, err := config.Parse("test", []byte(`
auth: keys
providers: [{name: one, kind: openai, keys: [sk-12345678]}, {name: two, kind: gemini, keys: [sk-12345678]}]
models: [{name: m, targets: [{provider: one, model: x}], hedge: {after: 100ms}, cache: {ttl: 1h}}]
keys: [{name: k, value: sk-abcdefgh, limits: {rpm: 10}}]
trace: {otlp: "http://127.0.0.1:4318"}
redis: {url: "redis://127.0.0.1:6379"}
`), noFiles{})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(inactive(s), "\n")
	for _, want := range []string{"limits of key k", "hedge of model m", "cache of model m", "redis", "trace.otlp", "provider two is of kind gemini"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not named in:\n%s", want, got)
		}
	}
	if s, err = config.Parse("test", []byte("providers: [{name: one, kind: openai, keys: [sk-12345678]}]\n"), noFiles{}); err != nil {
		t.Fatal(err)
	}
	if got := inactive(s); len(got) != 0 {
		t.Errorf("a plain configuration has %q", got)
	}
}
