package config

import (
	"errors"
	"strings"
	"testing"
)

// FuzzConfig reads any text: it ends in a snapshot that prints and reads back as it is, or in faults that point into the
// text.
func FuzzConfig(f *testing.F) {
	for _, c := range readScript(f) {
		f.Add(c.text)
	}
	f.Add(contract)
	f.Add("x-a: &a {name: b}\nkeys: [{<<: *a, value: abcdefgh}]")
	f.Add("? a\n: b\n")
	f.Add("listen: !!str 127.0.0.1:1\n")
	f.Add("log: {access: >-\n  a\n  b\n}")
	env := testEnvironment(f)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("f.yaml", []byte(text), env)
		if err == nil {
			checkRoundTrip(t, s, env)
			return
		}
		var faults Faults
		if s != nil || !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("error %v", err)
		}
		lines := 1 + strings.Count(text, "\n") + strings.Count(text, "\r")
		for i, fault := range faults {
			if fault.File != "f.yaml" || fault.Line < 0 || fault.Line > lines || fault.Got == "" {
				t.Errorf("fault %+v in %d lines", fault, lines)
			}
			if strings.ContainsAny(fault.Error(), "\n\r\x00") {
				t.Errorf("fault %q is not one line", fault.Error())
			}
			if i > 0 && faults[i-1].Line > fault.Line {
				t.Error("faults are not in order")
			}
		}
	})
}
