package config

import (
	"io/fs"
	"maps"
	"testing"
)

// fakeEnvironment is an Environment without a system behind it.
type fakeEnvironment struct {
	variables map[string]string
	files     map[string]string
}

func (e fakeEnvironment) Lookup(name string) (string, bool) {
	value, ok := e.variables[name]
	return value, ok
}

func (e fakeEnvironment) ReadFile(path string) ([]byte, error) {
	content, ok := e.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

// testEnvironment is what the cases in testdata rely on.
func testEnvironment(tb testing.TB) fakeEnvironment {
	tb.Helper()
	cert, key := testPair(tb)
	_, other := testPair(tb)
	return fakeEnvironment{
		variables: map[string]string{
			"KEY": "hidden-0123456789", "EMPTY": "", "KIND": "hidden-kind", "NUMBER": "7", "BROKEN": "hidden\nline",
			"BINARY": "hidden\x00", "SPACED": "hidden key", "NAME": "local", "FILED": "file:/run/secret", "PORT": "8081",
		},
		files: map[string]string{
			"/run/secret": "hidden-from-file\n", "/run/lines": "hidden-1\nhidden-2\n", "/run/empty": "\n",
			"/run/short": "hidden", "/run/long": string(make([]byte, secretLimitBytes+1)),
			"server.pem": cert, "server.key": key, "other.key": other, "notes.txt": "hidden notes",
		},
	}
}

func with(env fakeEnvironment, name, value string) fakeEnvironment {
	env.variables = maps.Clone(env.variables)
	env.variables[name] = value
	return env
}
