package tuning

import (
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

func checkCores(pr *probe) Row {
	row := Row{
		Name: "cores for loops", Source: "sched_getaffinity", Want: "cores that are online",
		Why:  "With `loops: 0` each of these cores gets a loop, pinned to it.",
		Cost: "A loop that cannot be pinned shares a core with another one, and both wait for each other.",
	}
	if pr.coresErr != nil {
		return row.couldNotTell(pr.coresErr.Error())
	}
	text, err := pr.read("sys/devices/system/cpu/online")
	if err != nil {
		return row.couldNotTell("which cores are online: " + reason(err))
	}
	online, err := parseCores(text)
	if err != nil {
		return row.couldNotTell(err.Error())
	}
	read := formatCores(pr.cores) + " of " + formatCores(online)
	if !within(pr.cores, online) {
		return row.wrong(read, "choose cores that are online (CPUAffinity=, taskset), or bring the others up in /sys/devices/system/cpu/cpuN/online")
	}
	return row.fine(read)
}

func checkGovernor(pr *probe) Row {
	row := Row{
		Name: "CPU governor", Source: "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor", Want: "performance",
		Why:  "Between two requests a core slows down under the other governors, and the next request pays for the way back.",
		Cost: "Some 10–100 µs until the core is at speed again (estimate), so most at low load; nothing when saturated.",
	}
	if pr.coresErr != nil {
		return row.couldNotTell("the loops' cores are not known: " + pr.coresErr.Error())
	}
	slow := map[string][]int{}
	for _, core := range pr.cores {
		directory := "sys/devices/system/cpu/cpu" + strconv.Itoa(core) + "/cpufreq/"
		governor, err := pr.read(directory + "scaling_governor")
		if errors.Is(err, fs.ErrNotExist) {
			return row.couldNotTell("no frequency control here: a virtual machine, or the firmware decides")
		}
		if err != nil {
			return row.couldNotTell(reason(err))
		}
		if governor == "performance" {
			continue
		}
		// The drivers intel_pstate and amd-pstate in active mode call everything but performance "powersave" and go by this hint.
		if hint, err := pr.read(directory + "energy_performance_preference"); err == nil && hint == "performance" {
			continue
		}
		slow[governor] = append(slow[governor], core)
	}
	if len(slow) == 0 {
		return row.fine("performance")
	}
	var parts []string
	for governor, cores := range slow {
		parts = append(parts, governor+" on cores "+formatCores(cores))
	}
	slices.Sort(parts)
	return row.wrong(strings.Join(parts, ", "), "cpupower -c "+formatCores(pr.cores)+" frequency-set -g performance")
}

// checkClockSource asks whether reading the time stays out of the kernel. These sources have a vDSO form.
func checkClockSource(pr *probe) Row {
	const directory = "sys/devices/system/clocksource/clocksource0/"
	row := Row{
		Name: "clock source", Source: "/" + directory + "current_clocksource", Want: "tsc, or another that needs no system call",
		Why:  "The Go runtime and the loops read the time; from tsc, kvm-clock, hyperv_clocksource_tsc_page and arch_sys_counter without entering the kernel.",
		Cost: "hpet or acpi_pm cost 1–3 µs a reading instead of 0.03 (estimate), under one lock for all cores.",
	}
	source, err := pr.read(directory + "current_clocksource")
	if err != nil {
		return row.couldNotTell(reason(err))
	}
	switch source {
	case "tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "riscv_clocksource":
		return row.fine(source)
	case "":
		return row.couldNotTell("the file is empty")
	}
	available, err := pr.read(directory + "available_clocksource")
	if err == nil && slices.Contains(strings.Fields(available), "tsc") {
		return row.wrong(source, "echo tsc > /"+directory+"current_clocksource, and look in dmesg for why the kernel left it")
	}
	return row.wrong(source, "look in dmesg for why the kernel holds tsc to be unstable; firmware and hypervisor settings decide")
}

// checkMitigations is a note, not a demand: mitigations cost system calls, and to turn them off is the operator's decision.
func checkMitigations(pr *probe) Row {
	const directory = "sys/devices/system/cpu/vulnerabilities"
	row := Row{
		Name: "CPU mitigations", Source: "/" + directory, Want: "nothing left open by accident",
		Why: "This process holds the keys of providers. Mitigations make each system call dearer; turning them off is a decision, not a default.",
		Cost: "A system call takes about 0.1–0.5 µs more with page-table isolation and its kin (estimate), at 3–10 calls a request at low load and " +
			"fewer when batches are large.",
	}
	entries, err := fs.ReadDir(pr.files, directory)
	if err != nil {
		return row.couldNotTell(reason(err))
	}
	var open, unsure []string
	mitigated := 0
	for _, entry := range entries {
		state, err := pr.read(directory + "/" + entry.Name())
		switch {
		case err != nil || strings.HasPrefix(state, "Unknown") || strings.Contains(state, "no microcode"):
			unsure = append(unsure, entry.Name())
		case strings.HasPrefix(state, "Vulnerable"):
			open = append(open, entry.Name())
		case strings.HasPrefix(state, "Mitigation"):
			mitigated++
		}
	}
	read := strconv.Itoa(mitigated) + " mitigated"
	if len(open) > 0 {
		read += ", open: " + strings.Join(open, " ")
	}
	if len(unsure) > 0 {
		read += ", not known: " + strings.Join(unsure, " ")
	}
	commandLine, err := pr.read("proc/cmdline")
	chosen := err == nil && slices.Contains(strings.Fields(commandLine), "mitigations=off")
	switch {
	case len(entries) == 0:
		return row.couldNotTell("the kernel lists no vulnerability")
	case chosen:
		return row.fine(read + "; mitigations=off was chosen at boot")
	case len(open) > 0:
		return row.wrong(read, "update kernel and microcode; on a host that runs nothing else, mitigations=off on the kernel command line says that it is meant")
	case len(unsure) > 0:
		return row.couldNotTell(read)
	default:
		return row.fine(read)
	}
}

func checkNUMA(pr *probe) Row {
	const directory = "sys/devices/system/node/"
	row := Row{
		Name: "NUMA nodes", Source: "/" + directory + "node*/cpulist", Want: "all loops on one node",
		Why:  "The Go heap knows no nodes: a loop's slabs may lie in the memory of another one.",
		Cost: "Memory of another node is 1.5–2 times as far away (estimate); with it come the card's queues of the other node.",
	}
	if pr.coresErr != nil {
		return row.couldNotTell("the loops' cores are not known: " + pr.coresErr.Error())
	}
	text, err := pr.read(directory + "online")
	if err != nil {
		return row.couldNotTell(reason(err))
	}
	nodes, err := parseCores(text) // the same list form
	if err != nil {
		return row.couldNotTell(err.Error())
	}
	var used []string
	for _, node := range nodes {
		name := "node" + strconv.Itoa(node)
		list, err := pr.read(directory + name + "/cpulist")
		if err != nil {
			return row.couldNotTell(name + ": " + reason(err))
		}
		if list == "" {
			continue // memory without cores
		}
		cores, err := parseCores(list)
		if err != nil {
			return row.couldNotTell(err.Error())
		}
		if slices.ContainsFunc(pr.cores, func(core int) bool { return slices.Contains(cores, core) }) {
			used = append(used, name+" ("+list+")")
		}
	}
	switch len(used) {
	case 0:
		return row.couldNotTell("no node holds the cores " + formatCores(pr.cores))
	case 1:
		return row.fine(used[0])
	default:
		return row.wrong(strings.Join(used, ", "),
			"one process per node, each with CPUAffinity= and NUMAPolicy=bind, NUMAMask= of its node, both listening on the same port")
	}
}

func checkSMT(pr *probe) Row {
	row := Row{
		Name: "SMT siblings", Source: "/sys/devices/system/cpu/cpu*/topology/thread_siblings_list", Want: "loops may share a physical core",
		Why:  "Two hardware threads share one core's caches and units: together they do more, each for itself is slower.",
		Cost: "Two loops on one core do about 1.2–1.3 times the work of one, each at 60–65 % of its speed (estimate).",
	}
	alone := pr.profile.Limits.OneLoopPerCore
	if alone {
		row.Want = "one loop per physical core"
	}
	if pr.coresErr != nil {
		return row.couldNotTell("the loops' cores are not known: " + pr.coresErr.Error())
	}
	var keep, shared []int
	for _, core := range pr.cores {
		list, err := pr.read("sys/devices/system/cpu/cpu" + strconv.Itoa(core) + "/topology/thread_siblings_list")
		if err != nil {
			return row.couldNotTell("core " + strconv.Itoa(core) + ": " + reason(err))
		}
		siblings, err := parseCores(list)
		if err != nil {
			return row.couldNotTell(err.Error())
		}
		if slices.ContainsFunc(keep, func(other int) bool { return slices.Contains(siblings, other) }) {
			shared = append(shared, core)
		} else {
			keep = append(keep, core)
		}
	}
	if len(shared) == 0 {
		return row.fine("no two loops share a core")
	}
	read := "cores " + formatCores(shared) + " are siblings of other loops' cores"
	if alone {
		return row.wrong(read, "CPUAffinity="+formatCores(keep)+" in the unit")
	}
	return row.fine(read)
}

func checkHugePages(pr *probe) Row {
	const directory = "sys/kernel/mm/transparent_hugepage/"
	row := Row{
		Name: "transparent huge pages", Source: "/" + directory + "enabled", Want: "madvise or never",
		Why: "With always the kernel may back a few used kilobytes by 2 MiB. The Go runtime asks by itself where huge pages pay.",
		Cost: "Up to 2 MiB of RSS per touched piece of idle memory, and pauses while pages are put together (estimate: 0.1–1 ms, on the loop that " +
			"faults). khugepaged/max_ptes_none = 0 takes away the first.",
	}
	if pr.profile.Limits.HugePages {
		row.Want = "madvise, never, or always with khugepaged/max_ptes_none = 0"
	}
	text, err := pr.read(directory + "enabled")
	if err != nil {
		return row.couldNotTell(reason(err))
	}
	_, rest, _ := strings.Cut(text, "[")
	chosen, _, ok := strings.Cut(rest, "]")
	switch {
	case !ok:
		return row.couldNotTell(strconv.Quote(text) + " names no choice")
	case chosen == "madvise" || chosen == "never":
		return row.fine(chosen)
	case chosen != "always":
		return row.couldNotTell("a choice that is not known: " + chosen)
	}
	const remedy = "echo madvise > /" + directory + "enabled, and transparent_hugepage=madvise on the kernel command line"
	if !pr.profile.Limits.HugePages {
		return row.wrong(chosen, remedy)
	}
	none, err := pr.read(directory + "khugepaged/max_ptes_none")
	if err != nil {
		return row.couldNotTell("always; khugepaged/max_ptes_none: " + reason(err))
	}
	if none != "0" {
		return row.wrong("always with khugepaged/max_ptes_none = "+none, "echo 0 > /"+directory+"khugepaged/max_ptes_none")
	}
	return row.fine("always with khugepaged/max_ptes_none = 0")
}
