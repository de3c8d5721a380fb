package penstock_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVulnScript runs .ci/vuln to each of its ends, with databases made for that: a finding and a scan that cannot be done fail, an empty
// database passes, and one that cannot be reached is said to be no pass. What is scanned is one small package.
func TestVulnScript(t *testing.T) {
	dir, err := filepath.Abs("testdata/vulndb")
	if err != nil {
		t.Fatal(err)
	}
	held, err := net.Listen("tcp", "127.0.0.1:0") // a port that nobody else had a moment ago
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + held.Addr().String()
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	for database, want := range map[string]struct {
		code  int
		says  string
		never string
	}{
		"file://" + dir + "/finding": {1, "GO-0000-0001", "NOT RUN"},
		"file://" + dir + "/empty":   {0, "No vulnerabilities found", "NOT RUN"},
		"file://" + dir + "/broken":  {1, "the scan failed", "NOT RUN"},
		"file://" + dir + "/missing": {1, "the scan failed", "NOT RUN"},
		closed:                       {0, "NOT RUN", "No vulnerabilities found"},
	} {
		t.Run(want.says, func(t *testing.T) {
			t.Parallel()
			c := exec.Command(".ci/vuln", "./upstream/h2")
			c.Env = append(os.Environ(), "GOVULNDB="+database)
			out, err := c.CombinedOutput()
			if code := c.ProcessState.ExitCode(); code != want.code || !strings.Contains(string(out), want.says) || strings.Contains(string(out), want.never) {
				t.Errorf("%s: %v\n%s", database, err, out)
			}
		})
	}
}
