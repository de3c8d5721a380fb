package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"penstock/http1/rawcases"
)

// report writes the comparison as Markdown.
func report(results []result, missing []string) string {
	cases := rawcases.Cases()
	var b strings.Builder
	fmt.Fprintf(&b, "# Raw requests: what servers make of them\n\n")
	fmt.Fprintf(&b, "Made by `make wire` (`go run ./bench/wire`) at commit %s. %d cases of `http1/rawcases`, each sent as raw bytes to every\n", commit(), len(cases))
	b.WriteString(`server as a reverse proxy before one provider that reads strictly. What is allowed comes from RFC 9110 and 9112: a request that no
server may serve must not be served; one that a server may refuse or repair may be either, as long as the repaired request is valid and
has the one body that the case says; a valid one is served. Nothing may be answered that is no request, nothing invalid may reach the
provider, and the next request, of the same client and of the next, must get through. Any status from 400 on counts as a refusal, and so
does closing. A plain proxy has to pass on what it serves; Penstock may answer by itself what it answers in service (lists of
models, 404 for unknown paths, 401 without a key, 400 for a body that is no JSON). A server that passes bytes on while it still reads may
be caught with a bad one in one run and not in the next: scores of such servers move by one or two.

`)
	if len(missing) > 0 {
		fmt.Fprintf(&b, "Not installed here, and left out: %s.\n\n", strings.Join(missing, ", "))
	}
	b.WriteString("| cases | of |")
	for _, r := range results {
		fmt.Fprintf(&b, " %s %s |", r.system.name, r.system.version)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(results)) + "\n")
	row := func(name string, in func(*rawcases.Case) bool) {
		n := 0
		good := make([]int, len(results))
		for i := range cases {
			if !in(&cases[i]) {
				continue
			}
			n++
			for k, r := range results {
				if r.faults[title(&cases[i])] == nil {
					good[k]++
				}
			}
		}
		fmt.Fprintf(&b, "| %s | %d |", name, n)
		for _, g := range good {
			fmt.Fprintf(&b, " %d |", g)
		}
		b.WriteString("\n")
	}
	row("**all**", func(*rawcases.Case) bool { return true })
	var families []string
	for _, c := range cases {
		if !slices.Contains(families, c.Family) {
			families = append(families, c.Family)
			row(c.Family, func(x *rawcases.Case) bool { return x.Family == c.Family })
		}
	}
	b.WriteString("\n## Every difference\n\nWhat a server did that is not allowed, case by case. RFC 9110 §2.2 forbids to send on what does not fit the grammar.\n")
	for _, r := range results {
		fmt.Fprintf(&b, "\n### %s: %d\n\n", r.system.name, len(r.faults))
		if len(r.faults) == 0 {
			b.WriteString("None.\n")
			continue
		}
		b.WriteString("| case | decided by | what it did |\n|---|---|---|\n")
		for i := range cases {
			if err := r.faults[title(&cases[i])]; err != nil {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", title(&cases[i]), cases[i].Section, cell(err.Error()))
			}
		}
	}
	return b.String()
}

// cell makes text fit for a table: on one line, not too long.
func cell(text string) string {
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;").Replace(text)
}

func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
