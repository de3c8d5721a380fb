package config

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// withoutOrigins copies a snapshot without the notes of where secrets came from, for comparing what they are.
func withoutOrigins(s *Snapshot) *Snapshot {
	c := *s
	c.Providers, c.Keys = slices.Clone(s.Providers), slices.Clone(s.Keys)
	c.Redis.URL, c.AdminToken = NewSecret(s.Redis.URL.Reveal()), NewSecret(s.AdminToken.Reveal())
	for i := range c.Providers {
		p := &c.Providers[i]
		p.Keys, p.Headers = slices.Clone(p.Keys), slices.Clone(p.Headers)
		for j := range p.Keys {
			p.Keys[j].Value = NewSecret(p.Keys[j].Value.Reveal())
		}
		for j := range p.Headers {
			p.Headers[j].Value = NewSecret(p.Headers[j].Value.Reveal())
		}
	}
	for i := range c.Keys {
		c.Keys[i].origin = ""
	}
	c.files, c.Warnings, c.Source, c.literal = nil, nil, "", false
	return &c
}

// revealed prints a snapshot with its secrets, which only tests do.
func revealed(s *Snapshot) []byte {
	return s.print(func(secret Secret) string { return quote(secret.Reveal()) },
		func(k Key) (name, value string) { return "sha256", hex.EncodeToString(k.Digest[:]) })
}

// checkRoundTrip prints a snapshot in both ways and reads it back.
func checkRoundTrip(tb testing.TB, s *Snapshot, env Environment) {
	tb.Helper()
	if again := mustParse(tb, string(revealed(s)), env); !bytes.Equal(revealed(again), revealed(s)) {
		tb.Errorf("second print:\n%s\nfirst:\n%s", revealed(again), revealed(s))
	} else {
		equal(tb, "revealed", withoutOrigins(again), withoutOrigins(s))
	}
	printed := s.Print()
	if !bytes.Contains(printed, []byte(`"`+masked+`"`)) {
		again := mustParse(tb, string(printed), env)
		equal(tb, "printed", again.Print(), printed)
		equal(tb, "printed", withoutOrigins(again), withoutOrigins(s))
		for i := range s.Keys {
			equal(tb, "origin", again.Keys[i].origin, s.Keys[i].origin)
		}
		return
	}
	if got := faultsOf(tb, string(printed), env); got == "" {
		tb.Errorf("a masked secret was taken for one:\n%s", printed)
	}
}

func TestPrintReadsBack(t *testing.T) {
	env := testEnvironment(t)
	for _, text := range []string{
		"",
		contract,
		strings.NewReplacer("value: second", "value: \"${NAME}\"", ", X-Team: \"a $$5 team\"", "", "redis://user:hidden@127.0.0.1:6379", "${URL}").Replace(contract),
		"keys: [{name: \"a\\u00e9\\u4e2d\\\"\\\\\", value: abcdefgh}]",
		"admin: off\nlisten: [\"[::1]:0\", \"unix:./a b\"]\nlog: {access: ./a$$b.log}",
		"admin: {address: \":9090\", token: \"${KEY}\"}",
		"admin: {address: off, token: file:/run/secret}",
		"listen: {address: \"127.0.0.1:8443\", tls: {cert: server.pem, key: server.key, client_ca: server.pem, client_auth: request}}",
		"listen: {address: \"127.0.0.1:8443\", tls: {certificates: [{cert: server.pem, key: server.key}, {cert: server.pem, key: server.key}]}}",
		"state: {dir: \"'a: b' # c\\t\\u0085\\u2028\"}",
	} {
		env := with(env, "URL", "redis://127.0.0.1")
		checkRoundTrip(t, mustParse(t, text, env), env)
	}
}

func TestPrintNamesOrigins(t *testing.T) {
	printed := string(mustParse(t, contract, testEnvironment(t)).Print())
	for _, want := range []string{
		`- value: "${KEY}"`, `- value: "file:/run/secret"`, `- value: "[secret]"`, `"x-team": "[secret]"`, `url: "[secret]"`,
		`    value: "${KEY}"`, `sha256: 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b`,
	} {
		if !strings.Contains(printed, want+"\n") {
			t.Errorf("no %s in\n%s", want, printed)
		}
	}
	if strings.Contains(printed, "hidden") || strings.Contains(printed, "second") {
		t.Errorf("a secret is in\n%s", printed)
	}
}
