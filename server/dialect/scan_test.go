package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/bytedance/sonic/encoder"
)

func scan(t testing.TB, body string) *Scan {
	t.Helper()
	s := new(Scan)
	if err := s.JSON([]byte(body)); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return s
}

func TestScanFields(t *testing.T) {
	s := scan(t, " \t\r\n{ \"model\" : \"gpt-5\" , \"stream\":true,\"max_tokens\":12,\"max_completion_tokens\":300, \"x\":{\"model\":\"no\",\"stream\":false} } \n")
	if string(s.Model) != "gpt-5" || !s.HasModel || !s.Stream || !s.StreamSet || s.MaxTokens != 300 || s.HasOptions {
		t.Errorf("%+v", s)
	}
	s = scan(t, `{}`)
	if s.HasModel || s.StreamSet || s.MaxTokens != -1 {
		t.Errorf("%+v", s)
	}
	s = scan(t, `{"stream":null,"stream_options":null,"max_tokens":null}`)
	if s.Stream || s.StreamSet || !s.HasOptions || !s.OptionsNull || s.MaxTokens != -1 {
		t.Errorf("%+v", s)
	}
	s = scan(t, `{"stream":false,"stream_options":{"include_obfuscation":false,"include_usage":true}}`)
	if s.Stream || !s.StreamSet || !s.HasInclude || !s.IncludeUsage {
		t.Errorf("%+v", s)
	}
	body := `{"mod\u0065l":"a\/b\u00e9\ud83c\udf0d\ud800x","\u0073tream":true,"stream\u005foptions":{"include\u005Fusage":null}}`
	s = scan(t, body)
	if string(s.Model) != "a/bé🌍\uFFFDx" || !s.Stream || !s.HasInclude || s.IncludeUsage || body[s.ModelAt] != '"' || body[s.ModelEnd-1] != '"' {
		t.Errorf("%q %+v", s.Model, s)
	}
	for value, want := range map[string]int64{"0": 0, "1.0": -1, "-1": -1, "1e3": -1, `"5"`: -1, "99999999999999999999": 1<<63 - 1, "9223372036854775807": 1<<63 - 1} {
		if s := scan(t, `{"max_output_tokens":`+value+`}`); s.MaxTokens != want {
			t.Errorf("%s: %d", value, s.MaxTokens)
		}
	}
	// Reuse leaves nothing behind.
	s = scan(t, `{"model":"a","stream":true,"stream_options":{"include_usage":true},"max_tokens":1}`)
	if err := s.JSON([]byte(`{"x":1}`)); err != nil || s.HasModel || s.Model != nil || s.Stream || s.StreamSet || s.HasOptions || s.HasInclude || s.IncludeUsage || s.MaxTokens != -1 {
		t.Errorf("%v %+v", err, s)
	}
}

func TestScanFixtures(t *testing.T) {
	want := map[string]string{
		"openai/chat-basic.request.json": "gpt-6-luna", "openai/embeddings-base64.request.json": "text-embedding-3-small",
		"anthropic/messages-basic.request.json": "claude-haiku-5-5",
	}
	for name, body := range fixtures(t, ".request.json") {
		s := scan(t, string(body))
		var v struct {
			Model     string
			Stream    bool
			MaxTokens *int64 `json:"max_tokens"`
		}
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		if string(s.Model) != v.Model || s.Stream != v.Stream || v.MaxTokens != nil && *v.MaxTokens != s.MaxTokens {
			t.Errorf("%s: %q %v %d", name, s.Model, s.Stream, s.MaxTokens)
		}
		if want[name] != "" && want[name] != v.Model {
			t.Errorf("%s: %s", name, v.Model)
		}
		for i := range len(bytes.TrimRight(body, "\n")) { // no beginning of a body is a body
			if new(Scan).JSON(body[:i]) == nil {
				t.Fatalf("%s: accepted at %d", name, i)
			}
		}
	}
}

func TestScanRefuses(t *testing.T) {
	no := func(body string, offset int, param string) {
		t.Helper()
		err := new(Scan).JSON([]byte(body))
		var e *ScanError
		if !errors.As(err, &e) {
			t.Errorf("%q accepted", body)
		} else if e.Offset != offset || e.Param != param || e.Reason == "" {
			t.Errorf("%q: %+v, want %d %q", body, *e, offset, param)
		}
	}
	no("", 0, "")
	no("  ", 2, "")
	no("\xEF\xBB\xBF{}", 0, "")
	no("[]", 0, "")
	no(`"x"`, 0, "")
	no("{} x", 3, "")
	no("{}{}", 2, "")
	no("{}\x00", 2, "")
	no("{", 1, "")
	no(`{"a"`, 4, "")
	no(`{"a" 1}`, 5, "")
	no(`{"a":}`, 5, "")
	no(`{"a":1,}`, 7, "")
	no(`{,}`, 1, "")
	no(`{"a":1 "b":2}`, 7, "")
	no(`{a:1}`, 1, "")
	no(`{'a':1}`, 1, "")
	no(`{"a":[1,]}`, 8, "")
	no(`{"a":[1}`, 7, "")
	no(`{"a":{"b":1]}`, 11, "")
	no(`{"a":tru}`, 8, "")
	no(`{"a":nul`, 8, "")
	no(`{"a":True}`, 5, "")
	no(`{"a":NaN}`, 5, "")
	no(`{"a":01}`, 6, "")
	no(`{"a":-}`, 6, "")
	no(`{"a":+1}`, 5, "")
	no(`{"a":.5}`, 5, "")
	no(`{"a":1.}`, 7, "")
	no(`{"a":1e}`, 7, "")
	no(`{"a":1e+}`, 8, "")
	no(`{"a":1/**/}`, 6, "")
	no("{\"a\":\"\n\"}", 6, "")
	no("{\"a\":\"0123456789\x1f0123456789\"}", 16, "")
	no("{\"a\x00\":1}", 3, "")
	no(`{"a":"\x"}`, 7, "")
	no(`{"a":"\u12g4"}`, 10, "")
	no(`{"a":"\u12`, 10, "")
	no(`{"a":"\`, 7, "")
	no(`{"a":"x`, 7, "")
	no(`{"model":"a","model":"a"}`, 13, "model")
	no(`{"model":"a","mod\u0065l":"b"}`, 13, "model")
	no(`{"model":"a","Model":"b"}`, 13, "model")
	no(`{"MODEL":"b","model":"a"}`, 1, "model")
	no(`{"Model":5}`, 1, "model")
	no(`{"x":1,"STREAM":true}`, 7, "stream")
	no(`{"Stream_options":{}}`, 1, "stream_options")
	no(`{"stream":true,"stream":true}`, 15, "stream")
	no(`{"stream":null,"stream":true}`, 15, "stream")
	no(`{"stream_options":null,"stream_options":{}}`, 23, "stream_options")
	no(`{"stream_options":{"include_usage":true,"include_usage":true}}`, 40, "stream_options.include_usage")
	no(`{"stream_options":{"include_usage":true,"Include_Usage":false}}`, 40, "stream_options.include_usage")
	no(`{"stream_options":{"include_usage":1}}`, 35, "stream_options.include_usage")
	no(`{"stream_options":[]}`, 18, "stream_options")
	no(`{"stream_options":{"a":1,}}`, 25, "")
	no(`{"stream":"true"}`, 10, "stream")
	no(`{"stream":1}`, 10, "stream")
	no(`{"model":null}`, 9, "model")
	no(`{"model":5}`, 9, "model")
	no(`{"model":["a"]}`, 9, "model")
	no(`{"model":"`+strings.Repeat("a", 257)+`"}`, 9, "model")
	no(`{"model":"\u0061`+strings.Repeat("a", 256)+`"}`, 9, "model")
	no(`{"a":`+strings.Repeat("[", 512)+strings.Repeat("]", 512)+`}`, 5+511, "")
	no(strings.Repeat(`{"a":`, 513)+"1"+strings.Repeat("}", 513), 5*512, "")
	scan(t, strings.Repeat(`{"a":`, 512)+"1"+strings.Repeat("}", 512))
	scan(t, `{"a":`+strings.Repeat("[", 511)+strings.Repeat("]", 511)+`}`)
	scan(t, `{"a":`+strings.Repeat(`{"b":`, 511)+"1"+strings.Repeat("}", 511)+`}`)
	scan(t, `{"model":"`+strings.Repeat("a", 256)+`"}`)
	scan(t, `{"Models":5,"streams":"x","Max_Tokens":1}`)
	if got := new(Scan).JSON([]byte(`{"model":1}`)).Error(); !strings.Contains(got, "byte 9") || !strings.Contains(got, "model") {
		t.Error(got)
	}
}

// Every byte at every place of a string, short and long, is seen for what it is.
func TestScanStringBytes(t *testing.T) {
	check := func(n, from int) {
		for at := from; at < n; at++ {
			for _, c := range []byte{0, 0x1f, '"', '\\', 0x20, 0x7f, 0x80, 0xa2, 0xdc, 0xff} {
				b := bytes.Repeat([]byte{'x'}, n)
				b[at] = c
				want := n
				if c < 0x20 || c == '"' || c == '\\' {
					want = at
				}
				if got := specialAt(b, 0); got != want {
					t.Fatalf("%d bytes, %#x at %d: %d", n, c, at, got)
				}
			}
		}
	}
	for n := range 100 {
		check(n, 0)
	}
	check(300, 100)
	check(longStringBytes+wordBytes+windowBytes+50, longStringBytes+windowBytes-50)
}

// The reason for a validator of our own. When this fails, sonic has become strict and the choice is open again.
func TestSonicIsLax(t *testing.T) {
	for _, body := range []string{"{\"a\":\"\x01\"}", `{"a":"\x"}`, `{"a":"\u00zz"}`} {
		if ok, _ := encoder.Valid([]byte(body)); !ok || json.Valid([]byte(body)) {
			t.Errorf("%q: sonic %v, encoding/json %v", body, ok, json.Valid([]byte(body)))
		}
	}
}

type member struct {
	key        string
	value      json.RawMessage
	start, end int
}

// members is encoding/json's view of an object's members.
func members(object []byte) (list []member, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, err
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		end := int(d.InputOffset())
		list = append(list, member{k.(string), v, end - len(v), end})
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("trailing bytes")
	}
	return list, nil
}

func depth(b []byte) (deepest int) {
	d, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch {
		case inString && b[i] == '\\':
			i++
		case b[i] == '"':
			inString = !inString
		case inString:
		case b[i] == '{' || b[i] == '[':
			d++
			deepest = max(deepest, d)
		case b[i] == '}' || b[i] == ']':
			d--
		}
	}
	return deepest
}

// acceptable says whether a body that encoding/json takes is one that we take too. What we refuse beyond it: other tops than an
// object, more than 512 levels, routed keys twice, in capitals or of the wrong type, models beyond 256 bytes.
func acceptable(body []byte) bool {
	list, err := members(body)
	if err != nil || depth(body) > depthLimit {
		return false
	}
	seen := map[string]bool{}
	refused := func(key string, names ...string) bool {
		for _, n := range names {
			if key != n && len(key) == len(n) && strings.EqualFold(key, n) {
				return true
			}
			if key == n {
				was := seen[n]
				seen[n] = true
				return was
			}
		}
		return false
	}
	isBool := func(v json.RawMessage) bool {
		return string(v) == "true" || string(v) == "false" || string(v) == "null"
	}
	for _, m := range list {
		if refused(m.key, "model", "stream", "stream_options") {
			return false
		}
		switch m.key {
		case "model":
			var name string
			if m.value[0] != '"' || json.Unmarshal(m.value, &name) != nil {
				return false
			}
			if raw := m.value[1 : len(m.value)-1]; bytes.IndexByte(raw, '\\') >= 0 {
				if len(name) > modelLimitBytes || len(raw) > modelLimitBytes {
					return len(name) <= modelLimitBytes // invalid UTF-8 grows in name: such bodies are not compared
				}
			} else if len(raw) > modelLimitBytes {
				return false
			}
		case "stream":
			if !isBool(m.value) {
				return false
			}
		case "stream_options":
			if string(m.value) == "null" {
				continue
			}
			inner, err := members(m.value)
			if err != nil {
				return false
			}
			for _, in := range inner {
				if refused(in.key, "include_usage") || in.key == "include_usage" && !isBool(in.value) {
					return false
				}
			}
		}
	}
	return true
}

func seedBodies(f *testing.F, add func(body []byte)) {
	for _, body := range fixtures(f, ".request.json") {
		add(body)
	}
	for _, s := range []string{
		`{}`, `{"model":"a"}`, ` {"model" : "a" , "stream" : true} `, `{"mod\u0065l":"\ud83c\udf0d"}`, `{"stream_options":{}}`,
		`{"stream_options":{"include_usage":false},"model":"x"}`, `{"stream_options":{ "a" : [1,2e5,-0.1] , "include_usage":null }}`,
		`{"stream_options":null}`, `{"model":"a","Model":"b"}`, `{"a":[[[{"b":[]}]]],"c":{}}`, "{\"a\":\"\x01\"}", `{"a":"\u00zz"}`, `[1]`, `{"a":1}x`,
		`{"a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}`, `{"a":01}`, `{"a":1.5e-7,"b":-0,"c":tru}`,
		`{"a":"` + strings.Repeat("0123456789", 9) + `\n` + strings.Repeat("ü", 40) + `"}`,
	} {
		add([]byte(s))
	}
}

func FuzzScan(f *testing.F) {
	seedBodies(f, func(body []byte) { f.Add(body) })
	f.Fuzz(func(t *testing.T, body []byte) {
		s := new(Scan)
		err := s.JSON(body)
		if err != nil {
			var e *ScanError
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(body) {
				t.Fatalf("%v", err)
			}
		}
		if want := json.Valid(body) && acceptable(body); (err == nil) != want {
			t.Fatalf("%q: %v, encoding/json: %v", body, err, want)
		}
		if err != nil {
			return
		}
		list, _ := members(body)
		for _, m := range list {
			switch m.key {
			case "model":
				var name string
				if err := json.Unmarshal(m.value, &name); err != nil {
					t.Fatal(err)
				}
				if s.ModelAt != m.start || s.ModelEnd != m.end {
					t.Fatalf("%q: model at %d to %d, want %d to %d", body, s.ModelAt, s.ModelEnd, m.start, m.end)
				}
				if got := string([]rune(string(s.Model))); got != name { // bytes that are not UTF-8 become U+FFFD in both
					t.Fatalf("%q: model %q, want %q", body, got, name)
				}
			case "stream":
				if s.Stream != (string(m.value) == "true") {
					t.Fatalf("%q: stream %v", body, s.Stream)
				}
			case "stream_options":
				if s.OptionsAt != m.start || s.OptionsEnd != m.end {
					t.Fatalf("%q: options at %d to %d", body, s.OptionsAt, s.OptionsEnd)
				}
			}
		}
	})
}
