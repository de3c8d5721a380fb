package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	installTime = 5 * time.Minute
	scriptTime  = 2 * time.Minute
)

// nodeModules installs the clients that node/package.json names, once per machine, and returns the folder that they are in.
var nodeModules = sync.OnceValues(func() (string, error) {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%s is missing: these tests need Node.js 20 or later with npm", tool)
		}
	}
	manifest, err := os.ReadFile("node/package.json")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.Sum256(manifest)
	dir := filepath.Join(cache, "penstock-e2e", hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err == nil {
		return filepath.Join(dir, "node_modules"), nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(dir), "install-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := os.WriteFile(filepath.Join(fresh, "package.json"), manifest, 0o600); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), installTime)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
	install.Dir = fresh
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install of node/package.json: %w\n%s", err, out)
	}
	// Whoever comes first wins; the others' folders are the same and go away.
	if err := os.Rename(fresh, dir); err != nil {
		if _, statErr := os.Stat(filepath.Join(dir, "node_modules")); statErr != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "node_modules"), nil
})

// scripts copies the scripts to a folder from which the clients are found.
func scripts(t *testing.T) string {
	t.Helper()
	modules, err := nodeModules()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("node")); err != nil {
		t.Fatal(err)
	}
	// A folder of modules beside the scripts, from an install by hand, gives way.
	if err := os.RemoveAll(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// expectation is what a check of a script reports, as JSON.
type expectation struct{ name, want string }

// runScript runs a script against a gateway and compares each of its checks.
func runScript(t *testing.T, dir, script string, g *gateway, m *mock, env []string, want []expectation) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), scriptTime)
	defer cancel()
	c := exec.CommandContext(ctx, "node", script)
	c.Dir = dir
	c.Env = append(append(os.Environ(), "PENSTOCK_URL="+g.url, "PENSTOCK_KEY="+clientKey, "PENSTOCK_STATS="+m.plain+"/sim/stats"), env...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Errorf("node %s: %v\n%s", script, err, tail(stderr.Bytes(), 4<<10))
	}
	got := map[string]string{}
	for line := range bytes.Lines(stdout.Bytes()) {
		var check struct {
			Name string
			Got  json.RawMessage
		}
		if err := json.Unmarshal(line, &check); err != nil {
			t.Errorf("node %s printed %q", script, line)
			continue
		}
		got[check.Name] = string(check.Got)
	}
	for _, x := range want {
		value, ran := got[x.name]
		delete(got, x.name)
		switch {
		case !ran:
			t.Errorf("%s: %s: did not run", script, x.name)
		case value != x.want:
			t.Errorf("%s: %s:\n got %s\nwant %s", script, x.name, value, x.want)
		}
	}
	for name, value := range got {
		t.Errorf("%s: %s: nobody knows this check: %s", script, name, value)
	}
}

// TestNodeOpenAI drives the gateway with OpenAI's client for JavaScript, over each protocol to the provider.
func TestNodeOpenAI(t *testing.T) {
	dir := scripts(t)
	for _, p := range protocols {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			m := startMock(t)
			g := startGateway(t, m.config(p, ""))
			for _, script := range []struct {
				file string
				want []expectation
			}{
				{"chat.mjs", chatChecks},
				{"tools.mjs", toolChecks},
				{"objects.mjs", objectChecks},
				{"responses.mjs", responseChecks},
				{"errors.mjs", errorChecks},
				{"abort.mjs", abortChecks},
			} {
				runScript(t, dir, script.file, g, m, nil, script.want)
			}
			settled(t, g, m)
		})
	}
}

// TestNodeAnthropic does the same with Anthropic's client: the last one that sends API version 2023-06-01, and one that sends 2026-10-21.
func TestNodeAnthropic(t *testing.T) {
	dir := scripts(t)
	for _, p := range protocols {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			m := startMock(t)
			g := startGateway(t, m.config(p, ""))
			runScript(t, dir, "anthropic.mjs", g, m, []string{"PENSTOCK_ANTHROPIC=anthropic-2026"}, anthropicChecks)
			before := slices.Clone(anthropicChecks)
			for i := range before { // the class is new
				before[i].want = strings.ReplaceAll(before[i].want, "OverloadedError", "InternalServerError")
			}
			runScript(t, dir, "anthropic.mjs", g, m, []string{"PENSTOCK_ANTHROPIC=anthropic-2023"}, before)
			settled(t, g, m)
		})
	}
}
