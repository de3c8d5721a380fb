package tuning

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

var errCoreList = errors.New("not a list of cores like 0-3,8")

// parseCores reads the kernel's list form, "0-3,8", into ascending core numbers without doubles.
func parseCores(text string) ([]int, error) {
	var cores []int
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || from < 0 || from > to || to >= coreLimit {
			return nil, fmt.Errorf("%q: %w", text, errCoreList)
		}
		for core := from; core <= to; core++ {
			cores = append(cores, core)
		}
	}
	slices.Sort(cores)
	return slices.Compact(cores), nil
}

// parseMask reads the kernel's mask form, "00000000,0000000f": groups of 32 bits, the highest first.
func parseMask(text string) ([]int, bool) {
	groups := strings.Split(strings.TrimSpace(text), ",")
	if len(groups)*32 > coreLimit {
		return nil, false
	}
	var cores []int
	for i := range groups {
		group, err := strconv.ParseUint(groups[len(groups)-1-i], 16, 32)
		if err != nil {
			return nil, false
		}
		for group != 0 {
			bit := bits.TrailingZeros64(group)
			cores = append(cores, i*32+bit)
			group &^= 1 << bit
		}
	}
	return cores, true
}

// formatMask is the inverse of parseMask, for commands that a remedy prints.
func formatMask(cores []int) string {
	if len(cores) == 0 {
		return "0"
	}
	groups := make([]uint32, slices.Max(cores)/32+1)
	for _, core := range cores {
		groups[core/32] |= 1 << (core % 32)
	}
	text := strconv.FormatUint(uint64(groups[len(groups)-1]), 16)
	for i := len(groups) - 2; i >= 0; i-- {
		text += fmt.Sprintf(",%08x", groups[i])
	}
	return text
}

// formatCores writes ascending core numbers in list form.
func formatCores(cores []int) string {
	if len(cores) == 0 {
		return "none"
	}
	var text strings.Builder
	for i := 0; i < len(cores); {
		j := i
		for j+1 < len(cores) && cores[j+1] == cores[j]+1 {
			j++
		}
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(strconv.Itoa(cores[i]))
		if j > i {
			text.WriteByte('-')
			text.WriteString(strconv.Itoa(cores[j]))
		}
		i = j + 1
	}
	return text.String()
}

// within reports whether every core of part is in whole.
func within(part, whole []int) bool {
	for _, core := range part {
		if !slices.Contains(whole, core) {
			return false
		}
	}
	return true
}
