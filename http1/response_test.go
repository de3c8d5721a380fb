package http1

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestAppendStatus(t *testing.T) {
	for code := 100; code < 1000; code++ {
		want := "HTTP/1.1 " + strconv.Itoa(code) + " " + http.StatusText(code) + "\r\n"
		switch code {
		case 306, 418, 510: // unused, a joke, obsolete: no phrase
			want = "HTTP/1.1 " + strconv.Itoa(code) + " \r\n"
		case 413, 414, 416, 422: // RFC 9110 has other phrases than net/http
			want = map[int]string{
				413: "HTTP/1.1 413 Content Too Large\r\n",
				414: "HTTP/1.1 414 URI Too Long\r\n",
				416: "HTTP/1.1 416 Range Not Satisfiable\r\n",
				422: "HTTP/1.1 422 Unprocessable Content\r\n",
			}[code]
		case 499:
			want = "HTTP/1.1 499 Client Closed Request\r\n"
		case 529:
			want = "HTTP/1.1 529 Overloaded\r\n"
		}
		if got := string(AppendStatus([]byte("x"), code)); got != "x"+want {
			t.Errorf("%d: %q, want %q", code, got, want)
		}
	}
	for _, code := range []int{-1, 0, 99, 1000} {
		if got := string(AppendStatus(nil, code)); got != "HTTP/1.1 500 Internal Server Error\r\n" {
			t.Errorf("%d: %q", code, got)
		}
	}
}

func TestAppendFields(t *testing.T) {
	b := AppendField([]byte("x"), []byte("A"), []byte("b c"))
	b = AppendFieldString(b, "D", "")
	b = AppendContentLength(b, 0)
	b = AppendContentLength(b, 1<<62)
	if got, want := string(b), "xA: b c\r\nD: \r\nContent-Length: 0\r\nContent-Length: 4611686018427387904\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What we chunk, net/http's reader and our own decoder read back.
func TestAppendChunk(t *testing.T) {
	for _, n := range []int{1, 9, 10, 15, 16, 255, 4096, 70000} {
		data := strings.Repeat("d", n)
		b := AppendChunk(nil, []byte(data))
		b = AppendChunk(b, nil)
		b = AppendChunkHead(b, 2)
		b = append(b, "ee\r\n"...)
		b = append(b, LastChunk...)
		got, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(b)))
		if string(got) != data+"ee" || err != nil {
			t.Errorf("%d bytes: net/http read %d, %v", n, len(got), err)
		}
		if o := decode(t, b, &chunkedHead, nil, len(b)); o.text != data+"ee|" {
			t.Errorf("%d bytes: read back as %.40q", n, o.text)
		}
	}
}

func TestDateCache(t *testing.T) {
	var d DateCache
	for _, s := range []int64{0, 0, 784111777, 784111777, 784111778, 951827696, 1795460000, 253402300799, 0} {
		want := "xDate: " + time.Unix(s, 0).UTC().Format(http.TimeFormat) + "\r\n"
		if got := string(d.Append([]byte("x"), s)); got != want {
			t.Errorf("%d: %q, want %q", s, got, want)
		}
	}
	if got := string(d.Append(nil, 784111777)); got != "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" {
		t.Errorf("the example of RFC 9110 §5.6.7 comes out as %q", got)
	}
}

func TestHopByHop(t *testing.T) {
	hop := []string{
		"Connection", "keep-alive", "PROXY-CONNECTION", "TE", "Trailer", "transfer-encoding", "Upgrade", "Proxy-Authenticate",
		"proxy-authorization",
	}
	for _, name := range hop {
		if !HopByHop([]byte(name)) {
			t.Errorf("%s is forwarded", name)
		}
	}
	for _, name := range []string{"", "host", "tf", "trailers", "authorization", "content-length", "x-upgrade", "upgradf", "keep_alive", "proxy-authorizatiom", "transfer_encoding"} {
		if HopByHop([]byte(name)) {
			t.Errorf("%s is not forwarded", name)
		}
	}
}

func TestConnectionLists(t *testing.T) {
	var p Parser
	var h Head
	if _, err := p.Parse([]byte(get("Connection: close, X-Secret ,\tte\r\nX-Secret: 1\r\nconnection: ,x-b,\r\nProxy-Connection: x-c\r\n")), &h); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		"x-secret": true, "X-SECRET": true, "x-b": true, "TE": true, "close": true,
		"x-c": false, "x": false, "x-secret2": false, "": false, "connection": false,
	} {
		if ConnectionLists(&h, []byte(name)) != want {
			t.Errorf("ConnectionLists(%q) = %v", name, !want)
		}
	}
}

func TestConnectionListsPlainOptions(t *testing.T) {
	var p Parser
	var h Head
	for _, c := range []struct {
		fields, name string
		want         bool
	}{
		{"Connection: close\r\n", "Close", true},
		{"Connection: close\r\n", "keep-alive", false},
		{"Connection: close\r\n", "x-ab", false},
		{"Connection: keep-alive\r\n", "keep-alive", true},
		{"Connection: keep-alive\r\nConnection: x-ab\r\n", "x-ab", true},
		{"", "close", false},
	} {
		if _, err := p.Parse([]byte(get(c.fields)), &h); err != nil {
			t.Fatal(err)
		}
		if got := ConnectionLists(&h, []byte(c.name)); got != c.want {
			t.Errorf("%q lists %s: %v", c.fields, c.name, got)
		}
	}
	made := Head{Fields: []Field{{Name: []byte("Connection"), Value: []byte("x-ab")}}}
	if !ConnectionLists(&made, []byte("x-ab")) {
		t.Error("a head that no parser made is not read")
	}
}

// The tables are built from the grammar; this writes the same grammar down another way.
func TestClasses(t *testing.T) {
	for c := range 256 {
		alnum := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' && c < 0x80
		visible := 0x21 <= c && c <= 0x7E
		for _, x := range []struct {
			name string
			bit  uint8
			want bool
		}{
			{"token", isToken, visible && (alnum || !strings.ContainsRune("\"(),/:;<=>?@[\\]{}", rune(c)))},
			{"target", isTarget, visible && c != '#'},
			{"host", isHost, visible && (alnum || !strings.ContainsRune("\"#%/:<>?@[\\]^`{|}", rune(c)))},
			{"quoted", isQuoted, c >= 0x80 || c == '\t' || 0x20 <= c && c < 0x7F && c != '"' && c != '\\'},
			{"value", isValue, c >= 0x80 || c == '\t' || 0x20 <= c && c < 0x7F},
			{"hex", isHex, strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) && c < 0x80},
		} {
			if (class[c]&x.bit != 0) != x.want {
				t.Errorf("%#x as %s: want %v", c, x.name, x.want)
			}
		}
	}
}

// skipValue looks at eight bytes at a time; here every byte stands at every place between fillers at the edges of the ranges.
func TestSkipValue(t *testing.T) {
	for _, filler := range []byte{' ', '\t', 'a', 0x7E, 0x80, 0xFF} {
		for n := 1; n <= 20; n++ {
			b := []byte(strings.Repeat(string([]byte{filler}), n))
			for at := range b {
				for c := range 256 {
					b[at] = byte(c)
					want := n
					if class[c]&isValue == 0 {
						want = at
					}
					if got := skipValue(b, 0); got != want {
						t.Fatalf("%#x at %d of %d: %d", c, at, n, got)
					}
				}
				b[at] = filler
			}
		}
	}
}

func TestIPv6(t *testing.T) {
	for _, s := range []string{
		"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1::8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "2001:DB8::a", "::1.2.3.4",
		"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5::1.2.3.4", "::255.0.10.199", "fe80::0000",
	} {
		if !validIPv6([]byte(s)) {
			t.Errorf("%s is refused", s)
		}
	}
	for _, s := range []string{
		"", ":", ":::", "1", "1:", ":1", "1:2", "::1::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1:2:3:4:5:6:7:8",
		"12345::", "g::", "1:2:3:4:5:6:7:1.2.3.4", "1:2:3:4:5:1.2.3.4", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "::1.2.3.04", "::1.2.3.",
		"::1.2..4", "::1.2.3.4:5", "1.2.3.4", "::1:", ":1::2", "v1.a", "fe80::1%eth0", "::a.2.3.4", "1:2:3:4:5:6:7:8::",
	} {
		if validIPv6([]byte(s)) {
			t.Errorf("%s is accepted", s)
		}
	}
}
