package tuning

import (
	"errors"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// cgroups are the directories of this process's cgroup and of those above it, the nearest first.
type cgroups struct {
	unified     bool // version 2
	directories []string
}

var errNoCgroup = errors.New("no cgroup with this controller is mounted below /sys/fs/cgroup")

// findCgroups finds the process's cgroup for a controller: in version 2, or in version 1 where the controller still lives there.
func findCgroups(files fs.FS, controller string) (cgroups, error) {
	text, err := readText(files, "proc/self/cgroup")
	if err != nil {
		return cgroups{}, err
	}
	var unifiedPath, ownPath string
	var hasUnified, hasOwn bool
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, groupPath, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case id == "0":
			unifiedPath, hasUnified = groupPath, true
		default:
			for name := range strings.SplitSeq(controllers, ",") {
				if name == controller {
					ownPath, hasOwn = groupPath, true
				}
			}
		}
	}
	if hasOwn {
		if root, ok := firstDirectory(files, "sys/fs/cgroup/"+controller, "sys/fs/cgroup/cpu,cpuacct"); ok {
			return cgroups{directories: upwards(files, root, ownPath)}, nil
		}
	}
	if hasUnified {
		if _, err := fs.Stat(files, "sys/fs/cgroup/cgroup.controllers"); err == nil {
			return cgroups{unified: true, directories: upwards(files, "sys/fs/cgroup", unifiedPath)}, nil
		}
	}
	return cgroups{}, errNoCgroup
}

func firstDirectory(files fs.FS, candidates ...string) (string, bool) {
	for _, candidate := range candidates {
		if info, err := fs.Stat(files, candidate); err == nil && info.IsDir() {
			return candidate, true
		}
	}
	return "", false
}

// upwards lists the directories from the process's cgroup to the root. In a container the path may be the host's, which is not
// mounted here; then the root is the container's own cgroup and stands alone.
func upwards(files fs.FS, root, groupPath string) []string {
	var list []string
	for at := path.Clean("/" + groupPath); at != "/"; at = path.Dir(at) {
		directory := path.Join(root, at)
		if _, err := fs.Stat(files, directory); err == nil {
			list = append(list, directory)
		}
	}
	return append(list, root)
}

// quota returns the smallest quota in cores (+Inf without one) and the file that says so. The root of a host has no such file.
func (g cgroups) quota(files fs.FS) (cores float64, source string, found bool, err error) {
	cores = math.Inf(1)
	for _, directory := range g.directories {
		file := path.Join(directory, "cpu.max")
		read := readQuota
		if !g.unified {
			file = path.Join(directory, "cpu.cfs_quota_us")
			read = readOldQuota
		}
		one, err := read(files, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, "", false, err
		}
		if !found || one < cores {
			cores, source, found = one, file, true
		}
	}
	if !found && g.unified && len(g.directories) == 1 {
		// A process in the root cgroup of a host: the root cannot have a quota.
		return cores, path.Join(g.directories[0], "cgroup.controllers"), true, nil
	}
	return cores, source, found, nil
}

// readQuota reads cpu.max: "max 100000" or "200000 100000".
func readQuota(files fs.FS, file string) (float64, error) {
	text, err := readText(files, file)
	if err != nil {
		return 0, err
	}
	quota, period, _ := strings.Cut(text, " ")
	if quota == "max" {
		return math.Inf(1), nil
	}
	return divide(quota, period, file)
}

// readOldQuota reads cpu.cfs_quota_us (-1 is none) and its period.
func readOldQuota(files fs.FS, file string) (float64, error) {
	quota, err := readText(files, file)
	if err != nil {
		return 0, err
	}
	if strings.HasPrefix(quota, "-") {
		return math.Inf(1), nil
	}
	period, err := readText(files, path.Join(path.Dir(file), "cpu.cfs_period_us"))
	if err != nil {
		return 0, err
	}
	return divide(quota, period, file)
}

func divide(quota, period, file string) (float64, error) {
	q, err1 := strconv.ParseFloat(quota, 64)
	p, err2 := strconv.ParseFloat(period, 64)
	if err1 != nil || err2 != nil || q <= 0 || p <= 0 {
		return 0, errors.New("/" + file + " holds no quota and period")
	}
	return q / p, nil
}

// cpuset returns the cores asked for (empty: none in particular), those given, the partition state where there is one, and the
// file that the second was read from. The nearest cgroup that has the controller speaks for those above it.
func (g cgroups) cpuset(files fs.FS) (asked, given, partition, source string, err error) {
	askedName, givenName := "cpuset.cpus", "cpuset.cpus.effective"
	if !g.unified {
		givenName = "cpuset.effective_cpus"
	}
	err = errNoCgroup
	for _, directory := range g.directories {
		source = path.Join(directory, givenName)
		given, err = readText(files, source)
		if err != nil {
			continue
		}
		asked, err = readText(files, path.Join(directory, askedName))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // the root has no such file: nothing asked for
		}
		partition, _ = readText(files, path.Join(directory, "cpuset.cpus.partition")) // absent at the root and in version 1
		source = path.Join(directory, askedName)
		return asked, given, partition, source, err
	}
	return "", "", "", "", err
}
