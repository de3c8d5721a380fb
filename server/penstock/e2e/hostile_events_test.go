package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// eventForm is one way to write an event stream. The request asks for no usage: the gateway does, and takes it out again.
type eventForm struct {
	name   string
	says   string
	gets   string // "" where it is what the provider says
	what   string // how the document puts it
	fields string // more field lines of the head, in lower case
	breaks bool   // the client gets what the provider said, and then an error event
	api    string // "" is OpenAI's chat
}

const (
	someUsage = `{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}`
	usageForm = `data: {"id":"c","choices":[],"usage":` + someUsage + "}\n\n"
	nullForm  = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}],"usage":null}` + "\n\n"
	cleanForm = `data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}` + "\n\n"
	stopForm  = `data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	endForm   = "data: [DONE]\n\n"
	wholeForm = cleanForm + stopForm + endForm
)

func zipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s) // to a buffer
	_ = w.Close()
	return b.String()
}

// ending has the lines of s end in end.
func ending(s, end string) string { return strings.ReplaceAll(s, "\n", end) }

func eventForms() []eventForm {
	const same, less = "every byte", "all but the usage"
	ours := nullForm + stopForm + usageForm + endForm
	failing := func(name, event string) eventForm {
		return eventForm{name: name, says: cleanForm + event, what: same}
	}
	messages := func(name, end string) eventForm {
		const begin = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"
		return eventForm{name: name, says: begin + end, what: same, api: "messages"}
	}
	return []eventForm{
		{name: "ends lines in LF", says: ours, gets: wholeForm, what: less},
		{name: "ends lines in CR LF", says: ending(ours, "\r\n"), gets: ending(wholeForm, "\r\n"), what: less},
		{name: "ends lines in CR", says: ending(ours, "\r"), gets: ending(wholeForm, "\r"), what: less},
		{name: "ends lines in all three ways", says: nullForm + ending(stopForm, "\r") + ending(usageForm, "\r\n") + endForm, gets: cleanForm + ending(stopForm, "\r") + endForm, what: less},
		{name: "begins with a byte order mark", says: "\xEF\xBB\xBF" + ours, gets: "\xEF\xBB\xBF" + wholeForm, what: less},
		{name: "puts no blank after data:", says: strings.ReplaceAll(ours, "data: ", "data:"), gets: strings.ReplaceAll(wholeForm, "data: ", "data:"), what: less},
		{name: "sends comments, id:, retry: and fields that nobody knows", says: ": hello\n\nid: 7\nretry: 100\nx: y\n" + nullForm + ":\n" + stopForm + usageForm + ": bye\n\n" + endForm, gets: ": hello\n\nid: 7\nretry: 100\nx: y\n" + cleanForm + ":\n" + stopForm + ": bye\n\n" + endForm, what: less},
		{name: "sends blank lines", says: "\n\n\n" + nullForm + "\n\n" + stopForm + "\n" + endForm + "\n", gets: "\n\n\n" + cleanForm + "\n\n" + stopForm + "\n" + endForm + "\n", what: less},
		{name: "spreads an event over several data: lines", says: "data: {\"choices\":[{\"delta\":{}}],\ndata: \"usage\":null}\n\n" + stopForm + endForm, what: same},
		{name: "sends a line of 1 MiB", says: strings.Replace(cleanForm, "Hi", strings.Repeat("Hi", 512<<10), 1) + stopForm + usageForm + endForm, gets: strings.Replace(cleanForm, "Hi", strings.Repeat("Hi", 512<<10), 1) + stopForm + endForm, what: less},
		{name: "sends usage: null in a line of 1 MiB", says: strings.Replace(nullForm, "Hi", strings.Repeat("Hi", 512<<10), 1) + stopForm + endForm, what: same},
		{name: "sends no usage", says: wholeForm, what: same},
		{name: "sends its usage twice", says: cleanForm + stopForm + usageForm + usageForm + endForm, gets: wholeForm, what: less},
		{name: "sends its usage after [DONE]", says: wholeForm + usageForm, gets: wholeForm, what: less},
		{name: "sends its usage with the last choice", says: cleanForm + strings.Replace(stopForm, "}\n\n", `,"usage":`+someUsage+"}\n\n", 1) + endForm, what: same},
		{name: "leaves out [DONE]", says: cleanForm + stopForm, what: same},
		{name: "sends [DONE] twice", says: wholeForm + endForm, what: same},
		{name: "leaves out the last blank line", says: wholeForm[:len(wholeForm)-1], gets: wholeForm, what: "the blank line as well"},
		{name: "leaves out the end of the last line", says: cleanForm + "data: [DONE]", gets: cleanForm + endForm, what: "the line ends as well"},
		{name: "ends without a finish_reason and without [DONE]", says: cleanForm, breaks: true, what: "error event `upstream_incomplete`"},
		{name: "ends within an event", says: cleanForm + `data: {"id":"c","choi`, gets: cleanForm, breaks: true, what: "error event `upstream_incomplete`"},
		{name: "encodes its stream by gzip, unasked", says: zipped(ours), fields: "content-encoding: gzip\r\n", what: same},
		{name: "says that its stream is not encoded", says: ours, gets: wholeForm, fields: "content-encoding: identity\r\n", what: less},
		{name: "names a type with parameters in upper case", says: ours, gets: wholeForm, what: less},
		failing("ends in an error as OpenAI writes it", `data: {"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}`+"\n\n"),
		failing("ends in an error and [DONE], as vLLM does", `data: {"error": {"object": "error", "message": "x", "type": "InternalServerError", "param": null, "code": 500}}`+"\n\n"+endForm),
		failing("ends in an error in an array, as Gemini writes it", `data: [{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}]`+"\n\n"),
		failing("ends in an error within a chunk, as OpenRouter does", `data: {"id":"c","error":{"code":502,"message":"x"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}`+"\n\n"),
		failing("ends in an event named error", "event: error\ndata: {\"message\":\"x\"}\n\n"),
		messages("ends in an error as Anthropic writes it", "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"),
		messages("sends Anthropic's events, ping among them", "event: ping\ndata: {\"type\": \"ping\"}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
	}
}

// formProvider plays a provider whose answers are event forms: the model is the row's number, and the size of the pieces.
type formProvider struct {
	forms []eventForm
	over  protocol
}

func (f *formProvider) answer(p *peer, a ask) {
	n, size, _ := strings.Cut(a.name, "-")
	row, _ := strconv.Atoi(n)
	step, _ := strconv.Atoi(size)
	form := f.forms[row]
	contentType := "text/event-stream"
	if strings.Contains(form.name, "upper case") {
		contentType = "Text/Event-Stream; Charset=UTF-8"
	}
	if f.over == http1 {
		p.say("HTTP/1.1 200 OK\r\nContent-Type: " + contentType + "\r\n" + chunkedField + form.fields + "\r\n")
	} else {
		block := lit(":status", "200") + lit("content-type", contentType)
		if name, value, ok := strings.Cut(strings.TrimSuffix(form.fields, "\r\n"), ": "); ok {
			block += lit(name, value)
		}
		p.say(frame(1, 4, a.id, block))
	}
	var b bytes.Buffer
	for s := form.says; s != ""; {
		n := min(step, len(s))
		if f.over == http1 {
			b.WriteString(chunk(s[:n]))
		} else {
			b.WriteString(frame(0, 0, a.id, s[:n]))
		}
		s = s[n:]
	}
	if f.over == http1 {
		b.WriteString("0\r\n\r\n")
	} else {
		b.WriteString(frame(0, 1, a.id, ""))
	}
	p.say(b.String())
}

func (f *formProvider) listen(t testing.TB) string {
	r := &hostileRun{t: t, deed: &misdeed{over: f.over}, asks: map[string][]int{}}
	return listenRaw(t, func(c net.Conn) {
		noDelay(c)
		p := &peer{Conn: c, run: r, under: c}
		f.serve(p)
	}).addr
}

func (f *formProvider) serve(p *peer) {
	if f.over == http1 {
		p.open1()
		p.converse(p.ask1, func(a ask) { f.answer(p, a) })
		return
	}
	if p.open2("") == nil {
		p.converse(p.ask2, func(a ask) { f.answer(p, a) })
	}
}

// TestEventForms plays every form over both protocols, wholeForm and in pieces of one byte.
func TestEventForms(t *testing.T) {
	t.Parallel()
	forms := eventForms()
	config := oneLoop(preamble) + clientKeys + "providers:\n"
	for _, over := range []protocol{http1, h2c} {
		config += providerLines(string(over), (&formProvider{forms, over}).listen(t), over)
	}
	g := startGateway(t, config)
	var wg sync.WaitGroup
	for _, over := range []protocol{http1, h2c} {
		for _, step := range []int{1, 7, 16 << 10} {
			wg.Go(func() {
				w := dial(t, g.url)
				for i, f := range forms {
					if len(f.says) > 200<<10 && (step < 100 || over == h2c) {
						continue // the provider knows no windows
					}
					f.play(rowTB{t, fmt.Sprintf("%s, %s, in pieces of %d", f.name, over, step)}, w, string(over), fmt.Sprintf("%d-%d", i, step))
				}
			})
		}
	}
	wg.Wait()
	if n := g.metric(t, "penstock_exchanges_open"); n != 0 {
		t.Errorf("%v exchanges are open", n)
	}
}

func (f *eventForm) play(t testing.TB, w *wire, provider, model string) {
	if f.api == "messages" {
		w.send(request("POST", "/v1/messages", messagesBody(provider+"-a/"+model, true), "anthropic-version: 2023-06-01"))
	} else {
		w.send(request("POST", "/v1/chat/completions", chatBody(provider+"/"+model, true)))
	}
	r, err := http.ReadResponse(w.in, &http.Request{Method: "POST"})
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	b, err := io.ReadAll(r.Body)
	want := f.gets
	if want == "" {
		want = f.says
	}
	got := string(b)
	if f.breaks {
		head, last, ok := strings.Cut(got, `data: {"error":`)
		if !ok || !strings.Contains(last, `"upstream_incomplete"`) || strings.Contains(got, "[DONE]") {
			t.Errorf("ends in %q", tail(b, 300))
		}
		got = head[:min(len(want), len(head))]
	}
	if r.StatusCode != 200 || err != nil || got != want {
		t.Errorf("%s %v: %d bytes %q, want %d %q", r.Status, err, len(got), tail([]byte(got), 300), len(want), tail([]byte(want), 300))
	}
	if e := r.Header.Get("Content-Encoding"); e != "" != strings.HasPrefix(f.fields, "content-encoding") {
		t.Errorf("content encoding %q", e)
	}
}
