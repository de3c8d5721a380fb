package tuning

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// tally counts the rows by answer.
func tally(rows []Row) (fine, wrong, couldNotTell int) {
	for i := range rows {
		switch rows[i].Answer {
		case Fine:
			fine++
		case Wrong:
			wrong++
		default:
			couldNotTell++
		}
	}
	return fine, wrong, couldNotTell
}

func writeRows(out io.Writer, p *Profile, rows []Row) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Profile %s: %s.\n\n", p.Name, p.About)
	for i := range rows {
		row := &rows[i]
		switch row.Answer {
		case Fine:
			fmt.Fprintf(&text, "fine   %s: %s\n", row.Name, row.Read)
		case Wrong:
			fmt.Fprintf(&text, "WRONG  %s: %s\n", row.Name, row.Read)
			writeDetail(&text, "want", row.Want)
			writeDetail(&text, "why", row.Why)
			writeDetail(&text, "cost", row.Cost)
			// A command is not wrapped, so that it can be copied.
			fmt.Fprintf(&text, "       do:   %s\n", row.Remedy)
		default:
			fmt.Fprintf(&text, "?      %s: could not tell: %s\n", row.Name, row.Read)
			writeDetail(&text, "want", row.Want)
		}
	}
	fine, wrong, couldNotTell := tally(rows)
	fmt.Fprintf(&text, "\n%d fine, %d wrong, %d could not be told (and are not counted as fine).\n", fine, wrong, couldNotTell)
	_, err := io.WriteString(out, text.String())
	return err
}

func writeDetail(text *strings.Builder, label, detail string) {
	for i, line := range wrap(detail, textWidth-13) {
		if i == 0 {
			fmt.Fprintf(text, "       %-5s %s\n", label+":", line)
		} else {
			fmt.Fprintf(text, "             %s\n", line)
		}
	}
}

func writeJSON(out io.Writer, p *Profile, rows []Row) error {
	fine, wrong, couldNotTell := tally(rows)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Profile      string `json:"profile"`
		Fine         int    `json:"fine"`
		Wrong        int    `json:"wrong"`
		CouldNotTell int    `json:"could_not_tell"`
		Rows         []Row  `json:"rows"`
	}{p.Name, fine, wrong, couldNotTell, rows})
}

// writeProfiles prints the profiles side by side: the flags, then the settings in which they differ.
func writeProfiles(out io.Writer) error {
	var text strings.Builder
	for _, p := range profiles {
		fmt.Fprintf(&text, "%s: %s.\n", p.Name, p.About)
	}
	text.WriteByte('\n')
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	line := func(name string, value func(*Profile) string) {
		fmt.Fprint(table, name)
		for _, p := range profiles {
			fmt.Fprint(table, "\t"+value(p))
		}
		fmt.Fprintln(table)
	}
	line("", func(p *Profile) string { return p.Name })
	for _, row := range flagRows {
		line(row.name, row.value)
	}
	for i := range profiles[0].Sysctls {
		for _, p := range profiles[1:] {
			if p.Sysctls[i].Want != profiles[0].Sysctls[i].Want {
				line(p.Sysctls[i].Name, func(p *Profile) string { return p.Sysctls[i].Want })
				break
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	text.WriteString("\nSettings that are the same in all profiles are not shown; `penstock tune check` has them all.\n")
	_, err := io.WriteString(out, text.String())
	return err
}

var flagRows = []struct {
	name  string
	value func(*Profile) string
}{
	{"GOGC", func(p *Profile) string { return fmt.Sprint(p.Flags.GOGC) }},
	{"memory limit", func(p *Profile) string { return fmt.Sprintf("%.0f %%", 100*p.Flags.MemoryLimitFraction) }},
	{"Ps above the loops", func(p *Profile) string { return fmt.Sprint(p.Flags.ProcsAboveLoops) }},
	{"spin before sleep", func(p *Profile) string { return fmt.Sprintf("%d µs", p.Flags.SpinMicros) }},
	{"sleep with its P", func(p *Profile) string { return fmt.Sprintf("%d ms", p.Flags.RawWaitMillis) }},
	{"read buffer per loop", func(p *Profile) string { return fmt.Sprintf("%d KiB", p.Flags.ReadBufferBytes>>10) }},
	{"events per poll", func(p *Profile) string { return fmt.Sprint(p.Flags.BatchEvents) }},
	{"backlog", func(p *Profile) string { return fmt.Sprint(p.Flags.Backlog) }},
	{"descriptors", func(p *Profile) string { return fmt.Sprint(p.Limits.NoFile) }},
	{"one loop per physical core", func(p *Profile) string { return yesNo(p.Limits.OneLoopPerCore) }},
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
