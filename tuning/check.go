package tuning

import (
	"errors"
	"io"
	"io/fs"
	"strconv"
	"strings"
)

// Answer is what a check found. The zero value is CouldNotTell, so that a check that forgets to answer is never counted as fine.
type Answer uint8

const (
	CouldNotTell Answer = iota // said, and counted neither as fine nor as wrong
	Fine
	Wrong // alone sets the exit code
)

// MarshalText gives the names that --json prints.
func (a Answer) MarshalText() ([]byte, error) {
	switch a {
	case Fine:
		return []byte("fine"), nil
	case Wrong:
		return []byte("wrong"), nil
	default:
		return []byte("could_not_tell"), nil
	}
}

// A Row is the outcome of one check.
type Row struct {
	Name   string `json:"name"`
	Source string `json:"source"` // where it was read
	Read   string `json:"read"`   // what was read there, or why it could not be told
	Want   string `json:"want"`
	Answer Answer `json:"answer"`
	Why    string `json:"why"`
	Cost   string `json:"cost"`             // what a difference costs; says so where it is an estimate
	Remedy string `json:"remedy,omitempty"` // a command or a sentence; only where the answer is Wrong
}

func (r Row) fine(read string) Row {
	r.Read, r.Answer = read, Fine
	return r
}

func (r Row) wrong(read, remedy string) Row {
	r.Read, r.Remedy, r.Answer = read, remedy, Wrong
	return r
}

func (r Row) couldNotTell(reason string) Row {
	r.Read, r.Answer = reason, CouldNotTell
	return r
}

// Check compares the host with the profile: first its kernel settings in their order, then limits, cores, memory, network card
// and cgroup. It reads files and changes nothing. Each row has one of three answers.
func Check(p *Profile, h Host) []Row {
	pr := newProbe(p, h)
	rows := make([]Row, 0, len(p.Sysctls)+len(hostChecks))
	for i := range p.Sysctls {
		rows = append(rows, checkSetting(pr, &p.Sysctls[i]))
	}
	for _, check := range hostChecks {
		rows = append(rows, check(pr))
	}
	return rows
}

var hostChecks = []func(*probe) Row{
	checkConntrackFill,
	checkNoFileSoft,
	checkNoFileHard,
	checkCores,
	checkGovernor,
	checkClockSource,
	checkMitigations,
	checkNUMA,
	checkSMT,
	checkHugePages,
	checkQueues,
	checkIRQAffinity,
	checkRPS,
	checkXPS,
	checkCPUQuota,
	checkCPUSet,
}

// probe is one run of Check: the profile, the host's files, and what several checks need, read once.
type probe struct {
	profile  *Profile
	host     Host
	files    fs.FS
	cores    []int // where loops may run; empty when coresErr is set
	coresErr error
	cards    []card
	cardsErr error
}

func newProbe(p *Profile, h Host) *probe {
	pr := &probe{profile: p, host: h, files: h.FS()}
	pr.cores, pr.coresErr = h.Cores()
	if pr.coresErr == nil && len(pr.cores) == 0 {
		pr.coresErr = errors.New("no core to run on")
	}
	pr.cards, pr.cardsErr = findCards(pr.files)
	return pr
}

// read returns a file's text without the white space around it.
func (pr *probe) read(path string) (string, error) {
	return readText(pr.files, path)
}

func readText(files fs.FS, path string) (string, error) {
	file, err := files.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // read only: nothing can be lost
	text, err := io.ReadAll(io.LimitReader(file, fileLimitBytes))
	return strings.TrimSpace(string(text)), err
}

// reason says in words why a file could not be read.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "this kernel or container does not show it"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this user"
	default:
		return err.Error()
	}
}

// checkSetting answers for one kernel setting.
func checkSetting(pr *probe, s *Setting) Row {
	row := Row{Name: s.Name, Source: "/" + s.File(), Want: s.Wanted(), Why: s.Why, Cost: s.Cost}
	text, err := pr.read(s.File())
	if err != nil {
		if s.Module != "" && errors.Is(err, fs.ErrNotExist) {
			return moduleAnswer(pr, row, s.Module)
		}
		return row.couldNotTell(reason(err))
	}
	meets, ok := s.meets(text)
	switch {
	case !ok:
		return row.couldNotTell(strconv.Quote(text) + " cannot be compared")
	case meets:
		return row.fine(words(text))
	default:
		return row.wrong(words(text), "sysctl -w "+s.Name+"='"+s.value()+"'")
	}
}

// moduleAnswer tells a module that is not loaded, which is fine, from one whose settings are hidden from this container.
func moduleAnswer(pr *probe, row Row, module string) Row {
	modules, err := pr.read("proc/modules")
	if err != nil {
		return row.couldNotTell("neither the setting nor /proc/modules can be read")
	}
	for line := range strings.Lines(modules) {
		if name, _, _ := strings.Cut(line, " "); name == module {
			return row.couldNotTell(module + " is loaded, but its settings are not shown here")
		}
	}
	if _, err := pr.read("proc/net/nf_conntrack"); err == nil {
		return row.couldNotTell(module + " is built in, but its settings are not shown here")
	}
	return row.fine(module + " is not loaded")
}

// checkConntrackFill asks how full the table is now, which no setting says.
func checkConntrackFill(pr *probe) Row {
	const directory = "proc/sys/net/netfilter/"
	row := Row{
		Name: "conntrack fill", Source: "/" + directory + "nf_conntrack_count", Want: "below 80 % of nf_conntrack_max",
		Why:  "A table that is nearly full on a quiet day is full on a busy one.",
		Cost: "Beyond the end packets of new connections are dropped; each costs its client 1 s at least.",
	}
	countText, err := pr.read(directory + "nf_conntrack_count")
	if errors.Is(err, fs.ErrNotExist) {
		return moduleAnswer(pr, row, "nf_conntrack")
	}
	maxText, maxErr := pr.read(directory + "nf_conntrack_max")
	if err := errors.Join(err, maxErr); err != nil {
		return row.couldNotTell(reason(err))
	}
	count, countOK := numbers(countText)
	bound, boundOK := numbers(maxText)
	if !countOK || !boundOK || bound[0] == 0 {
		return row.couldNotTell(strconv.Quote(countText+" of "+maxText) + " cannot be compared")
	}
	read := countText + " of " + maxText
	if float64(count[0]) >= 0.8*float64(bound[0]) {
		return row.wrong(read, "raise net.netfilter.nf_conntrack_max, or exempt the gateway's ports by a NOTRACK rule")
	}
	return row.fine(read)
}
