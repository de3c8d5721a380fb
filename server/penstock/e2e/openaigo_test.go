package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestGoOpenAI drives the gateway with OpenAI's client for Go, a program of its own, over each protocol to the provider.
func TestGoOpenAI(t *testing.T) {
	client := filepath.Join(t.TempDir(), "openaigo.test")
	build := exec.Command("go", "test", "-c", "-o", client, ".")
	build.Dir = "openaigo"
	build.Env = append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("openaigo does not build: %v\n%s", err, out)
	}
	for _, p := range protocols {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			m := startMock(t)
			g := startGateway(t, m.config(p, ""))
			ctx, cancel := context.WithTimeout(t.Context(), scriptTime)
			defer cancel()
			c := exec.CommandContext(ctx, client, "-test.v", "-test.shuffle=on")
			c.Env = append(os.Environ(), "PENSTOCK_URL="+g.url, "PENSTOCK_KEY="+clientKey, "PENSTOCK_STATS="+m.plain+"/sim/stats")
			c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			out, err := c.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, tail(out, 8<<10))
			}
			if n := bytes.Count(out, []byte("\n--- PASS: ")); n < 12 && err == nil {
				t.Errorf("%d tests ran:\n%s", n, tail(out, 8<<10))
			}
			settled(t, g, m)
		})
	}
}
