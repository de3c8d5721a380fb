package config

import "strings"

// branch is a row of the table with the rows below it.
type branch struct {
	*field
	name     string // last part of the path
	children []*branch
}

// root is the table as a tree; it is built once, before main, and never changes.
var root = growTree(fields)

func growTree(rows []field) *branch {
	top := &branch{field: &field{shape: shapeMap}}
	for i := range rows {
		at := top
		parts := strings.Split(strings.ReplaceAll(rows[i].path, "[]", ""), ".")
		for _, part := range parts[:len(parts)-1] {
			at = at.child(part)
		}
		at.children = append(at.children, &branch{field: &rows[i], name: parts[len(parts)-1]})
	}
	return top
}

// child finds the row of a key; nil when the key is unknown.
func (b *branch) child(name string) *branch {
	for _, c := range b.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (b *branch) names() []string {
	names := make([]string, len(b.children))
	for i, c := range b.children {
		names[i] = c.name
	}
	return names
}

// holdsSecrets reports whether a slip in this map may put a secret where a key belongs.
func (b *branch) holdsSecrets() bool {
	for _, c := range b.children {
		if c.shape == shapeSecret {
			return true
		}
	}
	return b.shape == shapeSecrets
}

// holdsURL reports whether this is the row of an address that a wrong hand may have put credentials into.
func (b *branch) holdsURL() bool {
	return b.name == "base_url" || b.name == "base_urls" || b.name == "otlp"
}

// nearest finds the known name that a wrong one was most likely meant to be; "" when none is near.
func nearest(wrong string, known []string) string {
	best, least := "", 1+max(1, len(wrong)/3)
	if len(wrong) > nameLimitBytes {
		return ""
	}
	folded := strings.ToLower(strings.ReplaceAll(wrong, "-", "_"))
	for _, name := range known {
		if d := distance(folded, name); d < least && d < len(name) {
			best, least = name, d
		}
	}
	return best
}

// distance counts the characters to insert, drop, change or swap with their neighbour to get from a to b (optimal string
// alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
