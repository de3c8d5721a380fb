package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing wrong with a configuration. No field ever holds a secret, and what a variable holds is not repeated: a
// value is shown as it stands in the file.
type Fault struct {
	File string // as given to Load or Parse
	Line int    // from 1; 0 when the fault has no line
	Key  string // where it stands, as in providers[1].kind; "" for the file as a whole
	Got  string // what was read
	Want string // what would do; may be empty
}

// Error gives the fault in one line: file:line: key: what was read; what would do.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(f.Line))
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key)
		b.WriteString(": ")
	}
	b.WriteString(f.Got)
	if f.Want != "" {
		b.WriteString("; ")
		b.WriteString(f.Want)
	}
	return b.String()
}

// Faults is everything wrong with a configuration, sorted by line. It is never empty when used as an error.
type Faults []Fault

// Error gives one line per fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single Fault.
func (f Faults) Unwrap() []error {
	each := make([]error, len(f))
	for i := range f {
		each[i] = f[i]
	}
	return each
}

// sort puts the faults in the order of the file; those of one line stay in the order they were found.
func (f Faults) sort() {
	slices.SortStableFunc(f, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
}
