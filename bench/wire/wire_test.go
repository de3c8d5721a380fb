package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"penstock/http1/rawcases"
)

// TestJudge: net/http is known to serve a request with two framings and to go on with the connection, and to serve pipelines well. A
// judge that finds the one and not the other sees what there is to be seen.
func TestJudge(t *testing.T) {
	cases := slices.DeleteFunc(rawcases.Cases(), func(c rawcases.Case) bool { return c.Family != "pipeline" })
	s := &system{name: "net/http", plain: true, start: startGo}
	r, err := judge(s, filepath.Join(t.TempDir(), "go"), cases)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		err := r.faults[title(&c)]
		if known := c.Name == "both framings, then good"; known != (err != nil) {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	text := report([]result{r}, []string{"nginx"})
	for _, want := range []string{"left out: nginx.", "| pipeline | 27 | 26 |", "### net/http: 1\n", "| pipeline: both framings, then good | RFC 9112 §6.1 | answers "} {
		if !strings.Contains(text, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
}
