package tuning

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run is one call of `penstock tune`.
func run(t *testing.T, h Host, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = Command(args, &out, &errOut, h)
	return code, out.String(), errOut.String()
}

func TestCheckGolden(t *testing.T) {
	for _, c := range []struct {
		host, profile, golden string
		code                  int
	}{
		{"metal", "balanced", "check-metal", 0},
		{"neglected", "streaming", "check-neglected", 1},
		{"container", "balanced", "check-container", 1},
	} {
		code, stdout, stderr := run(t, loadHost(t, c.host), "check", "--profile", c.profile)
		if code != c.code || stderr != "" {
			t.Errorf("%s: exit code %d, stderr %q", c.host, code, stderr)
		}
		compareFile(t, filepath.Join("testdata", c.golden+".golden"), []byte(stdout))
	}
	code, stdout, _ := run(t, loadHost(t, "container"), "check", "--json")
	if code != 1 {
		t.Errorf("--json: exit code %d", code)
	}
	compareFile(t, filepath.Join("testdata", "check-container.json.golden"), []byte(stdout))
	_, stdout, _ = run(t, loadHost(t, "metal"), "profiles")
	compareFile(t, filepath.Join("testdata", "profiles.golden"), []byte(stdout))
}

// TestCouldNotTellIsNoFailure: nothing wrong and much unknown gives 0, and the sum says how much is unknown.
func TestCouldNotTellIsNoFailure(t *testing.T) {
	h := loadHost(t, "container").with(map[string]string{"proc/sys": "gone"})
	code, stdout, _ := run(t, h, "check")
	if code != 0 || !strings.Contains(stdout, "\n0 fine, 0 wrong, 40 could not be told (and are not counted as fine).\n") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

func TestCheckJSON(t *testing.T) {
	_, stdout, _ := run(t, loadHost(t, "neglected"), "check", "--json")
	var got struct {
		Profile      string
		Fine, Wrong  int
		CouldNotTell int `json:"could_not_tell"`
		Rows         []map[string]string
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	if got.Profile != "balanced" || got.Fine+got.Wrong+got.CouldNotTell != len(got.Rows) {
		t.Errorf("%+v", got)
	}
	counts := map[string]int{}
	for _, row := range got.Rows {
		counts[row["answer"]]++
	}
	if counts["fine"] != got.Fine || counts["wrong"] != got.Wrong || counts["could_not_tell"] != got.CouldNotTell || got.Wrong == 0 {
		t.Errorf("%v against %+v", counts, got)
	}
}

func TestCheckOnOtherCores(t *testing.T) {
	h := loadHost(t, "metal")
	if code, stdout, _ := run(t, h, "check", "--cores", "0-5"); code != 1 || !strings.Contains(stdout, "WRONG  cores for loops: 0-5 of 0-3") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	if code, _, stderr := run(t, h, "check", "--cores", "all"); code != 2 || !strings.Contains(stderr, "--cores") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestApply(t *testing.T) {
	directory := t.TempDir()
	target := filepath.Join(directory, "90-penstock-streaming.conf")
	h := loadHost(t, "neglected")

	code, stdout, stderr := run(t, h, "apply", "--profile", "streaming", "--dir", directory)
	if code != 0 || stderr != "" || !strings.Contains(stdout, "\n+net.core.somaxconn = 16384\n") || !strings.Contains(stdout, "Nothing was written. With --yes") {
		t.Errorf("without --yes: exit code %d, %s\n%s", code, stderr, stdout)
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) != 0 {
		t.Fatalf("without --yes there is %v, %v", entries, err)
	}

	code, stdout, _ = run(t, h, "apply", "--profile", "streaming", "--dir", directory, "--yes")
	if code != 0 || !strings.Contains(stdout, "@@ -0,0 +1,") || !strings.Contains(stdout, "Wrote "+target+".\nTo load it now: sysctl -p "+target+"\n") {
		t.Errorf("with --yes: exit code %d\n%s", code, stdout)
	}
	p := profile(t, "streaming")
	written, err := os.ReadFile(target)
	if err != nil || !bytes.Equal(written, AppendSysctlFile(nil, p)) {
		t.Errorf("on a host with nothing better the file is the profile's: %v\n%s", err, Diff(AppendSysctlFile(nil, p), written))
	}
	info, err := os.Stat(target)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(directory); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}

	code, stdout, _ = run(t, h, "apply", "--profile", "streaming", "--dir", directory, "--yes")
	if code != 0 || !strings.HasPrefix(stdout, target+" is current.\n") {
		t.Errorf("again: exit code %d\n%s", code, stdout)
	}

	if err := os.WriteFile(target, []byte(strings.Replace(string(written), "somaxconn = 16384", "somaxconn = 99", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, stdout, _ = run(t, h, "apply", "--profile", "streaming", "--dir", directory)
	if !strings.Contains(stdout, "\n-net.core.somaxconn = 99\n+net.core.somaxconn = 16384\n") {
		t.Errorf("over a changed file:\n%s", stdout)
	}

	_, stdout, _ = run(t, h, "apply", "--dir", directory, "--yes")
	if !strings.Contains(stdout, target+" sets the same names") {
		t.Errorf("with two profiles:\n%s", stdout)
	}
}

// TestApplyLowersNothing: what the host has beyond the wish is left alone and said so.
func TestApplyLowersNothing(t *testing.T) {
	directory := t.TempDir()
	if code, _, stderr := run(t, loadHost(t, "metal"), "apply", "--dir", directory, "--yes"); code != 0 {
		t.Fatal(stderr)
	}
	written, err := os.ReadFile(filepath.Join(directory, "90-penstock-balanced.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# fs.file-max is left alone: 9223372036854775807 does (wanted: at least 1048576).\n",
		"# net.ipv4.tcp_congestion_control is left alone: bbr does (wanted: cubic or bbr).\n",
		"# net.ipv4.ip_local_port_range is left alone: 1024 65535 does (wanted: includes 10240 65535).\n",
		"\nnet.core.somaxconn = 4096\n",
		"\n-net.netfilter.nf_conntrack_max = 262144\n",
	} {
		if !strings.Contains(string(written), want) {
			t.Errorf("lacks %q", want)
		}
	}
	if strings.Contains(string(written), "\nfs.file-max = ") {
		t.Error("lowers fs.file-max")
	}
}

// TestApplyFails: what cannot be written leaves the old file and nothing else.
func TestApplyFails(t *testing.T) {
	h := loadHost(t, "neglected")
	missing := filepath.Join(t.TempDir(), "missing")
	if code, _, stderr := run(t, h, "apply", "--dir", missing, "--yes"); code != 2 || !strings.Contains(stderr, "cannot write "+missing) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	directory := t.TempDir()
	// A folder of that name can neither be read as a file nor be replaced by one.
	if err := os.Mkdir(filepath.Join(directory, "90-penstock-balanced.conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, h, "apply", "--dir", directory, "--yes"); code != 2 || !strings.Contains(stderr, "cannot read the file to replace") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if err := writeFile(filepath.Join(directory, "90-penstock-balanced.conf"), []byte("x")); err == nil {
		t.Error("wrote a file over a folder")
	}
	if entries, _ := os.ReadDir(directory); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestUnitCommand(t *testing.T) {
	if code, stdout, _ := run(t, loadHost(t, "metal"), "unit"); code != 0 || stdout != serviceUnit {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	if code, stdout, _ := run(t, loadHost(t, "metal"), "unit", "--socket"); code != 0 || stdout != socketUnit {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
}

func TestUsage(t *testing.T) {
	h := loadHost(t, "metal")
	check := func(code int, stdout, stderr string, args ...string) {
		t.Helper()
		gotCode, gotOut, gotErr := run(t, h, args...)
		if gotCode != code || !strings.HasPrefix(gotOut, stdout) || (stdout == "") != (gotOut == "") || !strings.Contains(gotErr, stderr) || (stderr == "") != (gotErr == "") {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, gotCode, gotOut, gotErr)
		}
	}
	check(2, "", "Usage: penstock tune")
	check(0, "Usage: penstock tune", "", "help")
	check(0, "Usage: penstock tune", "", "check", "-h")
	check(2, "", `there is no "chek"`, "chek")
	check(2, "", "there are balanced, throughput, latency, streaming", "check", "--profile", "fast")
	check(2, "", `there is no profile ""`, "apply", "--profile", "")
	check(2, "", "-loud", "check", "--loud")
	check(2, "", "-loud", "apply", "--loud")
	check(2, "", "-loud", "unit", "--loud")
	check(2, "", `profiles takes no argument "all"`, "profiles", "all")
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// TestBrokenOutput: a report that could not be written is not a success.
func TestBrokenOutput(t *testing.T) {
	for _, args := range [][]string{{"check"}, {"check", "--json"}, {"profiles"}, {"unit"}} {
		var stderr bytes.Buffer
		if code := Command(args, brokenWriter{}, &stderr, loadHost(t, "metal")); code != 2 || !strings.Contains(stderr.String(), "broken pipe") {
			t.Errorf("%v: exit code %d, %s", args, code, stderr.String())
		}
	}
}
