package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/goccy/go-yaml"
)

const marker = "MARKER-of-a-secret"

// everyForm prints a value in all the ways that code commonly does.
func everyForm(tb testing.TB, value any) string {
	tb.Helper()
	var b strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&b, verb, value)
	}
	for _, marshal := range []func(any) ([]byte, error){json.Marshal, sonic.Marshal, yaml.Marshal} {
		text, err := marshal(value)
		if err != nil {
			tb.Fatal(err)
		}
		b.Write(text)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("value", "value", value)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("value", "value", value)
	return b.String()
}

func TestSecretNeverPrints(t *testing.T) {
	secret := NewSecret(marker)
	type unexported struct{ inside Secret }
	for _, value := range []any{
		secret, &secret,
		[]Secret{secret},
		map[string]Secret{"a": secret},
		struct{ A Secret }{secret},
		unexported{secret},
		&unexported{secret},
		Provider{Keys: []ProviderKey{{Value: secret}}, Headers: []Header{{Value: secret}}},
		&Snapshot{Redis: Redis{URL: secret}},
	} {
		if text := everyForm(t, value); leaks(text) {
			t.Errorf("%T shows its secret: %s", value, text)
		}
	}
	equal(t, "v", fmt.Sprintf("%v|%+v|%#v|%s|%q", secret, secret, secret, secret, secret), strings.Repeat(masked+"|", 4)+masked)
	equal(t, "methods", secret.String()+secret.GoString(), masked+masked)
	text, _ := encoding.TextMarshaler(secret).MarshalText()
	equal(t, "text", string(text), masked)
	encoded, _ := json.Marshal(secret)
	equal(t, "json", string(encoded), `"`+masked+`"`)
	equal(t, "reveal", secret.Reveal(), marker)
	equal(t, "zero", Secret{}.IsZero() && NewSecret("").IsZero() && Secret{}.Reveal() == "" && !secret.IsZero(), true)
}

// leaks finds the marker as text, and in the hexadecimal that %x makes of it.
func leaks(text string) bool {
	return strings.Contains(text, marker) || strings.Contains(text, fmt.Sprintf("%x", marker))
}

// secretPlaces are files with one place for a secret each, marked @.
var secretPlaces = []string{
	"providers:\n  - kind: openai\n    keys: [@]\n",
	"providers:\n  - kind: openai\n    keys:\n      - @\n",
	"providers:\n  - kind: openai\n    keys: @\n",
	"providers:\n  - kind: openai\n    keys: [{value: @, weight: 2}]\n",
	"providers:\n  - kind: openai\n    keys: [{@, weight: 2}]\n",
	"providers:\n  - kind: openai\n    headers: {X-Key: @}\n",
	"providers:\n  - kind: openai\n    headers:\n      X-Key: @\n",
	"keys:\n  - name: a\n    value: @\n",
	"keys:\n  - name: a\n    value: &a @\n  - {name: b, value: *a}\n",
	"keys: [@]\n",
	"keys:\n  - name: a\n    sha256: @\n",
	"keys:\n  - name: a\n    @\n",
	"redis:\n  url: @\n",
	"admin: {address: off, token: @}\n",
	"admin: {address: off, @}\n",
	"redis: {url: redis://user:@@host, db: 1}\n",
	"x-secret: @\n",
	"providers:\n  - kind: openai\n    base_url: https://user:@@host/v1\n",
	"providers:\n  - kind: openai\n    base_url: https://host/v1?key=@\n",
	"trace: {otlp: 'https://user:@@host/'}\n",
}

// secretForms are the ways to write text in YAML, and to have it elsewhere.
var secretForms = []func(string) string{
	func(s string) string { return s },
	quoteRaw,
	func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" },
	func(s string) string { return "|\n          " + s },
	func(string) string { return "${SECRET}" },
	func(string) string { return "a-${SECRET}-${NONE}" },
	func(string) string { return "${NONE:-" + marker + "}" },
	func(string) string { return "file:/secret" },
	func(string) string { return "\"${SECRET}" },
	func(s string) string { return "[" + s + ", {a: " + s + "}]" },
}

func checkNoLeak(tb testing.TB, place, form int, more string) {
	tb.Helper()
	secret := marker + more
	env := fakeEnvironment{map[string]string{"SECRET": secret}, map[string]string{"/secret": secret}}
	text := strings.ReplaceAll(strings.Replace(secretPlaces[place], "@", secretForms[form](secret), 1), "@@", "@")
	s, err := Parse("penstock.yaml", []byte(text), env)
	if err != nil {
		if leaks(fmt.Sprintf("%v%+v%#v%q", err, err, err, err)) {
			tb.Errorf("a fault shows the secret:\n%s\n%v", text, err)
		}
		return
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		tb.Fatal(err)
	}
	if all := fmt.Sprintf("%v%+v%#v", s, s, s) + string(encoded) + string(s.Print()); leaks(all) {
		tb.Errorf("the snapshot shows the secret:\n%s\n%s", text, all)
	}
}

func TestSecretsNeverLeave(t *testing.T) {
	for place := range secretPlaces {
		for form := range secretForms {
			for _, more := range []string{"", " x", "\ny: z", ": 1", "]", "}", "\"", "\x00", "$", "${", "#", strings.Repeat("z", 70)} {
				checkNoLeak(t, place, form, more)
			}
		}
	}
}

func FuzzSecrets(f *testing.F) {
	for place := range secretPlaces {
		f.Add(uint8(place), uint8(place), ": x")
	}
	f.Fuzz(func(t *testing.T, place, form uint8, more string) {
		checkNoLeak(t, int(place)%len(secretPlaces), int(form)%len(secretForms), more)
	})
}
