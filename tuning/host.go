package tuning

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// A Host is where the checks look. Tests give a fake one.
type Host interface {
	// FS is the host's file system, rooted at /.
	FS() fs.FS
	// NoFile returns the descriptor limit of this process. The Go runtime has raised the soft limit to the hard one at start.
	NoFile() (soft, hard uint64, err error)
	// Cores returns the cores that this process may run on, ascending: with `loops: 0` each gets a loop.
	Cores() ([]int, error)
}

// ThisHost is the host that the process runs on.
func ThisHost() Host { return metal{} }

type metal struct{}

func (metal) FS() fs.FS { return os.DirFS("/") }

func (metal) NoFile() (soft, hard uint64, err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, os.NewSyscallError("getrlimit", err)
	}
	return limit.Cur, limit.Max, nil
}

func (metal) Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, os.NewSyscallError("sched_getaffinity", err)
	}
	cores := make([]int, 0, set.Count())
	for core := 0; len(cores) < cap(cores); core++ {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// onCores is a host as a process confined to some cores would see it.
type onCores struct {
	Host
	cores []int
}

func (h onCores) Cores() ([]int, error) { return h.cores, nil }
