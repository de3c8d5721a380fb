package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck: penstock check reports every fault with file and line and ends with 1; a file without any ends with 0.
func TestCheck(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "penstock.yaml")
	check := func(config string) (code int, output string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		p := start(t, []string{"OPENAI_API_KEY="}, "check", "--config", path)
		return p.exit(t), string(p.output())
	}
	code, output := check(`listen: nowhere
timeouts: {head: 10}
providers:
  - name: oai
    kind: openia
    keys: ["${PENSTOCK_E2E_UNSET}"]
models:
  - name: fast
    targets: [{provider: nobody, model: m}]
bounds:
  body: 10XB
surprise: 1
retry: {attempts: -1}
keys:
  - {name: team, value: short}
`)
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{
		":1: listen", ":2: timeouts.head", ":5: providers[0].kind", ":6: providers[0].keys[0]", ":9: models[0].targets[0].provider",
		":11: bounds.body", ":12: surprise", ":13: retry.attempts", ":15: keys[0].value",
	} {
		if !strings.Contains(output, path+want) {
			t.Errorf("no fault %s in:\n%s", want, output)
		}
	}
	if n := strings.Count(output, "\n"); n != 9 {
		t.Errorf("%d lines for 9 faults:\n%s", n, output)
	}
	if code, output := check("listen: 127.0.0.1:0\nproviders:\n  - {name: oai, kind: openai, keys: [sk-" + secretMark + "]}\n"); code != 0 || !strings.Contains(output, "fine") {
		t.Errorf("%d %s", code, output)
	}
	if code, output := check("providers: [\n"); code != 1 || !strings.Contains(output, path+":") {
		t.Errorf("%d %s", code, output)
	}
	p := start(t, nil, "check", "--config", path+".none")
	if code := p.exit(t); code != 1 || !strings.Contains(string(p.output()), path+".none") {
		t.Errorf("a file that is not there: %d %s", code, p.output())
	}
}

// TestServeRefuses: a configuration that check refuses, or an address that is taken, ends serve with 1 before anything listens.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	m := startMock(t)
	g := startGateway(t, m.config(h2c, ""))
	path := filepath.Join(t.TempDir(), "penstock.yaml")
	for name, c := range map[string]struct{ config, want string }{
		"fault": {"loops: many\n", path + ":1: loops"},
		"taken": {"listen: unix:/nonexistent/folder/socket\nadmin: off\nproviders:\n  - {name: oai, kind: openai, keys: [sk-123]}\n", "/nonexistent/folder"},
		"admin": {"listen: 127.0.0.1:0\nadmin: " + strings.TrimPrefix(g.admin, "http://") + "\nproviders:\n  - {name: oai, kind: openai, keys: [sk-123]}\n", "address already in use"},
	} {
		if err := os.WriteFile(path, []byte(c.config), 0o600); err != nil {
			t.Fatal(err)
		}
		p := start(t, nil, "serve", "--config", path)
		if code := p.exit(t); code != 1 || !strings.Contains(string(p.output()), c.want) {
			t.Errorf("%s: %d %s", name, code, p.output())
		}
	}
}

// TestCommandLine: what is no command ends with 2 and says what there is.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, 0, "penstock "},
		{[]string{"help"}, 0, "usage:"},
		{[]string{"nothing"}, 2, "usage:"},
		{[]string{"serve", "--nothing"}, 2, "nothing"},
		{[]string{"serve", "more"}, 2, "more"},
		{[]string{"mock", "--tokens", "x"}, 2, "tokens"},
	} {
		p := start(t, nil, c.args...)
		if code := p.exit(t); code != c.code || !strings.Contains(string(p.output()), c.want) {
			t.Errorf("penstock %s: %d %s", strings.Join(c.args, " "), code, p.output())
		}
	}
}
