package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// writePID puts this process's id into the file, at once, so that nobody reads half of it.
func writePID(path string) error {
	if path == "" {
		return nil
	}
	next := path + "." + strconv.Itoa(os.Getpid())
	err := os.WriteFile(next, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644)
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		_ = os.Remove(next)
		return fmt.Errorf("cannot write the PID file: %w", err)
	}
	return nil
}

// readPID is the process id in the file.
func readPID(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("%s holds no process id", path)
	}
	return pid, nil
}

// removePID takes the file away, unless it is another process's by now.
func removePID(path string) {
	if pid, err := readPID(path); err == nil && pid == os.Getpid() {
		_ = os.Remove(path)
	}
}
