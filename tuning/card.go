package tuning

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// A card is a network interface with a device behind it; loopback, bridges, tunnels and a container's veth have none.
type card struct {
	name   string
	device string   // last element of the device's path: 0000:3b:00.0, virtio0; empty when it cannot be followed
	rx, tx []string // queue directories in order of their numbers
}

var errNoCard = errors.New("no network card with a device behind it is shown here: a container or a virtual network")

func findCards(files fs.FS) ([]card, error) {
	const class = "sys/class/net"
	entries, err := fs.ReadDir(files, class)
	if err != nil {
		return nil, err
	}
	var cards []card
	for _, entry := range entries {
		directory := class + "/" + entry.Name()
		if _, err := fs.Stat(files, directory+"/device"); err != nil {
			continue
		}
		if state, err := readText(files, directory+"/operstate"); err == nil && state == "down" {
			continue
		}
		c := card{name: entry.Name()}
		if target, err := fs.ReadLink(files, directory+"/device"); err == nil {
			c.device = path.Base(target)
		}
		queues, err := fs.ReadDir(files, directory+"/queues")
		if err != nil {
			return nil, err
		}
		for _, queue := range queues {
			switch name := queue.Name(); {
			case strings.HasPrefix(name, "rx-"):
				c.rx = append(c.rx, directory+"/queues/"+name)
			case strings.HasPrefix(name, "tx-"):
				c.tx = append(c.tx, directory+"/queues/"+name)
			}
		}
		slices.SortFunc(c.rx, byNumber)
		slices.SortFunc(c.tx, byNumber)
		cards = append(cards, c)
	}
	if len(cards) == 0 {
		return nil, errNoCard
	}
	return cards, nil
}

// byNumber orders queue directories whose names end in -N: rx-10 comes after rx-9.
func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// steered returns the cores in the masks of the queues (rps_cpus, xps_cpus), and how many queues have an empty mask.
func steered(files fs.FS, queues []string, file string) (cores []int, empty int, err error) {
	for _, queue := range queues {
		text, err := readText(files, queue+"/"+file)
		if err != nil {
			return nil, 0, err
		}
		mask, ok := parseMask(text)
		if !ok {
			return nil, 0, errors.New(strconv.Quote(text) + " is not a mask of cores")
		}
		if len(mask) == 0 {
			empty++
		}
		cores = append(cores, mask...)
	}
	slices.Sort(cores)
	return slices.Compact(cores), empty, nil
}

// interrupts lists the numbers of the card's queue interrupts from /proc/interrupts, where drivers name them after the interface
// (eth0-TxRx-3), the virtio device (virtio0-input.3) or the PCI address (mlx5_comp3@pci:0000:3b:00.0).
func (c *card) interrupts(table string) []int {
	var list []int
	for line := range strings.Lines(table) {
		number, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		irq, err := strconv.Atoi(number)
		if !ok || err != nil {
			continue // the heading, and the lines of NMI, LOC and their like
		}
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		if action := fields[len(fields)-1]; c.owns(action) && !housekeeping(action) {
			list = append(list, irq)
		}
	}
	return list
}

func (c *card) owns(action string) bool {
	for _, name := range []string{c.name, c.device} {
		at := strings.Index(action, name)
		if name == "" || at < 0 {
			continue
		}
		// eth1 is not eth10, virtio1 is not virtio10.
		if end := at + len(name); end == len(action) || action[end] < '0' || action[end] > '9' {
			return true
		}
	}
	return false
}

// housekeeping tells interrupts that carry no packets.
func housekeeping(action string) bool {
	for _, word := range []string{"config", "control", "ctrl", "async", "mgmt", "Admin", "adminq", "cmd", "pages"} {
		if strings.Contains(action, word) {
			return true
		}
	}
	return false
}
