package tuning

import (
	"math"
	"strconv"
	"strings"
)

const (
	noFileWhy  = "Every connection is a descriptor, client side and upstream side; listeners, logs and the pollers take a few more."
	noFileCost = "At the limit no connection is accepted until one ends: new clients wait in the backlog, then time out."
)

func checkNoFileSoft(pr *probe) Row {
	row := Row{Name: "RLIMIT_NOFILE soft", Source: "getrlimit", Why: noFileWhy, Cost: noFileCost}
	soft, _, err := pr.host.NoFile()
	return row.noFile(pr, soft, err)
}

func checkNoFileHard(pr *probe) Row {
	row := Row{
		Name: "RLIMIT_NOFILE hard", Source: "getrlimit",
		Why: "The process raises its soft limit to this one at start.", Cost: noFileCost,
	}
	_, hard, err := pr.host.NoFile()
	return row.noFile(pr, hard, err)
}

func (r Row) noFile(pr *probe, limit uint64, err error) Row {
	want := pr.profile.Limits.NoFile
	r.Want = "at least " + strconv.FormatUint(want, 10)
	if err != nil {
		return r.couldNotTell(err.Error())
	}
	read := strconv.FormatUint(limit, 10)
	if limit == math.MaxUint64 {
		read = "unlimited"
	}
	if limit < want {
		return r.wrong(read, "LimitNOFILE="+strconv.FormatUint(want, 10)+" in the unit (penstock tune unit), or ulimit -n in the shell that starts it")
	}
	return r.fine(read)
}

// checkCPUQuota finds the smallest quota of the process's cgroup and the ones above it: any of them throttles.
func checkCPUQuota(pr *probe) Row {
	row := Row{
		Name: "cgroup CPU quota", Source: "/sys/fs/cgroup", Want: "none, or no less than one core per loop",
		Why: "A quota is spent by all loops together; when it is gone they all stand still until the next period.",
		Cost: "Pauses of up to a period (100 ms by default) under load, on every stream at once. The process sees all its cores and starts " +
			"a loop on each, whatever the quota.",
	}
	if pr.coresErr != nil {
		return row.couldNotTell("the loops' cores are not known: " + pr.coresErr.Error())
	}
	groups, err := findCgroups(pr.files, "cpu")
	if err != nil {
		return row.couldNotTell(reason(err))
	}
	quota, source, found, err := groups.quota(pr.files)
	if err != nil {
		return row.couldNotTell(reason(err))
	}
	if !found {
		return row.couldNotTell("no cgroup of this process shows a quota")
	}
	row.Source = "/" + source
	if math.IsInf(quota, 1) {
		return row.fine("none")
	}
	read := strconv.FormatFloat(quota, 'f', -1, 64) + " cores for " + strconv.Itoa(len(pr.cores)) + " loops"
	if quota < float64(len(pr.cores)) {
		return row.wrong(read, "take the quota off (CPUQuota=, --cpus) and give whole cores instead (CPUAffinity=, --cpuset-cpus); or set `loops: "+
			strconv.Itoa(max(1, int(quota)))+"`")
	}
	return row.fine(read)
}

// checkCPUSet compares what the cgroup was promised with what it has.
func checkCPUSet(pr *probe) Row {
	row := Row{
		Name: "cgroup cpuset", Source: "/sys/fs/cgroup", Want: "the cores that were asked for",
		Why:  "Cores that were asked for and not given (taken offline, held by a partition) are missing without an error.",
		Cost: "A loop less for each missing core; an invalid partition shares its cores with everything else on the host.",
	}
	groups, err := findCgroups(pr.files, "cpuset")
	if err != nil {
		return row.couldNotTell(reason(err))
	}
	asked, given, partition, source, err := groups.cpuset(pr.files)
	if err != nil {
		return row.couldNotTell(reason(err))
	}
	row.Source = "/" + source
	if strings.Contains(partition, "invalid") {
		return row.wrong("partition: "+partition, "cat /"+source+".partition says why; give the partition cores that no sibling holds")
	}
	givenCores, err := parseCores(given)
	if err != nil {
		return row.couldNotTell(err.Error())
	}
	if asked == "" {
		return row.fine("all the host gives: " + given)
	}
	askedCores, err := parseCores(asked)
	if err != nil {
		return row.couldNotTell(err.Error())
	}
	if !within(askedCores, givenCores) {
		return row.wrong("asked for "+asked+", given "+given, "bring the cores online or ask for others (AllowedCPUs=, --cpuset-cpus)")
	}
	return row.fine(given)
}
