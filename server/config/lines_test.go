package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestLines puts a fault below everything that a YAML parser may miscount.
func TestLines(t *testing.T) {
	for _, above := range []string{
		"", "\n\n", "# one\n\n# two\n", "---\n", "%YAML 1.2\n---\n",
		"state:\n  dir: |\n    a\n\n    b\n", "state:\n  dir: |-\n    a\n\n\n", "state:\n  dir: >\n    a\n    b\n\n    c\n",
		"state:\n  dir: >+\n    a\n\n\n\n", "state:\n  dir: \"a\n    b\n\n    c\"\n", "state:\n  dir: 'a\n    b\n\n    c'\n",
		"state:\n  dir: a\n    b\n\n    c\n", "state: {\n  dir: a # one\n  ,\n}\n", "state:\n  # one\n\n  dir: a # two\n\n# three\n",
		"x-a: &a\n  - 1\n  -\n    2\n  - - 3\n    - 4\n", "x-a: &a {b: c}\nx-b:\n  <<: *a\n", "? x-a\n: b\n", "x-a:\n\n\n  b: c\n",
		"x-a: \"\\\n  b\\\n  c\"\n", "x-a: |\n  # not a comment\n  b\n# one\n", "x-a: |2\n    b\n\n  c\n", "x-a: [\n1,\n\n2, # one\n# two\n3]\n",
		"x-a: ''\nx-b: \"\"\nx-c: |\n\nx-d:\n", "x-a: !!str\n  b\n", "x-a: &a\n  b\n", "x-ü: \"中\n  文\"\n",
	} {
		for _, end := range []string{"\n", "\r\n"} {
			text := strings.ReplaceAll(above+"loops: -1\npin: 3\nlog:\n  # one\n  level: x\n", "\n", end)
			n := strings.Count(above, "\n") + 1
			want := fmt.Sprintf("penstock.yaml:%d: loops: \"-1\" is out of range; from 0 to 1024\n"+
				"penstock.yaml:%d: pin: \"3\" is neither true nor false\n"+
				"penstock.yaml:%d: log.level: \"x\" is not a log level; one of debug, info, warn, error", n, n+1, n+4)
			if got := faultsOf(t, text, fakeEnvironment{}); got != want {
				t.Errorf("%q\ngot:\n%s\nwant:\n%s", text, got, want)
			}
		}
	}
}
