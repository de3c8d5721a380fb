package observe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// noon is 2026-01-02T12:00:00.123456789Z.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 123456789, time.UTC).UnixNano()

func fullEntry() *Entry {
	return &Entry{
		UnixNano: noon, RequestID: []byte("req-1"), Method: []byte("POST"), Path: []byte("/v1/chat/completions"),
		Remote: []byte("10.0.0.7:51234"), Model: []byte("fast"), UpstreamModel: []byte("gpt-5-mini"), Endpoint: "chat", Provider: "openai",
		KeyName: "team-a", Outcome: "ok", Status: 200, Attempts: 1, DurationNS: 45_678_901, UpstreamNS: 40_000_000, TTFTNS: 41_005_000,
		BytesIn: 1234, BytesOut: 56789, Input: 100, Cached: 20, Output: 50, Stream: true,
	}
}

func render(e *Entry, f Format) string {
	var s stamp
	return string(appendEntry(nil, e, s.at(e.UnixNano), f))
}

func TestEntryLines(t *testing.T) {
	check := func(e *Entry, f Format, want string) {
		t.Helper()
		if got := render(e, f); got != want+"\n" {
			t.Errorf("line\n%swant\n%s", got, want)
		}
	}
	full := fullEntry()
	check(full, FormatJSON, `{"time":"2026-01-02T12:00:00.123456Z","id":"req-1","remote":"10.0.0.7:51234","method":"POST",`+
		`"path":"/v1/chat/completions","endpoint":"chat","status":200,"outcome":"ok","key":"team-a","model":"fast","provider":"openai",`+
		`"upstream_model":"gpt-5-mini","stream":true,"attempts":1,"duration_ms":45.678,"upstream_ms":40.000,"ttft_ms":41.005,`+
		`"bytes_in":1234,"bytes_out":56789,"input_tokens":100,"cached_tokens":20,"output_tokens":50}`)
	check(full, FormatText, `time=2026-01-02T12:00:00.123456Z id=req-1 remote=10.0.0.7:51234 method=POST path=/v1/chat/completions `+
		`endpoint=chat status=200 outcome=ok key=team-a model=fast provider=openai upstream_model=gpt-5-mini stream=true attempts=1 `+
		`duration_ms=45.678 upstream_ms=40.000 ttft_ms=41.005 bytes_in=1234 bytes_out=56789 input_tokens=100 cached_tokens=20 output_tokens=50`)
	check(&Entry{UnixNano: noon}, FormatJSON, `{"time":"2026-01-02T12:00:00.123456Z"}`)
	check(&Entry{UnixNano: noon}, FormatText, `time=2026-01-02T12:00:00.123456Z`)
	check(&Entry{UnixNano: -1, Status: 502, Outcome: "upstream_failed", Error: `upstream "reset": x=y`}, FormatText,
		`time=1969-12-31T23:59:59.999999Z status=502 outcome=upstream_failed error="upstream \"reset\": x=y"`)
	check(&Entry{UnixNano: noon, BytesIn: -1 << 63, DurationNS: -5, Status: -7}, FormatJSON,
		`{"time":"2026-01-02T12:00:00.123456Z","status":-7,"bytes_in":-9223372036854775808}`)
}

func TestStampKeepsSecond(t *testing.T) {
	var s stamp
	for _, ns := range []int64{0, 1, noon, noon + 1, noon + 876543210, noon + 876543211, noon - 1e9, -1, -1e9, 1<<63 - 1, -1 << 63} {
		want := time.Unix(0, ns).UTC().Format("2006-01-02T15:04:05.000000Z")
		if got := string(s.at(ns)); got != want {
			t.Errorf("%d: %s, want %s", ns, got, want)
		}
	}
}

// Gemini's clients put their key into the query, and an absolute form can hold a password: neither may be written.
func TestPathHoldsNoSecret(t *testing.T) {
	for target, want := range map[string]string{
		"/v1beta/models/g:generateContent?key=AIzaSECRET": "/v1beta/models/g:generateContent",
		"/a#SECRET":                  "/a",
		"?key=SECRET":                "",
		"http://u:SECRET@h/a?b":      "/a",
		"http://u:SECRET@h":          "",
		"http://u:SECRET@h?SECRET":   "",
		"http://u:SECRET@h/a@b":      "/a@b",
		"http://h/a?u:SECRET@x/b":    "/a",
		"SECRET@host:443":            "host:443",
		"u:SECRET@SECRET@host/x":     "host/x",
		"u:SECRET@http://h/x":        "/x",
		"*":                          "*",
		"":                           "",
		"/":                          "/",
		"http://h/v1/chat":           "/v1/chat",
		"host:443":                   "host:443",
		"/v1/files/a@b?api-key=None": "/v1/files/a@b",
	} {
		got := string(pathOf([]byte(target)))
		if strings.Contains(got, "SECRET") || got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}

func TestEscaping(t *testing.T) {
	check := func(in, want string) {
		t.Helper()
		if got := string(appendEscaped(nil, []byte(in), 100)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	check("plain", `plain`)
	check("", ``)
	check("a\"b\\c", `a\"b\\c`)
	check("\n\r\t\x00\x1b[31m\x7f", `\n\r\t\u0000\u001b[31m\u007f`)
	check("\xff\xc0\xafz", `\ufffd\ufffd\ufffdz`)
	check("\xed\xa0\x80", `\ufffd\ufffd\ufffd`) // a lone surrogate
	check("é漢🙂", `é漢🙂`)
	check("\u2028\u202e\u009b\u00a0\U000e0041", `\u2028\u202e\u009b\u00a0\udb40\udc41`)
	check("\xf0\x9f\x99", `\ufffd\ufffd\ufffd`) // cut within a rune
	check("\ufffd", `\ufffd`)

	if got := string(appendEscaped(nil, []byte("ab漢"), 4)); got != `ab…` {
		t.Errorf("cut within a rune: %s", got)
	}
	if got := string(appendEscaped(nil, []byte("ab漢"), 5)); got != `ab漢` {
		t.Errorf("not to be cut: %s", got)
	}
	if got := string(appendEscaped(nil, []byte("\x80\x80\x80\x80\x80\x80"), 5)); got != `\ufffd\ufffd\ufffd\ufffd\ufffd…` {
		t.Errorf("cut where there are no runes: %s", got)
	}
	if got := string(appendText(nil, []byte("abcdef"), 3)); got != `"abc…"` {
		t.Errorf("cut text: %s", got)
	}
}

func TestPlainBytesAtEveryPosition(t *testing.T) {
	for n := 1; n <= 20; n++ {
		v := bytes.Repeat([]byte("a"), n)
		for at := range n {
			for c := range 256 {
				v[at] = byte(c)
				want := c >= ' ' && c < 0x7f && c != '"' && c != '\\'
				if isPlain(v) != want {
					t.Fatalf("byte %#x at %d of %d: plain is %v", c, at, n, !want)
				}
			}
			v[at] = "a~ !#[]}"[at%8]
		}
	}
}

func TestLongestLine(t *testing.T) {
	for name, c := range map[string]string{"control": "\x01", "invalid": "\xff", "beyond the first plane": "\U000e0041", "separator": "\u2028"} {
		s := strings.Repeat(c, 2000)
		b := []byte(s)
		e := &Entry{
			UnixNano: noon, RequestID: b, Method: b, Path: append([]byte("/"), b...), Remote: b, Model: b, UpstreamModel: b, Endpoint: s,
			Provider: s, KeyName: s, Outcome: s, Error: s, Status: -1 << 63, Attempts: -1 << 63, DurationNS: 1<<63 - 1, UpstreamNS: 1<<63 - 1,
			TTFTNS: 1<<63 - 1, BytesIn: -1 << 63, BytesOut: -1 << 63, Input: -1 << 63, Cached: -1 << 63, Output: -1 << 63, Stream: true,
		}
		for _, f := range []Format{FormatJSON, FormatText} {
			line := render(e, f)
			if len(line) > maxLineBytes {
				t.Errorf("%s: %d bytes, more than maxLineBytes", name, len(line))
			}
			if f == FormatJSON && !json.Valid([]byte(line)) {
				t.Errorf("%s: not JSON: %s", name, line)
			}
		}
	}
}

// shown is what a value is to read as once its line has been parsed.
func shown(v string, limit int) string {
	more := ""
	if len(v) > limit {
		for limit > 0 && !utf8.RuneStart(v[limit]) && strings.ToValidUTF8(v[:limit], "") != v[:limit] {
			limit--
		}
		v, more = v[:limit], "…"
	}
	return string([]rune(v)) + more
}

func FuzzLine(f *testing.F) {
	f.Add([]byte("/v1/chat/completions"), "openai", "reset", 200)
	f.Add([]byte("/\"\\\x00\xff\xed\xa0\x80\u2028?key=x"), "\x1b[2J", "a\nb", 0)
	f.Add(bytes.Repeat([]byte("/漢"), 300), strings.Repeat("🙂", 100), strings.Repeat("\xf0\x9f", 300), 599)
	f.Add([]byte("http://u:p@h/x"), "\"", "\\", -1)
	f.Fuzz(func(t *testing.T, path []byte, name, text string, status int) {
		e := &Entry{UnixNano: noon, Path: path, Model: path, Provider: name, Error: text, Status: status}
		line := render(e, FormatJSON)
		if len(line) > maxLineBytes || strings.Count(line, "\n") != 1 {
			t.Fatalf("%d bytes, %d line ends", len(line), strings.Count(line, "\n"))
		}
		for i := range len(line) - 1 {
			if line[i] < ' ' || line[i] == 0x7f {
				t.Fatalf("control byte in %q", line)
			}
		}
		var got struct {
			Path, Model, Provider, Error string
			Status                       int
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || !utf8.ValidString(line) {
			t.Fatalf("%v: %q", err, line)
		}
		if want := shown(string(path), modelLimitBytes); len(path) <= modelLimitBytes && got.Model != want {
			t.Fatalf("model %q, want %q", got.Model, want)
		}
		if want := shown(text, errorLimitBytes); len(text) <= errorLimitBytes && got.Error != want {
			t.Fatalf("error %q, want %q", got.Error, want)
		}
		if len(text) > errorLimitBytes {
			kept, cut := strings.CutSuffix(got.Error, "…")
			whole := string([]rune(text))
			if !cut || !strings.HasPrefix(whole, strings.TrimRight(kept, "\ufffd")) {
				t.Fatalf("error %q is no beginning of %q", got.Error, whole)
			}
		}
		if got.Status != status || strings.ContainsAny(got.Path, "?#") {
			t.Fatalf("status %d of %d, path %q", got.Status, status, got.Path)
		}
		if text := render(e, FormatText); strings.Count(text, "\n") != 1 || !utf8.ValidString(text) {
			t.Fatalf("text %q", text)
		}
	})
}

func ExampleEntry() {
	fmt.Print(render(&Entry{UnixNano: noon, Method: []byte("GET"), Path: []byte("/v1/models"), Status: 401, Outcome: "refused"}, FormatText))
	// Output: time=2026-01-02T12:00:00.123456Z method=GET path=/v1/models status=401 outcome=refused
}
