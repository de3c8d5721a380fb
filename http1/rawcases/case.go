package rawcases

import (
	"slices"
	"strconv"
	"strings"
)

// Rule is what the RFCs say about a request.
type Rule uint8

// The rules.
const (
	// Serve: it is valid, and a server has to take it.
	Serve Rule = iota
	// May: a server may refuse it, or serve it in the one way that the case says. Most invalid requests are of this kind: RFC 9110 §2.2
	// lets a recipient recover a usable request from an invalid one, as long as what it sends on is valid.
	May
	// Refuse: no server may serve it.
	Refuse
)

// Input is what the client does after its last byte.
type Input uint8

// The inputs.
const (
	Open  Input = iota // it waits for the answer
	Shut               // it ends its sending: the half-close of TCP
	Stall              // it sends nothing more, though something has to come: the server's timeout decides
)

// Case is what one connection brings.
type Case struct {
	Family, Name string
	Section      string   // what decides, such as "RFC 9112 §6.3"
	Send         []string // the pieces of the input; a moment passes between two of them
	Input        Input
	Want         []Want // for each request in the input, in order; what follows the last of them is no request
}

// Want is what may become of one request.
type Want struct {
	Rule Rule

	// Of any server that serves it.
	Content string // what its provider gets as content
	Head    bool   // HEAD: no content in the answer
	Close   bool   // the connection has to close after the answer
	Own     bool   // any server may answer it by itself

	// Of ours. Status 0: no answer, the connection just ends.
	Status  int
	Forward bool // a provider is asked
	Keep    bool // the connection serves the next request
	Interim bool // 100 (Continue) comes before the answer
}

// Bytes is the whole input.
func (c *Case) Bytes() string { return strings.Join(c.Send, "") }

// Key, Model and Doc are what the requests of the table hold: a client's key, the name of a model, and the smallest body.
const (
	Key   = "sk-raw-cases-0001"
	Model = "m"
	Doc   = `{"model":"m"}`
)

// Head is one request head for the codec. Want is what it reads in it, on one line (method, target, @host, framing, flags, fields), or
// status and reason of the refusal.
type Head struct {
	Name, Section, In, Want string
	Rule                    Rule
}

// Body is one chunked body for the codec. Want is its content and, after a bar, what is left for the next request; or status and reason
// of the refusal; or "more" where it is not complete.
type Body struct {
	Name, Section, In, Want string
	Rule                    Rule
}

// Heads lists every request head.
func Heads() []Head { return slices.Concat(requestLines, fields) }

// Cases lists every case, each of whose names occurs once.
func Cases() []Case {
	all := slices.Concat(smuggling, targets, connections, pipelines, expectations, inputs, limits)
	for _, h := range Heads() {
		if c, ok := h.asCase(); ok {
			all = append(all, c)
		}
	}
	for _, b := range Bodies {
		if c, ok := b.asCase(); ok {
			all = append(all, c)
		}
	}
	return all
}

// refusal reads a status at the start of a codec's want.
func refusal(want string) (status int, ok bool) {
	digits, _, _ := strings.Cut(want, " ")
	status, err := strconv.Atoi(digits)
	return status, err == nil
}

// implemented are the methods that some endpoint of ours takes, or that are known well enough to be told apart from no method at all.
var implemented = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

// asCase makes a whole request of a head. Heads whose body nobody could send are left out.
func (h *Head) asCase() (Case, bool) {
	c := Case{Family: "head", Name: h.Name, Section: h.Section, Send: []string{h.In}}
	if status, ok := refusal(h.Want); ok {
		w := Want{Rule: h.Rule, Status: status}
		switch {
		case strings.Contains(h.In, "HTTP/1.0"): // where a coding frames nothing
		case strings.Contains(h.In, "\nTransfer-Encoding"):
			w.Content = "hello"
			c.Send[0] += "5\r\nhello\r\n" + end
		case strings.Contains(h.In, "\nContent-Length: 5"):
			w.Content = "hello"
			c.Send[0] += w.Content
		}
		w.Close = strings.Contains(h.Want, "Transfer-Encoding in an") || strings.Contains(h.Want, "both Transfer-Encoding")
		c.Want = []Want{w}
		return c, true
	}
	words := strings.SplitN(h.Want, " ", 3)
	w := Want{Rule: h.Rule, Status: 404, Keep: strings.Contains(h.Want, " keep")}
	switch {
	case !slices.Contains(implemented, words[0]):
		w.Status = 501
	case words[1] == "*":
		w.Status, w.Own = 405, true
	}
	w.Close = strings.Contains(h.Want, " close")
	switch {
	case strings.Contains(h.Want, " len=5 "):
		w.Content = "hello"
		c.Send[0] += w.Content
	case strings.Contains(h.Want, " chunked "):
		w.Content = "hello"
		c.Send[0] += "5\r\nhello\r\n" + end
		w.Keep = false // a refused body whose length is not known is not waited for
	case strings.Contains(h.Want, " len=9"):
		return Case{}, false
	}
	if strings.HasSuffix(h.Want, " 100") {
		w.Keep = false // nor one that may not come
	}
	c.Want = []Want{w}
	return c, true
}

// asCase makes a whole request of a body.
func (b *Body) asCase() (Case, bool) {
	c := Case{Family: "chunks", Name: b.Name, Section: b.Section}
	in := b.In
	w := Want{Rule: b.Rule}
	if status, ok := refusal(b.Want); ok {
		w.Status = status
		w.Content = strings.Repeat("x", strings.Count(in, "\r\nx\r\n"))
		if strings.Contains(in, Doc) {
			w.Content = Doc
		}
	} else if b.Want == "more" {
		if b.Rule == May {
			return Case{}, false // it cannot be sent
		}
		c.Input, w.Rule = Shut, Refuse
	} else {
		content, rest, _ := strings.Cut(b.Want, "|")
		in = strings.TrimSuffix(in, rest)
		w.Content, w.Forward, w.Keep, w.Status = content, content == Doc, true, 200
		if content != Doc {
			w.Status = 400 // it is no JSON
		}
	}
	c.Send = []string{chat("Transfer-Encoding: chunked\r\n", in)}
	c.Want = []Want{w}
	return c, true
}

// line makes a request of a request line; get and post make one of field lines; host makes one of a Host field.
func line(l string) string      { return l + "\r\nHost: a\r\n\r\n" }
func get(fields string) string  { return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" }
func post(fields string) string { return "POST /p HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" }
func host(value string) string  { return "GET / HTTP/1.1\r\nHost: " + value + "\r\n\r\n" }

const (
	auth      = "Authorization: Bearer " + Key + "\r\n"
	docLength = "Content-Length: 13\r\n"
	docChunk  = "d\r\n" + Doc + "\r\n"
	docChunks = docChunk + end
	chunked   = "Transfer-Encoding: chunked\r\n"
)

// chat makes a request that a provider answers, of framing fields and the body as it is sent.
func chat(fields, body string) string {
	return "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n" + auth + fields + "\r\n" + body
}

// models makes a request that the gateway answers itself, with more fields.
func models(fields string) string {
	return "GET /v1/models HTTP/1.1\r\nHost: a\r\n" + auth + fields + "\r\n"
}

// one is a case of one request in one piece.
func one(family, name, section, in string, w Want) Case {
	return Case{Family: family, Name: name, Section: section, Send: []string{in}, Want: []Want{w}}
}

// The outcomes that most cases have.

// passes: valid, and a provider gets content.
func passes(content string) Want {
	return Want{Status: 200, Content: content, Forward: true, Keep: true}
}

// answered: valid, and ours answers it itself.
func answered(status int) Want { return Want{Status: status, Keep: true} }

// refused: no server may serve it.
func refused(status int) Want { return Want{Rule: Refuse, Status: status} }

// strict: ours refuses what another server may serve with content.
func strict(status int, content string) Want {
	return Want{Rule: May, Status: status, Content: content}
}

// last makes the connection close after the answer.
func last(w Want) Want {
	w.Close, w.Keep = true, false
	return w
}
