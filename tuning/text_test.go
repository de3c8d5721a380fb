package tuning

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestMeets(t *testing.T) {
	check := func(compare Compare, want, read string, meets, ok bool) {
		t.Helper()
		s := &Setting{Name: "a.b", Want: want, Compare: compare}
		if gotMeets, gotOK := s.meets(read); gotMeets != meets || gotOK != ok {
			t.Errorf("%q against %q: %v, %v", read, s.Wanted(), gotMeets, gotOK)
		}
	}
	check(AtLeast, "4096", "4096\n", true, true)
	check(AtLeast, "4096", "9223372036854775807", true, true)
	check(AtLeast, "4096", "18446744073709551615", true, true)
	check(AtLeast, "4096", "4095", false, true)
	check(AtLeast, "4096", "-1", false, false)
	check(AtLeast, "4096", "", false, false)
	check(AtLeast, "4096 16384 100", "4096\t16384\t99", false, true)
	check(AtLeast, "4096 16384 100", "4096\t16384", false, false)
	check(AtMost, "10", "10", true, true)
	check(AtMost, "10", "11", false, true)
	check(Equal, "1", " 1 \n", true, true)
	check(Equal, "1", "2", false, true)
	check(Range, "10240 65535", "1024\t65535", true, true)
	check(Range, "10240 65535", "10241\t65535", false, true)
	check(Range, "10240 65535", "1024\t65534", false, true)
	check(Range, "10240 65535", "1024", false, false)
	check(OneOf, "cubic bbr", "bbr", true, true)
	check(OneOf, "cubic bbr", "cubi", false, true)
}

func TestCoreLists(t *testing.T) {
	for text, want := range map[string][]int{
		"0": {0}, "0-3": {0, 1, 2, 3}, "0,2-3,8\n": {0, 2, 3, 8}, "3,1-2,2": {1, 2, 3}, "8191": {8191},
	} {
		got, err := parseCores(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ",", "a", "1-", "-1", "3-1", "0-8192", "0-99999999999999999999", "0,,1", "0 1"} {
		if got, err := parseCores(text); err == nil {
			t.Errorf("%q: %v and no error", text, got)
		}
	}
	for _, list := range [][]int{{0}, {0, 1, 2, 3}, {31, 32}, {63, 64, 200}, {8191}} {
		if got, err := parseCores(formatCores(list)); err != nil || !slices.Equal(got, list) {
			t.Errorf("%v as list: %v, %v", list, got, err)
		}
		if got, ok := parseMask(formatMask(list)); !ok || !slices.Equal(got, list) {
			t.Errorf("%v as mask %s: %v", list, formatMask(list), got)
		}
	}
	if got := formatMask([]int{0, 32}); got != "1,00000001" {
		t.Errorf("mask %q", got)
	}
	if got := formatCores(nil) + formatMask(nil); got != "none0" {
		t.Errorf("of no cores: %q", got)
	}
	for _, text := range []string{"", "g", "1,,1", "100000000", strings.Repeat("0,", coreLimit/32) + "0"} {
		if got, ok := parseMask(text); ok {
			t.Errorf("mask %q: %v", text, got)
		}
	}
}

func FuzzCores(f *testing.F) {
	for _, seed := range []string{"0-3,8", "f", "00000000,0000000f", "0-8191", "3-1", ",", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if cores, err := parseCores(text); err == nil {
			again, err := parseCores(formatCores(cores))
			if err != nil || !slices.Equal(cores, again) {
				t.Errorf("%q: %v, then %v, %v", text, cores, again, err)
			}
		}
		if cores, ok := parseMask(text); ok {
			again, ok := parseMask(formatMask(cores))
			if !ok || !slices.Equal(cores, again) {
				t.Errorf("mask %q: %v, then %v", text, cores, again)
			}
		}
	})
}

func TestInterruptNames(t *testing.T) {
	const table = `           CPU0
 24:  1  IR-PCI-MSI 1-edge  eth1-TxRx-0
 25:  1  IR-PCI-MSI 2-edge  eth10-TxRx-0
 26:  1  PCI-MSI 3-edge  virtio1-input.0
 27:  1  PCI-MSI 4-edge  virtio1-config
 28:  1  PCI-MSI 5-edge  virtio10-input.0
 29:  1  PCI-MSI 6-edge  i40e-eth1-TxRx-4
 30:
LOC:  1  Local timer interrupts`
	c := &card{name: "eth1", device: "virtio1"}
	if got := c.interrupts(table); !slices.Equal(got, []int{24, 26, 29}) {
		t.Errorf("interrupts %v", got)
	}
	nameless := &card{name: "ens5"}
	if got := nameless.interrupts(table); len(got) != 0 {
		t.Errorf("a card without a device owns %v", got)
	}
}

func TestQueueOrder(t *testing.T) {
	queues := []string{"q/rx-10", "q/rx-9", "q/rx-1"}
	slices.SortFunc(queues, byNumber)
	if !slices.Equal(queues, []string{"q/rx-1", "q/rx-9", "q/rx-10"}) {
		t.Error(queues)
	}
}

func TestDiff(t *testing.T) {
	check := func(old, new, want string) {
		t.Helper()
		if want != "" {
			want = "--- as it is\n+++ as it would be\n" + want
		}
		if got := Diff([]byte(old), []byte(new)); got != want {
			t.Errorf("from %q to %q:\n%s", old, new, got)
		}
	}
	check("", "", "")
	check("a\n", "a\n", "")
	check("", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n")
	check("a\n", "", "@@ -1 +0,0 @@\n-a\n")
	check("a\n", "b\n", "@@ -1 +1 @@\n-a\n+b\n")
	check("a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n")
	check("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n")
	check("a\nx\nb\n", "a\nb\ny\n", "@@ -1,3 +1,3 @@\n a\n-x\n b\n+y\n")
	// Two changes further apart than twice the context are two hunks.
	check("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n", "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n")
	check("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n", "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n")
}

// FuzzDiff applies the difference again: the old text must become the new one, by the lines and by the numbers of the hunks.
func FuzzDiff(f *testing.F) {
	for _, seed := range [][2]string{
		{"", "a\n"},
		{"a\nb\nc\n", "a\nc\nd\n"},
		{"a\nb", "a\nb\n"},
		{"x\ny\nx\ny\nx\n", "y\nx\ny\nx\ny\n"},
		{"1\n2\n3\n4\n5\n6\n7\n8\n9\n0\n", "1\n3\n4\n5\n6\n7\n8\n9\nz\n0\n"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, old, new string) {
		edits := editScript(splitLines(old), splitLines(new))
		var before, after strings.Builder
		for _, e := range edits {
			if e.kind != '+' {
				before.WriteString(e.line)
			}
			if e.kind != '-' {
				after.WriteString(e.line)
			}
		}
		if before.String() != old || after.String() != new {
			t.Fatalf("the edits lead from %q to %q", before.String(), after.String())
		}
		difference := Diff([]byte(old), []byte(new))
		if (difference == "") != (old == new) {
			t.Fatalf("difference %q", difference)
		}
		changed, shown := 0, 0
		for from := 0; ; {
			first, last, ok := nextHunk(edits, from)
			if !ok {
				break
			}
			if first < from || last <= first {
				t.Fatalf("hunk [%d,%d) after %d", first, last, from)
			}
			for _, e := range edits[first:last] {
				if e.kind != ' ' {
					shown++
				}
			}
			from = last
		}
		for _, e := range edits {
			if e.kind != ' ' {
				changed++
			}
		}
		if changed != shown {
			t.Errorf("%d of %d changes are shown", shown, changed)
		}
	})
}

// TestDiffOfLongTexts: beyond the table's bound everything between equal ends is replaced, and the answer still holds.
func TestDiffOfLongTexts(t *testing.T) {
	var old, new strings.Builder
	old.WriteString("head\n")
	new.WriteString("head\n")
	for i := range 3000 {
		old.WriteString("a" + strconv.Itoa(i) + "\n")
		new.WriteString("b" + strconv.Itoa(i) + "\n")
	}
	got := Diff([]byte(old.String()), []byte(new.String()))
	if !strings.Contains(got, "@@ -1,3001 +1,3001 @@\n head\n-a0\n") || strings.Count(got, "\n+b") != 3000 {
		t.Errorf("%d bytes, starting %.80q", len(got), got)
	}
}

func TestWrap(t *testing.T) {
	if got := wrap("one two three", 7); !slices.Equal(got, []string{"one two", "three"}) {
		t.Error(got)
	}
	if got := wrap("unbreakable x", 3); !slices.Equal(got, []string{"unbreakable", "x"}) {
		t.Error(got)
	}
	if got := wrap("", 3); got != nil {
		t.Error(got)
	}
}

func TestProfiles(t *testing.T) {
	want := []string{"balanced", "throughput", "latency", "streaming"}
	for i, p := range Profiles() {
		if p.Name != want[i] {
			t.Errorf("profile %d is %q", i, p.Name)
		}
		if found, ok := ByName(p.Name); !ok || found != p {
			t.Errorf("%s is not found by its name", p.Name)
		}
		f := p.Flags
		if f.GOGC <= 0 || f.MemoryLimitFraction <= 0 || f.MemoryLimitFraction >= 1 || f.ReadBufferBytes < 4096 || f.BatchEvents <= 0 || f.Backlog <= 0 {
			t.Errorf("%s: flags %+v", p.Name, f)
		}
		// A loop that keeps its P while it sleeps leaves the workers none of it.
		if f.RawWaitMillis > 0 && f.ProcsAboveLoops == 0 {
			t.Errorf("%s sleeps with its P and has none to spare", p.Name)
		}
		for j := range p.Sysctls {
			s := &p.Sysctls[j]
			if s.Name == "net.core.somaxconn" && s.Want != strconv.Itoa(f.Backlog) {
				t.Errorf("%s: backlog %d, but somaxconn %s", p.Name, f.Backlog, s.Want)
			}
			if s.Name == "fs.nr_open" {
				if bound, _ := numbers(s.Want); bound[0] < p.Limits.NoFile {
					t.Errorf("%s: fs.nr_open %s below the descriptors wanted", p.Name, s.Want)
				}
			}
		}
	}
	if p, ok := ByName("fast"); ok || p != nil {
		t.Error("found a profile that does not exist")
	}
}

func TestUnknownSettingPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a profile may change a setting that is not in the list")
		}
	}()
	settings(map[string]string{"net.core.nonsense": "1"})
}

func TestSysctlFilesAreCurrent(t *testing.T) {
	for _, p := range Profiles() {
		compareFile(t, filepath.Join("sysctl", SysctlFileName(p)), AppendSysctlFile(nil, p))
	}
}

// TestManualIsCurrent: the tables of docs/tuning.md come from the profiles.
func TestManualIsCurrent(t *testing.T) {
	const begin, end = "<!-- generated: make gen -->\n", "<!-- end -->\n"
	path := filepath.Join("..", "docs", "tuning.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, hasBegin := strings.Cut(string(text), begin)
	_, after, hasEnd := strings.Cut(rest, end)
	if !hasBegin || !hasEnd {
		t.Fatal("the marks of the generated part are gone")
	}
	compareFile(t, path, []byte(before+begin+manual()+end+after))
}

// manual writes the flags and the settings of all profiles as tables, then the reason of each setting.
func manual() string {
	var text strings.Builder
	row := func(first string, value func(*Profile) string) {
		text.WriteString("| " + first + " |")
		for _, p := range Profiles() {
			text.WriteString(" " + value(p) + " |")
		}
		text.WriteByte('\n')
	}
	heading := func(first string) {
		row(first, func(p *Profile) string { return p.Name })
		row("---", func(*Profile) string { return "---" })
	}
	heading("of the process")
	for _, flag := range flagRows {
		row(flag.name, flag.value)
	}
	text.WriteByte('\n')
	heading("of the kernel")
	list := Profiles()[0].Sysctls
	for i := range list {
		row("`"+list[i].Name+"`", func(p *Profile) string { return p.Sysctls[i].Wanted() })
	}
	text.WriteByte('\n')
	for i := range list {
		text.WriteString("- `" + list[i].Name + "`: " + list[i].Why + " **Cost:** " + list[i].Cost + "\n")
	}
	return text.String()
}

// TestSysctlFileReadsBack: one setting a line, each below its reason, and a host set up by the file passes the check.
func TestSysctlFileReadsBack(t *testing.T) {
	for _, p := range Profiles() {
		text := string(AppendSysctlFile([]byte("before\n"), p))
		if !strings.HasPrefix(text, "before\n#") {
			t.Fatalf("does not append: %.40q", text)
		}
		changes := map[string]string{}
		above := ""
		for line := range strings.Lines(strings.TrimPrefix(text, "before\n")) {
			if !strings.HasPrefix(line, "#") && line != "\n" {
				name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "-"), " = ")
				if !ok || !strings.HasPrefix(above, "#") {
					t.Errorf("%s: %q below %q", p.Name, line, above)
				}
				changes["proc/sys/"+strings.ReplaceAll(name, ".", "/")] = value
			}
			if len(line) > textWidth+3 && strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "# Penstock") {
				t.Errorf("%s: %d bytes in %q", p.Name, len(line), line)
			}
			above = line
		}
		if len(changes) != len(p.Sysctls) {
			t.Errorf("%s: %d settings of %d", p.Name, len(changes), len(p.Sysctls))
		}
		rows := Check(p, loadHost(t, "neglected").with(changes))
		for i := range p.Sysctls {
			if rows[i].Answer != Fine {
				t.Errorf("%s: %s = %s is not fine after the file", p.Name, rows[i].Name, rows[i].Read)
			}
		}
	}
}

// TestUnits looks for what a service of this kind must have, and lets systemd read the files where it is installed.
func TestUnits(t *testing.T) {
	for _, want := range []string{
		"ExecReload=/bin/kill -HUP $MAINPID", "LimitNOFILE=1048576", "CPUAffinity=", "Restart=always", "NoNewPrivileges=true", "ProtectSystem=strict",
		"PrivateTmp=true", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "RestrictAddressFamilies=", "Sockets=penstock.socket",
		"Type=notify\n", "NotifyAccess=main\n", "KillMode=control-group\n", "RuntimeDirectory=penstock\n",
	} {
		if !strings.Contains(serviceUnit, "\n"+want) {
			t.Errorf("penstock.service lacks %s", want)
		}
	}
	// The place where `penstock upgrade` looks when it is told none.
	if !strings.Contains(serviceUnit, " --pid-file /run/penstock/penstock.pid\n") {
		t.Error("penstock.service has no PID file")
	}
	// Either would break the process: the JSON decoder makes machine code, the check at start reads /proc/sys.
	for _, unwanted := range []string{"\nMemoryDenyWriteExecute=true", "\nProcSubset=pid"} {
		if strings.Contains(serviceUnit, unwanted) {
			t.Errorf("penstock.service has %s", unwanted)
		}
	}
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not installed: the units were searched, not verified")
		return
	}
	directory := t.TempDir()
	// The binary need not be installed where the test runs.
	service := strings.Replace(serviceUnit, "ExecStart=/usr/local/bin/penstock", "ExecStart=/bin/true", 1)
	for name, text := range map[string]string{"penstock.service": service, "penstock.socket": socketUnit} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(program, "verify", "--man=no", "--recursive-errors=no",
		filepath.Join(directory, "penstock.service"), filepath.Join(directory, "penstock.socket")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}
