package tuning

import (
	"errors"
	"fmt"
	"strings"
)

// MemoryLimitBytes is what the profile gives the Go runtime as its soft limit (GOMEMLIMIT): its fraction of the smallest memory
// limit of the process's cgroups, or of the host's memory where none is set. The rest is for stacks of the kernel, socket buffers
// and page tables, which the runtime does not count.
func MemoryLimitBytes(p *Profile, h Host) (int64, error) {
	total, err := MemoryBytes(h)
	return int64(float64(total) * p.Flags.MemoryLimitFraction), err
}

// MemoryBytes is what the process may use: the smallest memory limit of its cgroups, or the host's memory where none is set.
func MemoryBytes(h Host) (int64, error) {
	files := h.FS()
	text, err := readText(files, "proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("cannot size the memory limit: %w", err)
	}
	total, ok := memTotalBytes(text)
	if !ok {
		return 0, errors.New("cannot size the memory limit: /proc/meminfo names no MemTotal")
	}
	if groups, err := findCgroups(files, "memory"); err == nil {
		name := "/memory.max"
		if !groups.unified {
			name = "/memory.limit_in_bytes"
		}
		for _, directory := range groups.directories {
			text, err := readText(files, directory+name)
			if err != nil {
				continue // the root of a host has no limit
			}
			if limit, ok := numbers(text); ok { // "max" is no number
				total = min(total, limit[0])
			}
		}
	}
	return int64(total), nil
}

func memTotalBytes(meminfo string) (uint64, bool) {
	for line := range strings.Lines(meminfo) {
		name, rest, _ := strings.Cut(line, ":")
		if name != "MemTotal" {
			continue
		}
		kib, ok := numbers(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
		if !ok {
			return 0, false
		}
		return kib[0] << 10, true
	}
	return 0, false
}
