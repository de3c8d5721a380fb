package http1

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"penstock/http1/rawcases"
)

// known tells why net/http may refuse a request that we accept; "" where there is no known reason. Where net/http's server
// accepts what we refuse, we are stricter, and nothing is to be said.
func known(h *Head, err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "bad trailer key"):
		return "net/http refuses Trailer fields that announce framing fields; we drop trailers and refuse the field when it comes"
	case h.Path == nil:
		return "net/http reads the target of CONNECT by the rules of URLs; we by RFC 9112 §3.2.3"
	case h.Target[0] != '/' && (strings.Contains(text, "invalid URL escape") || strings.Contains(text, "invalid character")):
		return "net/http allows fewer characters and escapes in the host of a URL than RFC 3986 §3.2.2"
	}
	return ""
}

// agree compares a head with what net/http makes of the same bytes.
func agree(t *testing.T, in []byte, h *Head) {
	// net/http does not know the empty lines that RFC 9112 §2.2 asks servers to ignore.
	r, err := http.ReadRequest(bufio.NewReaderSize(bytes.NewReader(bytes.TrimLeft(in, "\r\n")), 64<<10))
	if err != nil {
		if known(h, err) == "" {
			t.Errorf("%q: accepted, net/http says %v", in, err)
		}
		return
	}
	same := func(what, got, want string) {
		if got != want {
			t.Errorf("%q: %s %q, net/http has %q", in, what, got, want)
		}
	}
	same("method", string(h.Method), r.Method)
	same("target", string(h.Target), r.RequestURI)
	same("host", string(h.Host), r.Host)
	if h.Path != nil {
		path, err := url.PathUnescape(string(h.Path))
		if err != nil {
			t.Errorf("%q: path %q: %v", in, h.Path, err)
		}
		if r.URL.Path != "" || h.Target[0] == '/' {
			same("path", path, r.URL.Path)
		}
		same("query", string(h.Query), r.URL.RawQuery)
	}
	if chunked := len(r.TransferEncoding) > 0; h.Chunked != chunked || !chunked && max(h.ContentLength, 0) != r.ContentLength {
		t.Errorf("%q: chunked %v length %d, net/http has %v %d", in, h.Chunked, h.ContentLength, r.TransferEncoding, r.ContentLength)
	}
	if min(r.ProtoMinor, 1) != h.Minor || r.Close == h.KeepAlive {
		t.Errorf("%q: HTTP/1.%d keep %v, net/http has 1.%d close %v", in, h.Minor, h.KeepAlive, r.ProtoMinor, r.Close)
	}
	seen := map[string]int{}
	for _, f := range h.Fields {
		name := http.CanonicalHeaderKey(string(f.Name))
		if name == "Host" || name == "Transfer-Encoding" || name == "Trailer" || name == "Content-Length" {
			continue // taken out of the map
		}
		if values := r.Header[name]; seen[name] < len(values) {
			same("field "+name, string(f.Value), values[seen[name]])
		} else {
			t.Errorf("%q: field %q is not in net/http's %q", in, f.Name, values)
		}
		seen[name]++
	}
}

// FuzzHead: a head is the same whether it comes whole, in two pieces or byte by byte, it never reaches beyond its end, and
// net/http reads the same in it.
func FuzzHead(f *testing.F) {
	for i, c := range headCases() {
		f.Add([]byte(c.In), uint16(i))
	}
	for i, c := range rawcases.Cases() {
		f.Add([]byte(c.Bytes()), uint16(i))
	}
	f.Add([]byte(clientHead), uint16(300))
	f.Fuzz(func(t *testing.T, in []byte, at uint16) {
		whole := parseWhole(in, nil)
		split := 0
		if len(in) > 0 {
			split = int(at) % len(in)
		}
		if got := parsePieces(in, nil, split, len(in)); got != whole {
			t.Errorf("%q: split at %d %+v, whole %+v", in, split, got, whole)
		}
		if len(in) < 1<<10 {
			if got := parseBytes(in, nil); got != whole {
				t.Errorf("%q: byte by byte %+v, whole %+v", in, got, whole)
			}
		}
		if whole.n > 0 {
			if got := parseWhole(in[:whole.n], nil); got != whole {
				t.Errorf("%q: without what follows %+v, with it %+v", in, got, whole)
			}
			if got := parseWhole(in[:whole.n-1], nil); got != (outcome{}) {
				t.Errorf("%q: complete before its last byte: %+v", in, got)
			}
			var p Parser
			var h Head
			if _, err := p.Parse(in, &h); err != nil {
				t.Fatal(err)
			}
			agree(t, in[:whole.n], &h)
		}
	})
}

// firstField cuts the parts out of a request that FuzzFields puts together: its request line, and the first field that decides something.
func firstField(in string) (method, target, name, value string, ok bool) {
	first, rest, _ := strings.Cut(in, "\r\n")
	words := strings.Split(first, " ")
	if len(words) != 3 {
		return "", "", "", "", false
	}
	for l := range strings.SplitSeq(rest, "\r\n") {
		name, value, ok = strings.Cut(l, ":")
		if ok && !strings.EqualFold(name, "host") && !strings.EqualFold(name, "authorization") {
			return words[0], words[1], name, strings.TrimPrefix(value, " "), true
		}
	}
	return "", "", "", "", false
}

// FuzzFields puts arbitrary bytes where a field's value stands, so that the fuzzer need not find heads first.
func FuzzFields(f *testing.F) {
	for _, name := range []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "Trailer"} {
		for _, value := range []string{"", "5", "chunked", "gzip, chunked", "close, keep-alive", "100-continue", "a:80", "[::1]:80"} {
			f.Add("POST", "/p?q", name, value)
		}
	}
	for _, c := range rawcases.Cases() {
		if method, target, name, value, ok := firstField(c.Bytes()); ok && len(c.Bytes()) < 4<<10 {
			f.Add(method, target, name, value)
		}
	}
	f.Add("CONNECT", "b:80", "A", "b")
	f.Add("OPTIONS", "http://b?c", "A", "b")
	f.Fuzz(func(t *testing.T, method, target, name, value string) {
		in := []byte(method + " " + target + " HTTP/1.1\r\nHost: a\r\n" + name + ": " + value + "\r\n\r\n")
		if strings.EqualFold(name, "host") {
			in = bytes.Replace(in, []byte("Host: a\r\n"), nil, 1)
		}
		whole := parseWhole(in, nil)
		if got := parseBytes(in, nil); got != whole {
			t.Errorf("%q: byte by byte %+v, whole %+v", in, got, whole)
		}
		var p Parser
		var h Head
		if n, err := p.Parse(in, &h); n > 0 && err == nil {
			agree(t, in[:n], &h)
		}
	})
}

var blankExt = regexp.MustCompile(`[0-9A-Fa-f][ \t]+;`)

// FuzzBody: a body is the same at every split, and what we accept net/http's reader decodes to the same content.
func FuzzBody(f *testing.F) {
	for i, c := range rawcases.Bodies {
		f.Add([]byte(c.In), uint16(i))
	}
	for i, c := range rawcases.Cases() {
		if _, body, ok := strings.Cut(c.Bytes(), "\r\n\r\n"); ok {
			f.Add([]byte(body), uint16(i))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, at uint16) {
		whole := decode(t, in, &chunkedHead, nil, len(in))
		split := int(at)
		if len(in) > 0 {
			split %= len(in)
		} else {
			split = 0
		}
		if got := decode(t, in, &chunkedHead, nil, split, len(in)); got != whole {
			t.Errorf("%q: split at %d %+v, whole %+v", in, split, got, whole)
		}
		if len(in) < 4<<10 {
			if got := decode(t, in, &chunkedHead, nil, everyByte(len(in))...); got != whole {
				t.Errorf("%q: byte by byte %+v, whole %+v", in, got, whole)
			}
		}
		if whole.err.Status != 0 || whole.text == "more" {
			return
		}
		// net/http does not know the white space that RFC 9112 §7.1.1 allows before the first semicolon.
		content, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(in)))
		if err != nil && blankExt.Match(in) {
			return
		}
		if err != nil || !strings.HasPrefix(whole.text, string(content)+"|") {
			t.Errorf("%q: decoded to %q, net/http to %q, %v", in, whole.text, content, err)
		}
	})
}
