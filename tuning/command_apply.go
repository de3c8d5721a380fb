package tuning

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// commandApply shows the difference between the sysctl file as it is and as the profile wants it, and writes it with --yes. What
// the host already does better stays as it is. Loading the file is left to the operator: a setting acts on everything on the host.
func commandApply(args []string, stdout io.Writer, h Host) error {
	flags := newFlags("apply")
	profileName := profileFlag(flags)
	directory := flags.String("dir", "/etc/sysctl.d", "")
	yes := flags.Bool("yes", false, "")
	if err := parse(flags, args); err != nil {
		return err
	}
	p, err := profileNamed(*profileName)
	if err != nil {
		return err
	}
	target := filepath.Join(*directory, SysctlFileName(p))
	old, err := os.ReadFile(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot read the file to replace: %w", err)
	}
	wanted := appendSysctlFile(nil, p, betterHere(h))
	var text strings.Builder
	defer func() { _, _ = io.WriteString(stdout, text.String()) }() // what was done is done, whether it can be told or not
	text.WriteString(Diff(old, wanted))
	switch {
	case string(old) == string(wanted):
		fmt.Fprintf(&text, "%s is current.\n", target)
	case !*yes:
		fmt.Fprintf(&text, "\nNothing was written. With --yes this becomes %s.\n", target)
		return nil
	default:
		if err := writeFile(target, wanted); err != nil {
			return err
		}
		fmt.Fprintf(&text, "\nWrote %s.\n", target)
	}
	fmt.Fprintf(&text, "To load it now: sysctl -p %s\n", target)
	others, err := otherProfiles(*directory, p)
	if err != nil {
		return err
	}
	for _, other := range others {
		fmt.Fprintf(&text, "%s sets the same names; of two files the later name wins. Remove the one that is not meant.\n", other)
	}
	return nil
}

// otherProfiles lists files of other profiles in the directory: all of them are loaded at boot, in the order of their names.
func otherProfiles(directory string, p *Profile) ([]string, error) {
	var found []string
	for _, other := range profiles {
		if other == p {
			continue
		}
		name := filepath.Join(directory, SysctlFileName(other))
		switch _, err := os.Stat(name); {
		case err == nil:
			found = append(found, name)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return found, nil
}

// writeFile replaces a file as a whole: readers and a crash see the old one or the new one, never a part. The temporary name
// does not end in .conf, so nothing loads it.
func writeFile(target string, text []byte) (err error) {
	directory := filepath.Dir(target)
	file, err := os.CreateTemp(directory, "."+filepath.Base(target)+".*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", target, err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("cannot write %s: %w", target, err)
			_ = file.Close() // a second Close only says so
			_ = os.Remove(file.Name())
		}
	}()
	if _, err := file.Write(text); err != nil {
		return err
	}
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), target); err != nil {
		return err
	}
	folder, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	return folder.Sync()
}
