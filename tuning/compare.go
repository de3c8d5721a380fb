package tuning

import (
	"strconv"
	"strings"
)

// words is how values are compared and shown: sysctl files hold tabs between numbers and a line end.
func words(value string) string {
	return strings.Join(strings.Fields(value), " ")
}

// Wanted says in words what Compare asks for.
func (s *Setting) Wanted() string {
	switch s.Compare {
	case AtLeast:
		return "at least " + s.Want
	case AtMost:
		return "at most " + s.Want
	case Range:
		return "includes " + s.Want
	case OneOf:
		return strings.Join(strings.Fields(s.Want), " or ")
	default:
		return s.Want
	}
}

// File is the path of the setting below /proc/sys, without the leading slash, as an fs.FS wants it.
func (s *Setting) File() string {
	return "proc/sys/" + strings.ReplaceAll(s.Name, ".", "/")
}

// Line is what a sysctl file says: name = value. A leading minus tells sysctl to pass over a setting that this kernel lacks.
func (s *Setting) Line() string {
	line := s.Name + " = " + s.value()
	if s.Module != "" {
		line = "-" + line
	}
	return line
}

// value is the one value to set.
func (s *Setting) value() string {
	if s.Compare == OneOf {
		return strings.Fields(s.Want)[0]
	}
	return s.Want
}

// meets reports whether the value that was read does; ok is false when it cannot be compared.
func (s *Setting) meets(read string) (meets, ok bool) {
	switch s.Compare {
	case Equal:
		return words(read) == words(s.Want), true
	case OneOf:
		for _, word := range strings.Fields(s.Want) {
			if words(read) == word {
				return true, true
			}
		}
		return false, true
	}
	got, gotOK := numbers(read)
	want, wantOK := numbers(s.Want)
	if !gotOK || !wantOK || len(got) != len(want) {
		return false, false
	}
	if s.Compare == Range {
		if len(got) != 2 {
			return false, false
		}
		return got[0] <= want[0] && got[1] >= want[1], true
	}
	for i := range got {
		if s.Compare == AtLeast && got[i] < want[i] || s.Compare == AtMost && got[i] > want[i] {
			return false, true
		}
	}
	return true, true
}

// numbers reads a value of unsigned numbers. fs.file-max reaches 2^63−1 on 64-bit kernels, tcp_notsent_lowat 2^32−1.
func numbers(value string) ([]uint64, bool) {
	fields := strings.Fields(value)
	list := make([]uint64, 0, len(fields))
	for _, field := range fields {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return nil, false
		}
		list = append(list, n)
	}
	return list, len(list) > 0
}
