package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Environment is what a configuration may read besides its own text. Tests bring their own.
type Environment interface {
	// Lookup returns the value of an environment variable and whether it is set.
	Lookup(name string) (string, bool)
	// ReadFile returns a file's content; the bytes are the caller's.
	ReadFile(path string) ([]byte, error)
}

// FileModes is an Environment that knows who may read a file. Without it nobody is warned of files that are open to all.
type FileModes interface {
	FileMode(path string) (fs.FileMode, bool)
}

// System is the process's own environment; Load, Parse and FromEnvironment use it when given nil.
var System Environment = systemEnvironment{}

type systemEnvironment struct{}

func (systemEnvironment) Lookup(name string) (string, bool) { return os.LookupEnv(name) }

// ReadFile reads one byte more than any file may have, so that the caller sees that it is too long, and never endlessly
// from a device.
func (systemEnvironment) ReadFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, fileLimitBytes+1))
}

// FileMode implements FileModes.
func (systemEnvironment) FileMode(path string) (fs.FileMode, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return info.Mode(), info.Mode().IsRegular()
}

// readFailure says why a file cannot be read, in words that hold neither path nor content.
func readFailure(err error) string {
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission to read it is denied"
	case errors.Is(err, syscall.EISDIR):
		return "it is a directory"
	case errors.As(err, &errno):
		return errno.Error()
	}
	return "it cannot be read"
}

func orSystem(env Environment) Environment {
	if env == nil {
		return System
	}
	return env
}
