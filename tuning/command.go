package tuning

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// The exit codes of Command.
const (
	exitFine   = 0
	exitWrong  = 1 // check found wrong rows; nothing else gives 1
	exitFailed = 2 // the command line is wrong, or the work could not be done
)

const usage = `Usage: penstock tune COMMAND

  check    [--profile P] [--cores LIST] [--json]   compare this host with a profile; exit code 1 if something is wrong
  apply    [--profile P] [--dir DIR] [--yes]       show what the sysctl file would become; with --yes write it
  profiles                                         the profiles side by side
  unit     [--socket]                              print the systemd service, or its socket

P is one of %s. LIST is like 0-3,8: where the loops will run, if not where this command may.
`

// Command is `penstock tune`: args are what follows the word tune. It returns the exit code: 0, 1 when a check found something
// wrong, 2 when it could not do its work. It starts no process and changes nothing but the one file that apply --yes writes.
func Command(args []string, stdout, stderr io.Writer, h Host) int {
	if len(args) == 0 {
		writeUsage(stderr)
		return exitFailed
	}
	var code int
	var err error
	switch name, rest := args[0], args[1:]; name {
	case "check":
		code, err = commandCheck(rest, stdout, h)
	case "apply":
		err = commandApply(rest, stdout, h)
	case "profiles":
		err = commandProfiles(rest, stdout)
	case "unit":
		err = commandUnit(rest, stdout)
	case "help", "-h", "-help", "--help":
		writeUsage(stdout)
	default:
		err = fmt.Errorf("there is no %q; `penstock tune help` lists what there is", name)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		writeUsage(stdout)
		return exitFine
	case err != nil:
		_, _ = fmt.Fprintln(stderr, "penstock tune: "+err.Error()) // there is nowhere left to report a failing stderr
		return exitFailed
	default:
		return code
	}
}

func writeUsage(out io.Writer) {
	_, _ = fmt.Fprintf(out, usage, profileNames()) // help that cannot be written helps nobody either way
}

func profileNames() string {
	names := make([]string, len(profiles))
	for i, p := range profiles {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}

// newFlags makes a flag set that neither prints nor exits; Command does both.
func newFlags(name string) *flag.FlagSet {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s takes no argument %q", flags.Name(), flags.Arg(0))
	}
	return nil
}

func profileFlag(flags *flag.FlagSet) *string {
	return flags.String("profile", profiles[0].Name, "")
}

func profileNamed(name string) (*Profile, error) {
	p, ok := ByName(name)
	if !ok {
		return nil, fmt.Errorf("there is no profile %q; there are %s", name, profileNames())
	}
	return p, nil
}

func commandCheck(args []string, stdout io.Writer, h Host) (int, error) {
	flags := newFlags("check")
	profileName := profileFlag(flags)
	coreList := flags.String("cores", "", "")
	asJSON := flags.Bool("json", false, "")
	if err := parse(flags, args); err != nil {
		return 0, err
	}
	p, err := profileNamed(*profileName)
	if err != nil {
		return 0, err
	}
	if *coreList != "" {
		cores, err := parseCores(*coreList)
		if err != nil {
			return 0, fmt.Errorf("--cores: %w", err)
		}
		h = onCores{Host: h, cores: cores}
	}
	rows := Check(p, h)
	write := writeRows
	if *asJSON {
		write = writeJSON
	}
	if err := write(stdout, p, rows); err != nil {
		return 0, err
	}
	if _, wrong, _ := tally(rows); wrong > 0 {
		return exitWrong, nil
	}
	return exitFine, nil
}

func commandProfiles(args []string, stdout io.Writer) error {
	if err := parse(newFlags("profiles"), args); err != nil {
		return err
	}
	return writeProfiles(stdout)
}

func commandUnit(args []string, stdout io.Writer) error {
	flags := newFlags("unit")
	socket := flags.Bool("socket", false, "")
	if err := parse(flags, args); err != nil {
		return err
	}
	text := serviceUnit
	if *socket {
		text = socketUnit
	}
	_, err := io.WriteString(stdout, text)
	return err
}
