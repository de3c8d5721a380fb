package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// program is the program under test, built once.
var program string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "penstock-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "penstock")
	args := append([]string{"build"}, raceFlags...)
	args = append(append(args, tagFlags...), "-o", program, "penstock/server/penstock")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go %s: %v\n%s", strings.Join(args, " "), err, out)
		return 1
	}
	code := m.Run()
	endAll()
	if faults := sweep(); len(faults) > 0 {
		fmt.Fprintf(os.Stderr, "what the processes printed:\n%s\n", strings.Join(faults, "\n"))
		return max(code, 1)
	}
	return code
}

// sweep searches what all processes of all tests have printed for what may never be there.
func sweep() []string {
	var faults []string
	for _, p := range everyProcess() {
		for line := range bytes.Lines(p.output()) {
			for _, never := range []string{secretMark, "WARNING: DATA RACE", "panic"} {
				if bytes.Contains(line, []byte(never)) {
					faults = append(faults, fmt.Sprintf("%s: %q in: %s", p.name, never, line))
				}
			}
		}
	}
	return faults
}
