package http1

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"penstock/http1/rawcases"
)

// describeHead writes a head down on one line. Fields that the codec reads itself are left out.
func describeHead(h *Head) string {
	var s strings.Builder
	s.Write(h.Method)
	s.WriteByte(' ')
	s.Write(h.Path)
	if len(h.Query) > 0 {
		s.WriteString("?" + string(h.Query))
	}
	s.WriteString(" @" + string(h.Host))
	switch {
	case h.Chunked && h.ContentLength != -1:
		s.WriteString(" both")
	case h.Chunked:
		s.WriteString(" chunked")
	case h.ContentLength >= 0:
		s.WriteString(" len=" + strconv.FormatInt(h.ContentLength, 10))
	default:
		s.WriteString(" none")
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{{h.KeepAlive, " keep"}, {!h.KeepAlive, " close"}, {h.Minor == 0, " 1.0"}, {h.Expect100, " 100"}, {h.Upgrade, " upgrade"}} {
		if flag.on {
			s.WriteString(flag.name)
		}
	}
	own := []string{"host", "content-length", "transfer-encoding", "expect", "connection", "upgrade"}
	for _, f := range h.Fields {
		if !slices.Contains(own, strings.ToLower(string(f.Name))) {
			s.WriteString(" " + string(f.Name) + "=" + string(f.Value))
		}
	}
	return s.String()
}

// outcome is what one way of feeding bytes led to.
type outcome struct {
	text string // of the head, or status and reason; "" where more bytes were needed
	n    int
	err  Error
}

func outcomeOf(h *Head, n int, err error) outcome {
	var e *Error
	switch {
	case errors.As(err, &e):
		return outcome{text: strconv.Itoa(e.Status) + " " + e.Reason, err: *e}
	case n > 0:
		return outcome{text: describeHead(h), n: n}
	}
	return outcome{}
}

func parseWhole(in []byte, l *Limits) outcome {
	p, h := Parser{Limits: l}, Head{}
	n, err := p.Parse(in, &h)
	return outcomeOf(&h, n, err)
}

// parsePieces feeds in up to each of the ends in turn, each time in other memory and into another Head.
func parsePieces(in []byte, l *Limits, ends ...int) outcome {
	p := Parser{Limits: l}
	for _, end := range ends {
		h := Head{}
		n, err := p.Parse(bytes.Clone(in[:end]), &h)
		if o := outcomeOf(&h, n, err); o.text != "" {
			return o
		}
	}
	return outcome{}
}

// parseBytes feeds single bytes. What was walked before is spoiled as long as it need not be seen a second time: while a line
// is incomplete, and between the request line and the end of the head. So a parser that starts over, or looks back, fails.
func parseBytes(in []byte, l *Limits) outcome {
	p := Parser{Limits: l}
	for end := 1; end <= len(in); end++ {
		b := bytes.Clone(in[:end])
		if b[end-1] != '\n' || p.state >= atLine && !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
			for i := range b[:end-1] {
				b[i] = "\n\x00 "[i%3]
			}
		}
		h := Head{}
		n, err := p.Parse(b, &h)
		if o := outcomeOf(&h, n, err); o.text != "" {
			return o
		}
		if p.pos != end {
			return outcome{text: "walked " + strconv.Itoa(p.pos) + " of " + strconv.Itoa(end)}
		}
	}
	return outcome{}
}

func headCases() []rawcases.Head { return rawcases.Heads() }

// line makes a request of a request line; get and post make one of field lines.
func line(l string) string      { return l + "\r\nHost: a\r\n\r\n" }
func get(fields string) string  { return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" }
func post(fields string) string { return "POST /p HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" }

func TestHeadCases(t *testing.T) {
	names := map[string]bool{}
	for _, c := range headCases() {
		if names[c.Name] {
			t.Errorf("%s: name used twice", c.Name)
		}
		names[c.Name] = true
		in := []byte(c.In)
		whole := parseWhole(in, nil)
		if whole.text != c.Want {
			t.Errorf("%s: got %q, want %q", c.Name, whole.text, c.Want)
			continue
		}
		if whole.n == 0 && whole.err.Section != c.Section {
			t.Errorf("%s: cites %s, want %s", c.Name, whole.err.Section, c.Section)
		}
		if whole.n != 0 && whole.n != len(in) {
			t.Errorf("%s: n = %d, want %d", c.Name, whole.n, len(in))
		}
		if got := parseBytes(in, nil); got != whole {
			t.Errorf("%s: byte by byte %+v, whole %+v", c.Name, got, whole)
		}
		for split := range in {
			if got := parsePieces(in, nil, split, len(in)); got != whole {
				t.Errorf("%s: split at %d %+v, whole %+v", c.Name, split, got, whole)
			}
		}
		if got := parseWhole([]byte(c.In+"GET /next HTTP/1.1\r\nX"), nil); got != whole {
			t.Errorf("%s: with more behind it %+v, alone %+v", c.Name, got, whole)
		}
	}
	if len(names) < 150 {
		t.Errorf("%d cases, want at least 150", len(names))
	}
}

// A head is complete with its last byte and not before, and each refusal comes with the byte that earns it.
func TestHeadIsDecidedAtItsLastByte(t *testing.T) {
	for _, c := range headCases() {
		in := []byte(c.In)
		whole := parseWhole(in, nil)
		first := 0
		for first = 1; first <= len(in); first++ {
			if o := parseWhole(in[:first], nil); o.text != "" {
				if o != whole {
					t.Errorf("%s: %d bytes gave %+v, all of them %+v", c.Name, first, o, whole)
				}
				break
			}
		}
		if whole.n > 0 && first != len(in) {
			t.Errorf("%s: accepted after %d of %d bytes", c.Name, first, len(in))
		}
		if whole.n == 0 && (whole.err.Offset < 0 || whole.err.Offset > first) {
			t.Errorf("%s: offset %d, refused at byte %d", c.Name, whole.err.Offset, first)
		}
	}
}

func TestOffsets(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int
	}{
		{line("GE\x00T / HTTP/1.1"), 2},
		{line("GET /\x7f HTTP/1.1"), 5},
		{line("GET /a%2x HTTP/1.1"), 6},
		{line("GET / HTTP/2.0"), 11},
		{line("GET / HTTP/1.x"), 13},
		{line("GET http://@/ HTTP/1.1"), 11},
		{get("A : b\r\n"), 26},
		{get("A: b\x01\r\n"), 29},
		{get("A: b\r\nContent-Length: x\r\n"), 31},
		{get("A: b\r\nB: c\r\nHost: b\r\n"), 37},
		{get("A: b\r\nTransfer-Encoding: x\r\n"), 31},
		{get("A: b\r\nExpect: x\r\n"), 31},
		{"\r\n" + get("A: b\r\nExpect: x\r\n"), 33},
	} {
		if got := parseWhole([]byte(c.in), nil); got.err.Offset != c.want {
			t.Errorf("%q: %s at %d, want %d", c.in, got.text, got.err.Offset, c.want)
		}
	}
}

func TestHeadLimits(t *testing.T) {
	limits := &Limits{HeadBytes: 64, Fields: 3, ChunkLineBytes: 16, TrailerBytes: 16}
	fill := func(n int) string { return strings.Repeat("a", n) }
	head := "GET / HTTP/1.1\r\nHost: a\r\nA: \r\n\r\n"
	for _, c := range []struct{ name, in, want string }{
		{"exactly at the limit", "GET / HTTP/1.1\r\nHost: a\r\nA: " + fill(64-len(head)) + "\r\n\r\n", "GET / @a none keep A=" + fill(64-len(head))},
		{"one over", "GET / HTTP/1.1\r\nHost: a\r\nA: " + fill(65-len(head)) + "\r\n\r\n", "431 request head is too large"},
		{"value never ends", "GET / HTTP/1.1\r\nHost: a\r\nA: " + fill(100), "431 request head is too large"},
		{"name never ends", "GET / HTTP/1.1\r\n" + fill(100), "431 request head is too large"},
		{"target never ends", "GET /" + fill(100), "414 request target is too long"},
		{"target too long", line("GET /" + fill(60) + " HTTP/1.1"), "414 request target is too long"},
		{"target fits, version does not", line("GET /" + fill(55) + " HTTP/1.1"), "414 request target is too long"},
		{"method never ends", fill(100), "501 method is not implemented"},
		{"empty lines count", "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nA: " + fill(64-len(head)) + "\r\n\r\n", "431 request head is too large"},
		{"three fields", get("A:\r\nB:\r\n"), "GET / @a none keep A= B="},
		{"four fields", get("A:\r\nB:\r\nC:\r\n"), "431 too many header fields"},
		{"wrong byte before the limit", "GET / HTTP/1.1\r\nHost: a\r\nA: \x00" + fill(100), "400 control character in field value"},
	} {
		in := []byte(c.in)
		whole := parseWhole(in, limits)
		if whole.text != c.want {
			t.Errorf("%s: got %q, want %q", c.name, whole.text, c.want)
		}
		if got := parseBytes(in, limits); got != whole {
			t.Errorf("%s: byte by byte %+v, whole %+v", c.name, got, whole)
		}
		for split := range in {
			if got := parsePieces(in, limits, split, len(in)); got != whole {
				t.Errorf("%s: split at %d %+v, whole %+v", c.name, split, got, whole)
			}
		}
	}
	if got := parseWhole([]byte(fill(20)), &Limits{HeadBytes: 20, Fields: 1}).text; got != "431 request head is too large" {
		t.Errorf("method up to a small limit: %q", got)
	}
}

// A refused head still shows its request line where that was valid, and nothing of the request before.
func TestRefusedHead(t *testing.T) {
	var p Parser
	var h Head
	if _, err := p.Parse([]byte(post("Content-Length: 7\r\nUpgrade: x\r\n")), &h); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse([]byte("POST /v1/messages?a HTTP/1.1\r\nHost: a\r\nA : b\r\n"), &h); err == nil {
		t.Fatal("accepted")
	}
	if got, want := describeHead(&h), "POST /v1/messages?a @ none close"; got != want || len(h.Fields) != 0 {
		t.Errorf("got %q with %d fields, want %q with none", got, len(h.Fields), want)
	}
	if _, err := p.Parse([]byte("GET /\x00"), &h); err == nil {
		t.Fatal("accepted")
	}
	if got, want := describeHead(&h), "  @ none close 1.0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n, err := p.Parse([]byte(get("")), &h); n == 0 || err != nil {
		t.Errorf("the parser was not ready after a refusal: %d, %v", n, err)
	}
}

// One Head and one Parser serve requests one after the other without one showing through in the next.
func TestPipeline(t *testing.T) {
	var in []byte
	var want []string
	for _, c := range headCases() {
		if o := parseWhole([]byte(c.In), nil); o.n > 0 {
			in = append(in, c.In...)
			want = append(want, o.text)
		}
	}
	for _, step := range []int{1, 7, 64, 1000, len(in)} {
		var p Parser
		var h Head
		var got []string
		start := 0
		for end := 0; end < len(in); {
			end = min(end+step, len(in))
			for {
				n, err := p.Parse(in[start:end], &h)
				if err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
				if n == 0 {
					break
				}
				got = append(got, describeHead(&h))
				start += n
			}
		}
		if !slices.Equal(got, want) || start != len(in) {
			t.Errorf("step %d: %d heads and %d bytes, want %d and %d", step, len(got), start, len(want), len(in))
		}
	}
}

func TestParserReset(t *testing.T) {
	var p Parser
	var h Head
	limits := DefaultLimits()
	p.Limits = &limits
	if n, err := p.Parse([]byte("POST /lost HTTP/1.1\r\nHost: lo"), &h); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	p.Reset()
	if p.Limits != &limits {
		t.Error("Reset lost the limits")
	}
	n, err := p.Parse([]byte(get("A: b\r\n")), &h)
	if got := outcomeOf(&h, n, err).text; got != "GET / @a none keep A=b" {
		t.Error(got)
	}
}

func TestGet(t *testing.T) {
	var p Parser
	var h Head
	if _, err := p.Parse([]byte(get("X-Api-KEY: 1\r\nx-api-key: 2\r\nx_1: 3\r\nEmpty:\r\n")), &h); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		ok         bool
	}{
		{"x-api-key", "1", true},
		{"x_1", "3", true},
		{"empty", "", true},
		{"host", "a", true},
		{"x-api-ke", "", false},
		{"x-api-key2", "", false},
		{"", "", false},
	} {
		if v, ok := h.Get(c.name); string(v) != c.want || ok != c.ok {
			t.Errorf("Get(%q) = %q, %v", c.name, v, ok)
		}
	}
	h.Reset()
	if _, ok := h.Get("host"); ok || h.Method != nil || h.ContentLength != -1 || h.KeepAlive {
		t.Error("Reset left something of the request")
	}
}

// Views are capped, so that an append to one cannot write into the next.
func TestViewsAreCapped(t *testing.T) {
	var p Parser
	var h Head
	in := []byte(get("A: b\r\n"))
	if _, err := p.Parse(in, &h); err != nil {
		t.Fatal(err)
	}
	for _, v := range [][]byte{h.Method, h.Target, h.Path, h.Host, h.Fields[1].Name, h.Fields[1].Value} {
		_ = append(v, "XXXX"...)
	}
	if string(in) != get("A: b\r\n") {
		t.Errorf("%q", in)
	}
}
