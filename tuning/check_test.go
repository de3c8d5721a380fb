package tuning

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// rowNamed returns the one row of that name.
func rowNamed(t *testing.T, rows []Row, name string) Row {
	t.Helper()
	var found []Row
	for _, row := range rows {
		if row.Name == name {
			found = append(found, row)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d rows are named %q", len(found), name)
	}
	return found[0]
}

func TestMetalIsFine(t *testing.T) {
	for _, row := range Check(profile(t, "balanced"), loadHost(t, "metal")) {
		if row.Answer != Fine {
			t.Errorf("%s: answer %d, read %q, remedy %q", row.Name, row.Answer, row.Read, row.Remedy)
		}
	}
}

func TestNeglectedIsWrong(t *testing.T) {
	for _, row := range Check(profile(t, "balanced"), loadHost(t, "neglected")) {
		// Siblings may be shared in this profile; the latency profile's row is in the table below.
		if row.Name == "SMT siblings" || row.Name == "XPS" {
			continue
		}
		if row.Answer != Wrong {
			t.Errorf("%s: answer %d, read %q", row.Name, row.Answer, row.Read)
		}
	}
}

// TestHiddenIsNeverFine takes every file away: no check may call fine what it did not see.
func TestHiddenIsNeverFine(t *testing.T) {
	h := loadHost(t, "container").with(map[string]string{"proc": "gone", "sys": "gone"})
	for _, p := range Profiles() {
		for _, row := range Check(p, h) {
			if row.Answer != CouldNotTell {
				t.Errorf("%s, %s: answer %d, read %q", p.Name, row.Name, row.Answer, row.Read)
			}
		}
	}
}

// TestRowsAreComplete: a row says where it looked, what it found, what it wants, why and at what cost; a remedy goes with Wrong alone.
func TestRowsAreComplete(t *testing.T) {
	for _, p := range Profiles() {
		for _, host := range []string{"metal", "neglected", "container"} {
			for _, row := range Check(p, loadHost(t, host)) {
				if row.Name == "" || row.Source == "" || row.Read == "" || row.Want == "" || row.Why == "" || row.Cost == "" {
					t.Errorf("%s on %s: a part is missing: %+v", p.Name, host, row)
				}
				if (row.Remedy != "") != (row.Answer == Wrong) {
					t.Errorf("%s on %s, %s: answer %d with remedy %q", p.Name, host, row.Name, row.Answer, row.Remedy)
				}
			}
		}
	}
}

// TestEverySetting puts each setting of each profile at its wanted value, beyond it on the wrong side, and out of sight.
func TestEverySetting(t *testing.T) {
	for _, p := range Profiles() {
		for i := range p.Sysctls {
			s := &p.Sysctls[i]
			h := loadHost(t, "metal")
			answer := func(value string) Answer {
				return rowNamed(t, Check(p, h.with(map[string]string{s.File(): value})), s.Name).Answer
			}
			worse := map[Compare]string{AtLeast: "1", AtMost: "4294967295", Equal: "7", Range: "32768 60999", OneOf: "7"}[s.Compare]
			if len(strings.Fields(s.Want)) == 3 {
				worse = "4096 16384 65536"
			}
			if got := answer(strings.ReplaceAll(s.value(), " ", "\t")); got != Fine {
				t.Errorf("%s, %s at the wanted value: answer %d", p.Name, s.Name, got)
			}
			if got := answer(worse); got != Wrong {
				t.Errorf("%s, %s at %s: answer %d", p.Name, s.Name, worse, got)
			}
			if s.Compare == AtLeast || s.Compare == AtMost || s.Compare == Range {
				if got := answer("unclear"); got != CouldNotTell {
					t.Errorf("%s, %s at a word: answer %d", p.Name, s.Name, got)
				}
			}
			if s.Module == "" {
				if got := answer("gone"); got != CouldNotTell {
					t.Errorf("%s, %s out of sight: answer %d", p.Name, s.Name, got)
				}
			}
		}
	}
}

type hostCase struct {
	check   string
	changes map[string]string
	change  func(*fakeHost)
	profile string // balanced if empty
	want    Answer
	read    string // is part of what was read
	remedy  string // is part of the remedy
}

const (
	cpuDir    = "sys/devices/system/cpu/"
	clockDir  = "sys/devices/system/clocksource/clocksource0/"
	queueDir  = "sys/class/net/ens1/queues/"
	groupDir  = "sys/fs/cgroup/system.slice/penstock.service/"
	pagesDir  = "sys/kernel/mm/transparent_hugepage/"
	trackDir  = "proc/sys/net/netfilter/"
	spectreV2 = cpuDir + "vulnerabilities/spectre_v2"
)

// oneQueue is the metal host's card with a single queue each way.
func oneQueue(more map[string]string) map[string]string {
	changes := map[string]string{}
	for _, n := range []string{"1", "2", "3"} {
		changes[queueDir+"rx-"+n], changes[queueDir+"tx-"+n] = "gone", "gone"
	}
	for path, text := range more {
		changes[path] = text
	}
	return changes
}

func irqs(list ...string) map[string]string {
	changes := map[string]string{}
	for i, cores := range list {
		changes["proc/irq/"+string([]byte{'4', byte('1' + i)})+"/smp_affinity_list"] = cores
	}
	return changes
}

// oldGroups is a version 1 host.
func oldGroups(quota, period string) map[string]string {
	return map[string]string{
		"proc/self/cgroup": "4:cpu,cpuacct:/penstock\n3:cpuset:/penstock\n2:memory:/penstock\n0::/",
		"sys/fs/cgroup":    "gone",
		"sys/fs/cgroup/cpu,cpuacct/penstock/cpu.cfs_quota_us":  quota,
		"sys/fs/cgroup/cpu,cpuacct/penstock/cpu.cfs_period_us": period,
		"sys/fs/cgroup/cpuset/penstock/cpuset.cpus":            "0-3",
		"sys/fs/cgroup/cpuset/penstock/cpuset.effective_cpus":  "0-3",
		"sys/fs/cgroup/memory/penstock/memory.limit_in_bytes":  "4294967296",
	}
}

var hostCases = []hostCase{
	{check: "net.netfilter.nf_conntrack_max", want: Fine, read: "not loaded"},
	{check: "net.netfilter.nf_conntrack_max", changes: map[string]string{"proc/modules": "gone"}, want: CouldNotTell, read: "neither"},
	{check: "net.netfilter.nf_conntrack_max", changes: map[string]string{"proc/modules": "nf_conntrack 2 0"}, want: CouldNotTell, read: "loaded, but"},
	{check: "net.netfilter.nf_conntrack_max", changes: map[string]string{"proc/net/nf_conntrack": ""}, want: CouldNotTell, read: "built in"},
	{check: "net.netfilter.nf_conntrack_max", changes: map[string]string{trackDir + "nf_conntrack_max": "65536"}, want: Wrong, remedy: "sysctl -w"},

	{check: "conntrack fill", want: Fine, read: "not loaded"},
	{check: "conntrack fill", changes: map[string]string{trackDir + "nf_conntrack_max": "100", trackDir + "nf_conntrack_count": "79"}, want: Fine, read: "79 of 100"},
	{check: "conntrack fill", changes: map[string]string{trackDir + "nf_conntrack_max": "100", trackDir + "nf_conntrack_count": "80"}, want: Wrong, remedy: "NOTRACK"},
	{check: "conntrack fill", changes: map[string]string{trackDir + "nf_conntrack_count": "80"}, want: CouldNotTell},
	{check: "conntrack fill", changes: map[string]string{trackDir + "nf_conntrack_max": "0", trackDir + "nf_conntrack_count": "0"}, want: CouldNotTell},

	{check: "RLIMIT_NOFILE soft", want: Fine, read: "1048576"},
	{check: "RLIMIT_NOFILE soft", change: func(h *fakeHost) { h.soft = 262143 }, want: Wrong, read: "262143", remedy: "LimitNOFILE=262144"},
	{check: "RLIMIT_NOFILE soft", change: func(h *fakeHost) { h.noFileErr = errors.New("denied") }, want: CouldNotTell, read: "denied"},
	{check: "RLIMIT_NOFILE hard", change: func(h *fakeHost) { h.hard = math.MaxUint64 }, want: Fine, read: "unlimited"},
	{check: "RLIMIT_NOFILE hard", profile: "streaming", change: func(h *fakeHost) { h.hard = 262144 }, want: Wrong, remedy: "LimitNOFILE=1048576"},
	{check: "RLIMIT_NOFILE hard", change: func(h *fakeHost) { h.noFileErr = errors.New("denied") }, want: CouldNotTell},

	{check: "cores for loops", want: Fine, read: "0-3 of 0-3"},
	{check: "cores for loops", changes: map[string]string{cpuDir + "online": "0-1,3"}, want: Wrong, read: "0-3 of 0-1,3"},
	{check: "cores for loops", changes: map[string]string{cpuDir + "online": "all"}, want: CouldNotTell},
	{check: "cores for loops", changes: map[string]string{cpuDir + "online": "gone"}, want: CouldNotTell},
	{check: "cores for loops", change: func(h *fakeHost) { h.cores = nil }, want: CouldNotTell, read: "no core"},

	{check: "CPU governor", want: Fine},
	{check: "CPU governor", changes: map[string]string{cpuDir + "cpu2/cpufreq/scaling_governor": "powersave"}, want: Wrong, read: "powersave on cores 2", remedy: "cpupower"},
	{check: "CPU governor", changes: map[string]string{
		cpuDir + "cpu2/cpufreq/scaling_governor": "powersave", cpuDir + "cpu2/cpufreq/energy_performance_preference": "performance",
	}, want: Fine},
	{check: "CPU governor", changes: map[string]string{cpuDir + "cpu2/cpufreq": "gone"}, want: CouldNotTell, read: "virtual machine"},

	{check: "clock source", want: Fine, read: "tsc"},
	{check: "clock source", changes: map[string]string{clockDir + "current_clocksource": "kvm-clock"}, want: Fine},
	{check: "clock source", changes: map[string]string{clockDir + "current_clocksource": "hpet"}, want: Wrong, remedy: "echo tsc"},
	{check: "clock source", changes: map[string]string{clockDir + "current_clocksource": "acpi_pm", clockDir + "available_clocksource": "acpi_pm"}, want: Wrong, remedy: "dmesg"},
	{check: "clock source", changes: map[string]string{clockDir + "current_clocksource": ""}, want: CouldNotTell, read: "empty"},

	{check: "CPU mitigations", want: Fine, read: "2 mitigated"},
	{check: "CPU mitigations", changes: map[string]string{spectreV2: "Vulnerable"}, want: Wrong, read: "open: spectre_v2"},
	{check: "CPU mitigations", changes: map[string]string{spectreV2: "Vulnerable", "proc/cmdline": "quiet mitigations=off"}, want: Fine, read: "chosen at boot"},
	{check: "CPU mitigations", changes: map[string]string{spectreV2: "Vulnerable: Clear CPU buffers attempted, no microcode"}, want: CouldNotTell, read: "not known: spectre_v2"},
	{check: "CPU mitigations", changes: map[string]string{cpuDir + "vulnerabilities": "gone"}, want: CouldNotTell},

	{check: "NUMA nodes", want: Fine, read: "node0"},
	{check: "NUMA nodes", changes: map[string]string{
		"sys/devices/system/node/online": "0-1", "sys/devices/system/node/node0/cpulist": "0-1", "sys/devices/system/node/node1/cpulist": "2-3",
	}, want: Wrong, read: "node0 (0-1), node1 (2-3)", remedy: "NUMAMask"},
	{check: "NUMA nodes", changes: map[string]string{
		"sys/devices/system/node/online": "0-1", "sys/devices/system/node/node1/cpulist": "",
	}, want: Fine, read: "node0"},
	{check: "NUMA nodes", changes: map[string]string{"sys/devices/system/node/node0/cpulist": "8-9"}, want: CouldNotTell},
	{check: "NUMA nodes", changes: map[string]string{"sys/devices/system/node": "gone"}, want: CouldNotTell},

	{check: "SMT siblings", profile: "latency", want: Fine},
	{check: "SMT siblings", profile: "latency", changes: siblings("0,2", "1,3", "0,2", "1,3"), want: Wrong, read: "2-3", remedy: "CPUAffinity=0-1"},
	{check: "SMT siblings", changes: siblings("0,2", "1,3", "0,2", "1,3"), want: Fine, read: "siblings"},
	{check: "SMT siblings", changes: map[string]string{cpuDir + "cpu0/topology": "gone"}, want: CouldNotTell},

	{check: "transparent huge pages", want: Fine, read: "madvise"},
	{check: "transparent huge pages", changes: map[string]string{pagesDir + "enabled": "[always] madvise never"}, want: Wrong, remedy: "echo madvise"},
	{check: "transparent huge pages", profile: "throughput", changes: map[string]string{pagesDir + "enabled": "[always] madvise never"}, want: Wrong, remedy: "echo 0"},
	{check: "transparent huge pages", profile: "throughput", changes: map[string]string{
		pagesDir + "enabled": "[always] madvise never", pagesDir + "khugepaged/max_ptes_none": "0",
	}, want: Fine},
	{check: "transparent huge pages", profile: "throughput", changes: map[string]string{
		pagesDir + "enabled": "[always] madvise never", pagesDir + "khugepaged": "gone",
	}, want: CouldNotTell},
	{check: "transparent huge pages", changes: map[string]string{pagesDir + "enabled": "always"}, want: CouldNotTell},
	{check: "transparent huge pages", changes: map[string]string{pagesDir + "enabled": "[sometimes] never"}, want: CouldNotTell},

	{check: "NIC queues", want: Fine, read: "ens1: 4 for 4 loops"},
	{check: "NIC queues", changes: oneQueue(nil), want: Wrong, read: "1 for 4", remedy: "ethtool -L ens1 combined 4"},
	{check: "NIC queues", changes: oneQueue(map[string]string{queueDir + "rx-0/rps_cpus": "f"}), want: Fine, read: "spread by RPS"},
	{check: "NIC queues", changes: map[string]string{"sys/class/net/ens1": "gone"}, want: CouldNotTell, read: "no network card"},
	{check: "NIC queues", change: func(h *fakeHost) { h.coresErr = errors.New("denied") }, want: CouldNotTell, read: "denied"},

	{check: "IRQ affinity", want: Fine, read: "4 interrupts on cores 0-3"},
	{check: "IRQ affinity", changes: irqs("0", "0", "0", "0"), want: Wrong, remedy: "41 42 43 44"},
	{check: "IRQ affinity", changes: irqs("0", "1", "2", "2"), want: Wrong, read: "0-2 for 4 loops"},
	{check: "IRQ affinity", changes: irqs("8", "9", "10", "11"), want: Fine, read: "none of them a loop's"},
	{check: "IRQ affinity", changes: irqs("0-3", "0-3", "0-3", "0-3"), want: CouldNotTell, read: "none of them tied"},
	{
		check: "IRQ affinity", changes: irqs("0-3", "0", "0", "0"), want: Wrong,
		read: "3 of them on core 0", remedy: "evenly",
	},
	{check: "IRQ affinity", changes: map[string]string{"proc/irq/42/effective_affinity_list": "0"}, want: Wrong, read: "0,2-3"},
	{check: "IRQ affinity", changes: map[string]string{"proc/irq/42": "gone"}, want: CouldNotTell, read: "interrupt 42"},
	{check: "IRQ affinity", changes: map[string]string{"proc/interrupts": "CPU0"}, want: CouldNotTell, read: "no interrupt"},

	{check: "RPS", want: Fine, read: "off"},
	{check: "RPS", changes: map[string]string{queueDir + "rx-2/rps_cpus": "0000000f"}, want: Wrong, read: "though queues suffice", remedy: "echo 0"},
	{check: "RPS", changes: oneQueue(nil), want: Wrong, remedy: "echo f"},
	{check: "RPS", changes: oneQueue(map[string]string{queueDir + "rx-0/rps_cpus": "3"}), want: Wrong, read: "0-1, loops on 0-3"},
	{check: "RPS", changes: oneQueue(map[string]string{queueDir + "rx-0/rps_cpus": "f"}), want: Fine, read: "on for cores 0-3"},
	{check: "RPS", changes: map[string]string{queueDir + "rx-2/rps_cpus": "many"}, want: CouldNotTell, read: "not a mask"},

	{check: "XPS", profile: "streaming", want: Fine, read: "set for cores 0-3"},
	{check: "XPS", profile: "streaming", changes: noXPS(), want: Wrong, remedy: "echo 4 > tx-2/xps_cpus"},
	{check: "XPS", changes: noXPS(), want: Fine, read: "not set"},
	{check: "XPS", changes: oneQueue(nil), want: Fine, read: "one sending queue"},
	{check: "XPS", profile: "streaming", changes: map[string]string{queueDir + "tx-1/xps_cpus": "gone", queueDir + "tx-1/traffic_class": ""}, want: CouldNotTell},

	{check: "cgroup CPU quota", want: Fine, read: "4 cores for 4 loops"},
	{check: "cgroup CPU quota", changes: map[string]string{groupDir + "cpu.max": "max 100000"}, want: Fine, read: "none"},
	{check: "cgroup CPU quota", changes: map[string]string{groupDir + "cpu.max": "250000 100000"}, want: Wrong, read: "2.5 cores", remedy: "loops: 2"},
	{check: "cgroup CPU quota", changes: map[string]string{"sys/fs/cgroup/system.slice/cpu.max": "50000 100000"}, want: Wrong, read: "0.5 cores", remedy: "loops: 1"},
	{check: "cgroup CPU quota", changes: map[string]string{"proc/self/cgroup": "0::/"}, want: Fine, read: "none"},
	{check: "cgroup CPU quota", changes: map[string]string{groupDir + "cpu.max": "much"}, want: CouldNotTell, read: "no quota and period"},
	{check: "cgroup CPU quota", changes: map[string]string{"sys/fs/cgroup": "gone"}, want: CouldNotTell, read: "mounted"},
	{check: "cgroup CPU quota", changes: oldGroups("-1", "100000"), want: Fine, read: "none"},
	{check: "cgroup CPU quota", changes: oldGroups("300000", "100000"), want: Wrong, read: "3 cores"},

	{check: "cgroup cpuset", want: Fine, read: "all the host gives: 0-3"},
	{check: "cgroup cpuset", changes: map[string]string{groupDir + "cpuset.cpus": "0-1", groupDir + "cpuset.cpus.effective": "0-1"}, want: Fine, read: "0-1"},
	{check: "cgroup cpuset", changes: map[string]string{groupDir + "cpuset.cpus": "0-3", groupDir + "cpuset.cpus.effective": "0,3"}, want: Wrong, read: "given 0,3"},
	{check: "cgroup cpuset", changes: map[string]string{
		groupDir + "cpuset.cpus": "0-3", groupDir + "cpuset.cpus.effective": "0-3", groupDir + "cpuset.cpus.partition": "isolated invalid (Cpu list in cpuset.cpus not exclusive)",
	}, want: Wrong, read: "not exclusive", remedy: "cpuset.cpus.partition"},
	{check: "cgroup cpuset", changes: map[string]string{"sys/fs/cgroup/cpuset.cpus.effective": "gone"}, want: CouldNotTell},
	{check: "cgroup cpuset", changes: oldGroups("-1", "100000"), want: Fine, read: "0-3"},
}

func siblings(lists ...string) map[string]string {
	changes := map[string]string{}
	for core, list := range lists {
		changes[cpuDir+"cpu"+string(rune('0'+core))+"/topology/thread_siblings_list"] = list
	}
	return changes
}

func noXPS() map[string]string {
	changes := map[string]string{}
	for _, n := range []string{"0", "1", "2", "3"} {
		changes[queueDir+"tx-"+n+"/xps_cpus"] = "0"
	}
	return changes
}

func TestHostChecks(t *testing.T) {
	seen := map[string]map[Answer]bool{}
	for _, c := range hostCases {
		name := c.profile
		if name == "" {
			name = "balanced"
		}
		h := loadHost(t, "metal")
		// What a case takes away goes first, so that it can put something else there.
		gone, changed := map[string]string{}, map[string]string{}
		for path, text := range c.changes {
			if text == "gone" {
				gone[path] = text
			} else {
				changed[path] = text
			}
		}
		h = h.with(gone).with(changed)
		if c.change != nil {
			c.change(h)
		}
		row := rowNamed(t, Check(profile(t, name), h), c.check)
		if row.Answer != c.want || !strings.Contains(row.Read, c.read) || !strings.Contains(row.Remedy, c.remedy) {
			t.Errorf("%s (%s) with %q: answer %d, want %d; read %q, want %q in it; remedy %q, want %q in it",
				c.check, name, c.changes, row.Answer, c.want, row.Read, c.read, row.Remedy, c.remedy)
		}
		if seen[c.check] == nil {
			seen[c.check] = map[Answer]bool{}
		}
		seen[c.check][c.want] = true
	}
	// Every check that is not a plain setting has all its three answers in the table.
	p := profile(t, "balanced")
	for _, row := range Check(p, loadHost(t, "metal"))[len(p.Sysctls):] {
		if len(seen[row.Name]) != 3 {
			t.Errorf("%s: the table holds %d of 3 answers", row.Name, len(seen[row.Name]))
		}
	}
}

// TestThisHost runs the checks on the real host: whatever it is, they must end, and the real reads must not fail for want of a path.
func TestThisHost(t *testing.T) {
	rows := Check(profile(t, "balanced"), ThisHost())
	if row := rowNamed(t, rows, "RLIMIT_NOFILE hard"); row.Answer == CouldNotTell {
		t.Errorf("getrlimit: %s", row.Read)
	}
	if _, err := ThisHost().Cores(); err != nil {
		t.Error(err)
	}
	if limit, err := MemoryLimitBytes(profile(t, "balanced"), ThisHost()); err != nil || limit < 1<<20 {
		t.Errorf("memory limit %d, %v", limit, err)
	}
}

func TestMemoryLimit(t *testing.T) {
	for _, c := range []struct {
		changes map[string]string
		want    int64
	}{
		{nil, 8 << 30 / 4 * 3}, // the cgroup's 8 GiB, not the host's 16
		{map[string]string{groupDir + "memory.max": "max"}, 16 << 30 / 4 * 3},
		{map[string]string{"sys/fs/cgroup/system.slice/memory.max": "1073741824"}, 1 << 30 / 4 * 3}, // a group above counts too
		{map[string]string{"sys/fs/cgroup/system.slice/memory.max": "12884901888"}, 8 << 30 / 4 * 3},
		{map[string]string{"proc/self/cgroup": "gone"}, 16 << 30 / 4 * 3},
		{map[string]string{"proc/meminfo": "gone"}, 0},
		{map[string]string{"proc/meminfo": "MemFree: 3 kB"}, 0},
		{map[string]string{"proc/meminfo": "MemTotal: some kB"}, 0},
	} {
		got, err := MemoryLimitBytes(profile(t, "balanced"), loadHost(t, "metal").with(c.changes))
		if got != c.want || (err == nil) != (c.want != 0) {
			t.Errorf("%v: %d, %v; want %d", c.changes, got, err, c.want)
		}
	}
	gone := loadHost(t, "metal").with(map[string]string{"sys/fs/cgroup": "gone"}).with(oldGroupsKept())
	if got, err := MemoryLimitBytes(profile(t, "balanced"), gone); got != 4<<30/4*3 || err != nil {
		t.Errorf("version 1: %d, %v", got, err)
	}
}

func oldGroupsKept() map[string]string {
	changes := oldGroups("-1", "100000")
	delete(changes, "sys/fs/cgroup")
	return changes
}
