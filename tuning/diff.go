package tuning

import (
	"fmt"
	"strings"
)

// Diff returns the unified difference between two texts with three lines of context, and nothing when they are equal.
func Diff(old, new []byte) string {
	if string(old) == string(new) {
		return ""
	}
	edits := editScript(splitLines(string(old)), splitLines(string(new)))
	var out strings.Builder
	out.WriteString("--- as it is\n+++ as it would be\n")
	for from := 0; from < len(edits); {
		first, last, ok := nextHunk(edits, from)
		if !ok {
			break
		}
		writeHunk(&out, edits, first, last)
		from = last
	}
	return out.String()
}

// An edit is one line of a difference: kept (' '), taken out ('-') or put in ('+').
type edit struct {
	kind byte
	line string // with its line end, if it has one
}

func splitLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// editScript finds a longest common subsequence by the quadratic table, after equal beginnings and ends are set aside: files here
// have some hundred lines. Beyond diffCellLimit all of the rest counts as replaced.
func editScript(old, new []string) []edit {
	var edits []edit
	for len(old) > 0 && len(new) > 0 && old[0] == new[0] {
		edits = append(edits, edit{' ', old[0]})
		old, new = old[1:], new[1:]
	}
	var tail []string
	for len(old) > 0 && len(new) > 0 && old[len(old)-1] == new[len(new)-1] {
		tail = append(tail, old[len(old)-1])
		old, new = old[:len(old)-1], new[:len(new)-1]
	}
	columns := len(new) + 1
	if (len(old)+1)*columns <= diffCellLimit {
		common := commonLengths(old, new)
		for len(old) > 0 && len(new) > 0 {
			// The table is indexed by what is left of both.
			switch at := len(old)*columns + len(new); {
			case old[0] == new[0]:
				edits = append(edits, edit{' ', old[0]})
				old, new = old[1:], new[1:]
			case common[at-columns] >= common[at-1]:
				edits = append(edits, edit{'-', old[0]})
				old = old[1:]
			default:
				edits = append(edits, edit{'+', new[0]})
				new = new[1:]
			}
		}
	}
	for _, line := range old {
		edits = append(edits, edit{'-', line})
	}
	for _, line := range new {
		edits = append(edits, edit{'+', line})
	}
	for i := len(tail) - 1; i >= 0; i-- {
		edits = append(edits, edit{' ', tail[i]})
	}
	return edits
}

// commonLengths holds at [i*(len(new)+1)+j] the length of the longest common subsequence of the last i old and j new lines.
func commonLengths(old, new []string) []int32 {
	columns := len(new) + 1
	table := make([]int32, (len(old)+1)*columns)
	for i := 1; i <= len(old); i++ {
		for j := 1; j <= len(new); j++ {
			at := i*columns + j
			if old[len(old)-i] == new[len(new)-j] {
				table[at] = table[at-columns-1] + 1
			} else {
				table[at] = max(table[at-columns], table[at-1])
			}
		}
	}
	return table
}

// nextHunk returns the edits [first, last) of the next hunk at or after from: changes no more than twice the context apart.
func nextHunk(edits []edit, from int) (first, last int, ok bool) {
	start := from
	for start < len(edits) && edits[start].kind == ' ' {
		start++
	}
	if start == len(edits) {
		return 0, 0, false
	}
	end := start
	for i := start; i < len(edits) && i-end <= 2*diffContextLines; i++ {
		if edits[i].kind != ' ' {
			end = i + 1
		}
	}
	return max(from, start-diffContextLines), min(len(edits), end+diffContextLines), true
}

func writeHunk(out *strings.Builder, edits []edit, first, last int) {
	oldStart, newStart := count(edits[:first])
	oldCount, newCount := count(edits[first:last])
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(oldStart, oldCount), span(newStart, newCount))
	for _, e := range edits[first:last] {
		out.WriteByte(e.kind)
		out.WriteString(e.line)
		if !strings.HasSuffix(e.line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func count(edits []edit) (old, new int) {
	for _, e := range edits {
		if e.kind != '+' {
			old++
		}
		if e.kind != '-' {
			new++
		}
	}
	return old, new
}

// span writes a hunk's lines; an empty span names the line before it, as diff and patch have it.
func span(before, lines int) string {
	switch lines {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprintf("%d", before+1)
	default:
		return fmt.Sprintf("%d,%d", before+1, lines)
	}
}
