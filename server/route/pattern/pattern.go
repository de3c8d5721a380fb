package pattern

import (
	"strings"
	"unsafe"
)

// MaxNameBytes bounds the model names that can match. The longest in use are ARNs, which Amazon Bedrock bounds at 2,048 bytes;
// without a bound a name as large as a request body would be held against every pattern.
const MaxNameBytes = 2048

// IsPattern says that s has a star, and is no plain name.
func IsPattern(s string) bool { return strings.IndexByte(s, '*') >= 0 }

// Match says whether the stars of pattern can be replaced by runs of bytes, empty ones too, so that it becomes name. All other
// bytes stand for themselves; case counts, and '/' is nothing special. A name above MaxNameBytes matches nothing. The literal
// parts before the first and after the last star are held against the ends of name, those between are searched for from left
// to right, so that no byte is looked at again for another star.
func Match(pattern string, name []byte) bool {
	if len(name) > MaxNameBytes {
		return false
	}
	first := strings.IndexByte(pattern, '*')
	if first < 0 {
		return pattern == string(name)
	}
	last := strings.LastIndexByte(pattern, '*')
	before, after := pattern[:first], pattern[last+1:]
	if len(name) < len(before)+len(after) || string(name[:len(before)]) != before || string(name[len(name)-len(after):]) != after {
		return false
	}
	name = name[len(before) : len(name)-len(after)]
	text := unsafe.String(unsafe.SliceData(name), len(name)) // within this call only: name is borrowed
	for rest := pattern[first:last]; rest != ""; {
		part := rest[1:] // rest starts with a star
		if next := strings.IndexByte(part, '*'); next >= 0 {
			part = part[:next]
		}
		rest = rest[1+len(part):]
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}
