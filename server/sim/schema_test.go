package sim

import (
	"slices"
	"testing"
)

func TestValuesBySchema(t *testing.T) {
	made := func(schema, want string) {
		t.Helper()
		m := maker{root: parse([]byte(schema)), place: "Oslo"}
		m.value(m.root, "", 0)
		if string(m.b) != want {
			t.Errorf("%s\nmakes %s\nwant  %s", schema, m.b, want)
		}
		if !members(append(append([]byte(`{"v":`), m.b...), '}'), func(_, _ []byte) {}) {
			t.Errorf("%s is no JSON", m.b)
		}
	}
	made(`{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"integer"}}}`, `{"b":"Oslo","a":1}`)
	made(`{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"integer"}},"required":["a"]}`, `{"a":1}`)
	made(`{"type":"object","properties":{}}`, `{}`)
	made(`{"type":["null","number"],"minimum":5,"maximum":9}`, `5`)
	made(`{"type":"integer","exclusiveMinimum":10,"multipleOf":4}`, `12`)
	made(`{"type":"integer","maximum":-3}`, `-3`)
	made(`{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}`, `0.5`)
	made(`{"type":"array","items":{"type":"boolean"},"minItems":2}`, `[true,true]`)
	made(`{"type":"array","items":{"type":"null"},"maxItems":0}`, `[]`)
	made(`{"enum":["x","y"]}`, `"x"`)
	made(`{"const":{"k":[1]}}`, `{"k":[1]}`)
	made(`{"anyOf":[{"type":"null"},{"type":"string","format":"date"}]}`, `"2026-11-23"`)
	made(`{"type":"string","maxLength":2}`, `"Os"`)
	made(`{"type":"string","minLength":6}`, `"Osloxx"`)
	made(`{"$ref":"#/$defs/p","$defs":{"p":{"type":"object","properties":{"n":{"$ref":"#/$defs/q"}}},"q":{"type":"integer"}}}`, `{"n":1}`)
	made(`{"allOf":[{"type":"object","properties":{"a":{"const":1}}},{"properties":{"b":{"const":2}}}]}`, `{"a":1,"b":2}`)
	made(`{"type":"object","properties":{"a\"b":{"const":1}}}`, `{"a\"b":1}`)
	made(`{"type":"array","items":{"type":"string"}}`, `["Oslo"]`)
	made(`{"$ref":"#/nowhere"}`, `null`)
	made(`true`, `null`)
}

// A schema that contains itself ends at the bound of depth, and one that doubles at each level at the bound of bytes.
func TestEndlessSchemas(t *testing.T) {
	for _, schema := range []string{
		`{"type":"object","properties":{"next":{"$ref":"#"}}}`,
		`{"$ref":"#"}`,
		`{"type":"array","minItems":64,"items":{"$ref":"#"}}`,
		`{"allOf":[{"$ref":"#"},{"$ref":"#"}]}`,
	} {
		m := maker{root: parse([]byte(schema))}
		m.value(m.root, "", 0)
		if len(m.b) > 16*schemaBytesLimit {
			t.Errorf("%s makes %d bytes", schema, len(m.b))
		}
	}
}

func TestPlaces(t *testing.T) {
	for text, want := range map[string][]string{
		"What is the weather in Paris and Tokyo?": {"Paris", "Tokyo"},
		"Paris, London!": {"Paris", "London"},
		"How warm is it in Tromsö or in Bergen, then?": {"Tromsö", "Bergen"},
		"Is New York bigger than Rome?":                {"New York", "Rome"},
		"Romeo loves Julia. In fact, I do":             nil,
		"in Smallville and Metropolis":                 {"Smallville", "Metropolis"},
		"":                                             nil,
	} {
		if got := findPlaces(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
