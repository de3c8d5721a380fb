package tuning

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// perCard runs one judgement over all cards: wrong if one is, fine if all are, else could not tell.
func (pr *probe) perCard(row Row, judge func(c *card) (answer Answer, read, remedy string)) Row {
	if pr.coresErr != nil {
		return row.couldNotTell("the loops' cores are not known: " + pr.coresErr.Error())
	}
	if pr.cardsErr != nil {
		return row.couldNotTell(reason(pr.cardsErr))
	}
	worst := Fine
	var reads, remedies []string
	for i := range pr.cards {
		c := &pr.cards[i]
		answer, read, remedy := judge(c)
		reads = append(reads, c.name+": "+read)
		if answer == Wrong {
			remedies = append(remedies, remedy)
			worst = Wrong
		} else if answer == CouldNotTell && worst == Fine {
			worst = CouldNotTell
		}
	}
	row.Read, row.Remedy, row.Answer = strings.Join(reads, "; "), strings.Join(remedies, "; "), worst
	return row
}

func checkQueues(pr *probe) Row {
	row := Row{
		Name: "NIC queues", Source: "/sys/class/net/*/queues/rx-*", Want: "one receiving queue per loop, or RPS",
		Why:  "Each receiving queue is served by one core. With fewer queues than loops some core takes the packets of others besides its own work.",
		Cost: "One core's share of packet work is the ceiling of all: about 1 million packets a second (estimate), and that core's loop is the slow one.",
	}
	return pr.perCard(row, func(c *card) (Answer, string, string) {
		have, want := len(c.rx), len(pr.cores)
		read := strconv.Itoa(have) + " for " + strconv.Itoa(want) + " loops"
		if have == 0 {
			return CouldNotTell, "shows no queue", ""
		}
		if have >= want {
			return Fine, read, ""
		}
		spread, _, err := steered(pr.files, c.rx, "rps_cpus")
		if err != nil {
			return CouldNotTell, read + ", rps_cpus: " + reason(err), ""
		}
		if len(spread) > 1 {
			return Fine, read + ", spread by RPS", ""
		}
		return Wrong, read, "ethtool -L " + c.name + " combined " + strconv.Itoa(want) + " (ethtool -l shows what the card can do), else RPS"
	})
}

func checkIRQAffinity(pr *probe) Row {
	row := Row{
		Name: "IRQ affinity", Source: "/proc/interrupts, /proc/irq/*/smp_affinity_list", Want: "the queues' interrupts on as many cores as they can use",
		Why:  "A queue's packets are worked on where its interrupt arrives. Two queues on one core are one queue.",
		Cost: "The loop on the core that takes them all lags behind the others (estimate: its added p99 doubles near saturation).",
	}
	table, err := pr.read("proc/interrupts")
	if err != nil {
		return row.couldNotTell(reason(err))
	}
	return pr.perCard(row, func(c *card) (Answer, string, string) {
		irqs := c.interrupts(table)
		if len(irqs) == 0 {
			return CouldNotTell, "no interrupt carries its name", ""
		}
		load := map[int]int{} // pinned interrupts by core
		var usable []int
		floating := 0
		for _, irq := range irqs {
			text, err := pr.irqCores(irq)
			if err != nil {
				return CouldNotTell, "interrupt " + strconv.Itoa(irq) + ": " + reason(err), ""
			}
			cores, err := parseCores(text)
			if err != nil {
				return CouldNotTell, err.Error(), ""
			}
			usable = append(usable, cores...)
			if len(cores) > 1 {
				floating++
			} else {
				load[cores[0]]++
			}
		}
		slices.Sort(usable)
		usable = slices.Compact(usable)
		read := strconv.Itoa(len(irqs)) + " interrupts on cores " + formatCores(usable)
		if floating == len(irqs) && len(irqs) > 1 && len(usable) > 1 {
			return CouldNotTell, read + ", none of them tied to one", ""
		}
		wanted := min(len(irqs), len(pr.cores))
		if len(usable) < wanted {
			return Wrong, read + " for " + strconv.Itoa(len(pr.cores)) + " loops",
				"tie each to a core of its own in /proc/irq/N/smp_affinity_list (N: " + joinInts(irqs) + "), and keep irqbalance from undoing it"
		}
		fair := int(math.Ceil(float64(len(irqs)) / float64(wanted)))
		for core, n := range load {
			if n > 2*fair {
				return Wrong, read + ", " + strconv.Itoa(n) + " of them on core " + strconv.Itoa(core),
					"spread them evenly in /proc/irq/N/smp_affinity_list (N: " + joinInts(irqs) + ")"
			}
		}
		if !slices.ContainsFunc(usable, func(core int) bool { return slices.Contains(pr.cores, core) }) {
			read += ", none of them a loop's"
		}
		return Fine, read, ""
	})
}

// irqCores prefers where the interrupt really goes to where it may go.
func (pr *probe) irqCores(irq int) (string, error) {
	directory := "proc/irq/" + strconv.Itoa(irq) + "/"
	if text, err := pr.read(directory + "effective_affinity_list"); err == nil && text != "" {
		return text, nil
	}
	return pr.read(directory + "smp_affinity_list")
}

func checkRPS(pr *probe) Row {
	row := Row{
		Name: "RPS", Source: "/sys/class/net/*/queues/rx-*/rps_cpus", Want: "on where queues are fewer than loops, off where they suffice",
		Why:  "RPS passes packets from the core that took the interrupt to others by a hash of the connection.",
		Cost: "Needed and off: one core does the packet work of all. On without need: an interrupt between cores per burst, 1–2 µs (estimate).",
	}
	return pr.perCard(row, func(c *card) (Answer, string, string) {
		cores, empty, err := steered(pr.files, c.rx, "rps_cpus")
		if err != nil {
			return CouldNotTell, reason(err), ""
		}
		if len(c.rx) == 0 {
			return CouldNotTell, "shows no queue", ""
		}
		set := "for q in /sys/class/net/" + c.name + "/queues/rx-*; do echo "
		enough := len(c.rx) >= len(pr.cores)
		on := empty < len(c.rx)
		switch {
		case enough && !on:
			return Fine, "off, queues suffice", ""
		case enough:
			return Wrong, "on for cores " + formatCores(cores) + ", though queues suffice", set + "0 > $q/rps_cpus; done"
		case !on:
			return Wrong, "off, with " + strconv.Itoa(len(c.rx)) + " queues for " + strconv.Itoa(len(pr.cores)) + " loops",
				set + formatMask(pr.cores) + " > $q/rps_cpus; done"
		case !within(pr.cores, cores):
			return Wrong, "on for cores " + formatCores(cores) + ", loops on " + formatCores(pr.cores),
				set + formatMask(pr.cores) + " > $q/rps_cpus; done"
		default:
			return Fine, "on for cores " + formatCores(cores), ""
		}
	})
}

func checkXPS(pr *probe) Row {
	row := Row{
		Name: "XPS", Source: "/sys/class/net/*/queues/tx-*/xps_cpus", Want: "any",
		Why:  "XPS ties each sending queue to cores, so that loops do not wait for each other's queue lock.",
		Cost: "Without it queues are chosen by a hash and shared by cores: a lock that bounces, under 1 µs a packet (estimate).",
	}
	if pr.profile.Limits.XPS {
		row.Want = "set, where there are several sending queues"
	}
	return pr.perCard(row, func(c *card) (Answer, string, string) {
		switch len(c.tx) {
		case 0:
			return CouldNotTell, "shows no queue", ""
		case 1:
			return Fine, "one sending queue, nothing to choose", ""
		}
		cores, empty, err := steered(pr.files, c.tx, "xps_cpus")
		if err != nil {
			return CouldNotTell, reason(err), ""
		}
		if empty < len(c.tx) {
			return Fine, "set for cores " + formatCores(cores), ""
		}
		read := "not set on " + strconv.Itoa(len(c.tx)) + " queues"
		if !pr.profile.Limits.XPS {
			return Fine, read, ""
		}
		remedy := "in /sys/class/net/" + c.name + "/queues:"
		for i := range min(len(c.tx), len(pr.cores)) {
			remedy += " echo " + formatMask(pr.cores[i:i+1]) + " > tx-" + strconv.Itoa(i) + "/xps_cpus;"
		}
		return Wrong, read, strings.TrimSuffix(remedy, ";")
	})
}

func joinInts(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, " ")
}
