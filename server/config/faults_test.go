package config

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected faults in testdata")

// scriptCase is a block of testdata/faults.txt: a line "=== name", the file, a line "--- faults", the faults, one per line.
type scriptCase struct {
	name, text, want string
}

func readScript(tb testing.TB) []scriptCase {
	tb.Helper()
	raw, err := os.ReadFile("testdata/faults.txt")
	if err != nil {
		tb.Fatal(err)
	}
	var cases []scriptCase
	for block := range strings.SplitSeq("\n"+string(raw), "\n=== ") {
		name, rest, ok := strings.Cut(block, "\n")
		if !ok {
			continue
		}
		text, want, ok := strings.Cut(rest, "--- faults\n")
		if !ok {
			tb.Fatalf("case %q has no line --- faults", name)
		}
		cases = append(cases, scriptCase{name, text, strings.TrimRight(want, "\n")})
	}
	return cases
}

// faultsOf gives what check would print; "" when the file is sound.
func faultsOf(tb testing.TB, text string, env Environment) string {
	tb.Helper()
	s, err := Parse("penstock.yaml", []byte(text), env)
	if err == nil {
		if s == nil {
			tb.Fatal("neither snapshot nor faults")
		}
		return ""
	}
	var faults Faults
	if s != nil || !errors.As(err, &faults) || len(faults) == 0 {
		tb.Fatalf("got snapshot %v and error %v, want Faults alone", s != nil, err)
	}
	return err.Error()
}

func TestFaults(t *testing.T) {
	cases := readScript(t)
	env := testEnvironment(t)
	var rewritten strings.Builder
	for i, c := range cases {
		got := faultsOf(t, c.text, env)
		if *update {
			if i > 0 {
				rewritten.WriteString("\n")
			}
			rewritten.WriteString("=== " + c.name + "\n" + c.text + "--- faults\n" + got + "\n")
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if got != c.want {
				t.Errorf("%s\ngot:\n%s\nwant:\n%s", c.text, got, c.want)
			}
			if c.want == "" {
				t.Error("the case expects no fault")
			}
			if strings.Contains(got, "hidden") {
				t.Error("a fault shows what it must not")
			}
		})
	}
	if *update {
		if err := os.WriteFile("testdata/faults.txt", []byte(rewritten.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(cases) < 80 {
		t.Errorf("%d cases, want at least 80", len(cases))
	}
}
