package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReferenceIsCurrent(t *testing.T) {
	const path = "../../docs/configuration.md"
	if *update {
		if err := os.WriteFile(path, Reference(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	onDisk, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(onDisk) != string(Reference()) {
		t.Error(path + " is not what `go generate ./server/config` makes")
	}
}

// anyEnvironment has every variable that is asked for, so that examples need none.
type anyEnvironment struct{ fakeEnvironment }

func (anyEnvironment) Lookup(name string) (string, bool) { return "value-of-" + name, true }

func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("../../docs/examples/*.yaml")
	if err != nil || len(paths) < 3 {
		t.Fatalf("%d examples, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(filepath.Base(path), text, anyEnvironment{})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		for _, warning := range s.Warnings {
			t.Errorf("%s: %s", path, warning)
		}
		checkRoundTrip(t, s, anyEnvironment{})
	}
}

// TestTable keeps the table sound: every default, bound and choice can be read, and every row has a meaning.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	var walk func(b *branch)
	walk = func(b *branch) {
		for _, c := range b.children {
			if seen[c.path] || c.meaning == "" || !strings.HasSuffix(c.path, c.name) {
				t.Errorf("row %q", c.path)
			}
			seen[c.path] = true
			at := place{r: &reader{env: fakeEnvironment{}}, b: c, key: c.path}
			for _, text := range []string{c.def, c.low, c.high} {
				if text == "" {
					continue
				}
				at.n = &node{form: formText, text: text}
				switch c.shape {
				case shapeCount:
					at.integer()
				case shapeRatio:
					at.ratio()
				case shapeSize:
					at.size()
				case shapeDuration:
					at.duration()
				case shapeBool:
					at.boolean()
				case shapeChoice:
					at.choice()
				}
			}
			if len(at.r.faults) > 0 {
				t.Errorf("row %q: %v", c.path, at.r.faults)
			}
			walk(c)
		}
	}
	walk(root)
	equal(t, "rows", len(seen), len(fields))
}
