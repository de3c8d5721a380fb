package e2e

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wire is one client connection, byte by byte.
type wire struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

func dial(t testing.TB, url string) *wire {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // most tests have closed it
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, c, bufio.NewReader(c)}
}

// send writes bytes. What becomes of them shows in the answer: a gateway that has refused a request may have closed.
func (w *wire) send(s string) { _, _ = io.WriteString(w.conn, s) }

// answer is a response as it came.
type answer struct {
	line   string // status line
	status int
	header http.Header
	body   string
	closes bool  // it says that the connection ends
	err    error // of a body that broke off
}

// head reads the head of a response, and leaves its body.
func (w *wire) head(method string) *http.Response {
	w.t.Helper()
	r, err := http.ReadResponse(w.in, &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("no response: %v", err)
	}
	return r
}

// answer reads a whole response. method is that of the request.
func (w *wire) answer(method string) answer {
	w.t.Helper()
	r := w.head(method)
	b, err := io.ReadAll(r.Body)
	return answer{r.Proto + " " + r.Status, r.StatusCode, r.Header, string(b), r.Close, err}
}

// wantEnd wants nothing more and then the end of the connection.
func (w *wire) wantEnd() {
	w.t.Helper()
	b, err := io.ReadAll(w.in)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		w.t.Errorf("the connection stays open")
	}
	if len(b) > 0 {
		w.t.Errorf("after the answer came %q", b)
	}
	_ = w.conn.Close() // the other side waits for it for a while
}

// wantOpen wants the connection to serve another request.
func (w *wire) wantOpen() {
	w.t.Helper()
	w.send("GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + clientKey + "\r\n\r\n")
	if a := w.answer("GET"); a.line != "HTTP/1.1 200 OK" || !strings.HasPrefix(a.body, `{"object":"list"`) {
		w.t.Errorf("the next request got %s %s", a.line, a.body)
	}
}

// complaint is an error in either vendor's form.
type complaint struct {
	form, kind, code, param, message string
}

// complaintIn reads an error body strictly: the members that the vendor's form has, all of them, and no other.
func complaintIn(t testing.TB, body string) complaint {
	t.Helper()
	var whole map[string]json.RawMessage
	var inner map[string]any
	if err := json.Unmarshal([]byte(body), &whole); err != nil {
		t.Fatalf("error body: %v: %q", err, body)
	}
	if err := json.Unmarshal(whole["error"], &inner); err != nil {
		t.Fatalf("error body: %v: %q", err, body)
	}
	text := func(name string) string {
		v, ok := inner[name]
		s, isText := v.(string)
		if !ok || !isText && v != nil {
			t.Errorf("error.%s is neither text nor null in %s", name, body)
		}
		return s
	}
	c := complaint{form: "openai", kind: text("type"), message: text("message")}
	if c.message == "" {
		t.Errorf("no message in %s", body)
	}
	if _, ok := whole["type"]; ok {
		c.form = "anthropic"
		if id, ok := whole["request_id"]; string(whole["type"]) != `"error"` || !ok || len(whole) != 3 || len(inner) != 2 || len(id) < 3 {
			t.Errorf("not Anthropic's form: %s", body)
		}
		return c
	}
	c.code, c.param = text("code"), text("param")
	if len(whole) != 1 || len(inner) != 4 {
		t.Errorf("not OpenAI's form: %s", body)
	}
	return c
}

// wantComplaint checks an error answer: form and type always, code and param as far as the form has them.
func (a answer) wantComplaint(t testing.TB, line string, want complaint) {
	t.Helper()
	if a.line != line {
		t.Errorf("%s, want %s: %s", a.line, line, a.body)
	}
	if a.err != nil {
		t.Errorf("body: %v", a.err)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	if a.header.Get("Date") == "" || a.header.Get("X-Request-Id")+a.header.Get("Request-Id") == "" {
		t.Errorf("no date or no request id in %v", a.header)
	}
	if strings.Contains(a.body, secretMark) {
		t.Errorf("a secret in %s", a.body)
	}
	got := complaintIn(t, a.body)
	got.message = ""
	if got != want {
		t.Errorf("%+v, want %+v: %s", got, want, a.body)
	}
}

func openAI(kind, code, param string) complaint {
	return complaint{form: "openai", kind: kind, code: code, param: param}
}

func anthropic(kind string) complaint { return complaint{form: "anthropic", kind: kind} }

// request writes a request with the team's key and the right length.
func request(method, path, body string, fields ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + path + " HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer " + clientKey + "\r\n")
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	if method == "POST" {
		b.WriteString("Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.String()
}
