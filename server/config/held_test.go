package config

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

// holdsText looks for text in everything that can be reached from v, unexported fields included.
func holdsText(v reflect.Value, text string, seen map[uintptr]bool) bool {
	switch v.Kind() {
	case reflect.String:
		return strings.Contains(v.String(), text)
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return false
		}
		seen[v.Pointer()] = true
		return holdsText(v.Elem(), text, seen)
	case reflect.Interface:
		return !v.IsNil() && holdsText(v.Elem(), text, seen)
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if holdsText(v.Index(i), text, seen) {
				return true
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if holdsText(v.Field(i), text, seen) {
				return true
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			if holdsText(k, text, seen) || holdsText(v.MapIndex(k), text, seen) {
				return true
			}
		}
	}
	return false
}

// TestClientKeysAreNotHeld: once a configuration is read, nothing of it holds the text of a client's key, wherever the key came from.
// Those of providers are held, since they have to be sent; that they are found shows that the search finds.
func TestClientKeysAreNotHeld(t *testing.T) {
	env := fakeEnvironment{
		variables: map[string]string{"TEAM": marker + "-variable"},
		files:     map[string]string{"/run/key": marker + "-file\n"},
	}
	const clients = "keys:\n  - {name: a, value: " + marker + "-literal}\n  - {name: b, value: \"${TEAM}\"}\n  - {name: c, value: \"file:/run/key\"}\n" +
		"  - {name: d, value: \"${NONE:-" + marker + "-default}\"}\n"
	s := mustParse(t, clients, env)
	if len(s.Keys) != 4 || holdsText(reflect.ValueOf(s), marker, map[uintptr]bool{}) {
		t.Errorf("%d keys, and the text of one is held", len(s.Keys))
	}
	s = mustParse(t, "providers: [{kind: openai, keys: [\"${TEAM}\"]}]\n", env)
	if !holdsText(reflect.ValueOf(s), marker, map[uintptr]bool{}) {
		t.Error("the key of a provider is not found, so the search finds nothing")
	}
}

// modedEnvironment has files with the same mode each.
type modedEnvironment struct {
	fakeEnvironment
	mode fs.FileMode
}

func (e modedEnvironment) FileMode(string) (fs.FileMode, bool) { return e.mode, true }

func TestOpenFilesAreWarnedOf(t *testing.T) {
	const text = "listen: {address: \"127.0.0.1:8443\", tls: {cert: server.pem, key: server.key}}\n" +
		"providers: [{kind: openai, keys: [\"file:/run/secret\"]}]\nadmin: {token: \"file:/run/secret\"}\n"
	warned := func(mode fs.FileMode) string {
		return strings.Join(mustParse(t, text, modedEnvironment{testEnvironment(t), mode}).Warnings, "\n")
	}
	for _, mode := range []fs.FileMode{0o600, 0o640, 0o400, 0o660} {
		if w := warned(mode); w != "" {
			t.Errorf("mode %o: %s", mode, w)
		}
	}
	w := warned(0o644)
	for _, key := range []string{"listen.tls.key", "providers[0].keys[0]", "admin.token"} {
		if !strings.Contains(w, key+": the file /run/secret holds a secret") && !strings.Contains(w, key+": the file server.key holds a secret") {
			t.Errorf("no warning of %s in\n%s", key, w)
		}
	}
	if strings.Contains(w, "server.pem") || strings.Contains(w, "hidden") {
		t.Errorf("too much is said:\n%s", w)
	}
}

// TestOpenConfigurationIsWarnedOf: a file with secrets written out in it is as much a secret as they are.
func TestOpenConfigurationIsWarnedOf(t *testing.T) {
	for text, want := range map[string]bool{
		"providers: [{kind: openai, keys: [written-out]}]":              true,
		"keys: [{name: a, value: written-out}]":                         true,
		"admin: {token: written-out-in-the-file}":                       true,
		"providers: [{kind: openai, keys: [\"${KEY}\"]}]":               false,
		"providers: [{kind: openai, headers: {X-A: \"a ${KEY}\"}}]":     false,
		"providers: [{kind: openai, keys: [\"${EMPTY:-}\"]}]":           false,
		"keys: [{name: a, sha256: " + strings.Repeat("0a", 32) + "}]\n": false,
		"": false,
	} {
		for _, mode := range []fs.FileMode{0o600, 0o640, 0o644} {
			env := modedEnvironment{testEnvironment(t), mode}
			env.files["penstock.yaml"] = text
			s, err := Load("penstock.yaml", env)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(strings.Join(s.Warnings, "\n"), "penstock.yaml: the file penstock.yaml holds a secret"); got != (want && mode == 0o644) {
				t.Errorf("%s with mode %o: %q", text, mode, s.Warnings)
			}
		}
	}
}
