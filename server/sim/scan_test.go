package sim

import (
	"encoding/json"
	"strings"
	"testing"
)

var jsonCases = []string{
	`{}`, ` { } `, `{"a":1}`, `{"a":"x","b":[1,2,{"c":null}]}`, `{"a":-0.5e+7}`, `{"a":"\u00e9\n\"\\\/"}`, `{"a":true,"b":false}`,
	"{\"a\":\"" + strings.Repeat("long text without anything special ", 9) + "\"}",
	"{\"a\":\"" + strings.Repeat("x", 31) + "\x1f\"}", "{\"a\":\"tab\there\"}", `{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`,
	`{"a":1e}`, `{"a":tru}`, `{"a":nul}`, `{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"unfinished`, `{"a":1,}`, `{"a"}`, `{,}`, `{"a":1 "b":2}`,
	`[1,2]`, `"x"`, `{"a":[1,]}`, `{"a":[`, `{"a":{`, `{}x`, ``, ` `, `{"a":1}}`, `{"a":--1}`, `{"a":"é🌍"}`, `{1:2}`, "{\"a\":\v1}",
	`{"a":"` + strings.Repeat(`\\`, 20) + `"}`, `{"a":"` + strings.Repeat(`\"`, 20) + `"}`,
	"{\"a\":\"" + strings.Repeat("x", 32) + "\x00" + strings.Repeat("y", 40) + "\"}",
}

func isObject(s string) bool {
	return json.Valid([]byte(s)) && strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{")
}

func TestMembersTakesWhatIsJSON(t *testing.T) {
	for _, s := range jsonCases {
		if got, want := members([]byte(s), func(_, _ []byte) {}), isObject(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
	deep := strings.Repeat(`{"a":`, jsonDepthLimit+2) + "1" + strings.Repeat("}", jsonDepthLimit+2)
	if members([]byte(deep), func(_, _ []byte) {}) {
		t.Error("no bound on depth")
	}
}

func TestMembersFindsValues(t *testing.T) {
	var got []string
	members([]byte(` { "a" : [1, "]"] , "b\"c":"x" ,"d": {"a":2} } `), func(k, v []byte) { got = append(got, string(k)+"="+string(v)) })
	if s := strings.Join(got, ";"); s != `a=[1, "]"];b\"c="x";d={"a":2}` {
		t.Fatal(s)
	}
}

func FuzzMembers(f *testing.F) {
	for _, s := range jsonCases {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 4*jsonDepthLimit {
			return // deeper than the bound
		}
		var keys, values [][]byte
		ok := members([]byte(s), func(k, v []byte) { keys, values = append(keys, k), append(values, v) })
		if ok != isObject(s) {
			t.Fatalf("%q: %v", s, ok)
		}
		if !ok {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(s), &want); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if !json.Valid(v) {
				t.Fatalf("%q: value %q", s, v)
			}
			var key string
			if json.Unmarshal([]byte(`"`+string(keys[i])+`"`), &key) != nil {
				t.Fatalf("%q: key %q", s, keys[i])
			}
			if _, ok := want[key]; !ok {
				t.Fatalf("%q: key %q is not there", s, key)
			}
		}
	})
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"plain", "a\"b\\c\n\t\x00", "Grüße 🌍", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		escaped := appendEscaped(nil, s)
		if back := string(appendUnescaped(nil, escaped)); back != s {
			t.Fatalf("%q became %q became %q", s, escaped, back)
		}
		end, joined := 0, ""
		for end < len(escaped) {
			next := nextPiece(escaped, end)
			if next <= end {
				t.Fatal("no progress")
			}
			joined += string(appendUnescaped(nil, escaped[end:next]))
			end = next
		}
		if joined != s {
			t.Fatalf("pieces of %q make %q", s, joined)
		}
	})
}

func TestUnescape(t *testing.T) {
	for raw, want := range map[string]string{
		`a\u0026b`: "a&b", `\ud83c\udf0d`: "🌍", `\b\f\n\r\t\/\\\"`: "\b\f\n\r\t/\\\"", `\ud83cx`: "\ufffdx",
	} {
		if got := string(appendUnescaped(nil, []byte(raw))); got != want {
			t.Errorf("%q is %q, want %q", raw, got, want)
		}
	}
}
