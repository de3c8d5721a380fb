package stand

import (
	"os"
	"strings"
)

// LoadAverage is how many processes wanted to run in the last minute, as /proc/loadavg says it: who else used the machine.
func LoadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
