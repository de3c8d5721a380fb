package auth

import (
	"strings"
	"testing"
)

func TestCredential(t *testing.T) {
	const absent = "-"
	check := func(authorization, xAPIKey, xGoogAPIKey, apiKey, want string) {
		t.Helper()
		field := func(s string) []byte {
			if s == absent {
				return nil
			}
			return []byte(s)
		}
		got := Credential(field(authorization), field(xAPIKey), field(xGoogAPIKey), field(apiKey))
		if string(got) != want || (got == nil) != (want == "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	only := func(authorization, want string) { t.Helper(); check(authorization, absent, absent, absent, want) }
	only(absent, "")
	only("Bearer k", "k")
	only("bearer k", "k")
	only("BEARER k", "k")
	only("BeArEr k", "k")
	only("Bearer    k", "k")
	only("Bearer \t k", "k")
	only("  Bearer k  ", "k")
	only("Bearer sk-ant-_.~+/09==", "sk-ant-_.~+/09==")
	only("", "")
	only("Bearer", "")
	only("Bearer ", "")
	only("Bearerk", "")
	only("Bearer=k", "")
	only("Beare k", "")
	only("Basic dTpw", "")
	only("k", "")
	only("Bearer a b", "")
	only("Bearer a, Bearer b", "")
	only("Bearer a\x00", "")
	only("Bearer a\x7f", "")
	only("\x02earer k", "") // differs from 'b' in the bits that case folding touches

	check(absent, "k", absent, absent, "k")
	check(absent, " k\t", absent, absent, "k")
	check(absent, "a b", absent, absent, "")
	check(absent, absent, "k", absent, "k")
	check(absent, absent, absent, "k", "k")
	check(absent, absent, absent, "k\x01", "")
	check("Bearer a", "x", "g", "z", "x")
	check("Bearer a", absent, "g", "z", "a")
	check(absent, absent, "g", "z", "g")
	check("Bearer a", "", "g", "z", "a") // an SDK without a key sends an empty field
	check(" ", " \t", "", "z", "z")
	check("Basic a", absent, "g", "z", "") // what counts is malformed
	check("Bearer a", "b c", absent, absent, "")
}

func mustTable(t testing.TB, entries ...Entry) *Table {
	t.Helper()
	table, err := NewTable(entries)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func entry(id int, name, secret string, models ...string) Entry {
	return Entry{Key: Key{Name: name, ID: id, Models: models}, Digest: Digest([]byte(secret))}
}

func TestLookup(t *testing.T) {
	table := mustTable(t, entry(0, "a", "secret-a"), entry(1, "b", "secret-b"), entry(1, "b", "secret-b-next"))
	check := func(secret, want string) {
		t.Helper()
		k := table.Lookup([]byte(secret))
		if k == nil && want != "" || k != nil && k.Name != want {
			t.Errorf("Lookup(%q) is %v, want %q", secret, k, want)
		}
	}
	check("secret-a", "a")
	check("secret-b", "b")
	check("secret-b-next", "b")
	check("secret-c", "")
	check("secret-", "")
	check("secret-aa", "")
	check("Secret-a", "")
	check("", "")
	check(strings.Repeat("x", 100_000), "")
	if table.Lookup(nil) != nil || mustTable(t).Lookup([]byte("a")) != nil {
		t.Error("a key out of nothing")
	}
	if table.Len() != 3 || table.Lookup([]byte("secret-b-next")).ID != 1 {
		t.Errorf("%d entries", table.Len())
	}
	digest := Digest([]byte("secret-a"))
	if table.Lookup(digest[:]) != nil {
		t.Error("the digest is taken for the secret")
	}
}

// TestTableIsACopy makes sure that nobody can change a table by what it was made from.
func TestTableIsACopy(t *testing.T) {
	entries := []Entry{entry(0, "a", "secret-a", "fast")}
	table := mustTable(t, entries...)
	entries[0].Key.Models[0], entries[0].Key.Name = "*", "z"
	k := table.Lookup([]byte("secret-a"))
	if k.Name != "a" || k.Allows([]byte("other")) {
		t.Errorf("%+v", k)
	}
}

func TestNewTableRefuses(t *testing.T) {
	check := func(want string, entries ...Entry) {
		t.Helper()
		table, err := NewTable(entries)
		if err == nil || table != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
			return
		}
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
	check(`keys "a" and "b" have the same value`, entry(0, "a", "secret"), entry(1, "b", "secret"))
	check(`key "a" has no value`, entry(0, "a", ""))
	check(`key "a" has no value`, Entry{Key: Key{Name: "a"}})
}

func TestAllows(t *testing.T) {
	check := func(model string, want bool, models ...string) {
		t.Helper()
		if k := (&Key{Models: models}); k.Allows([]byte(model)) != want {
			t.Errorf("%v allows %q: %v", models, model, !want)
		}
	}
	check("anything", true)
	check("", true)
	check("fast", true, "fast", "openai/*")
	check("openai/gpt-5", true, "fast", "openai/*")
	check("openai/a/b:c", true, "fast", "openai/*")
	check("openai", false, "fast", "openai/*")
	check("faster", false, "fast", "openai/*")
	check("xopenai/gpt", false, "fast", "openai/*")
	check("", false, "fast", "openai/*")
	check("gpt-5", true, "*")
	check("", true, "*")
	check("a-b-c", true, "a*b*c")
	check("a-c-b", false, "a*b*c")
	check(strings.Repeat("a", 3000), false, "*")
}
