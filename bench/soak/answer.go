package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
)

// answer is a response as it came.
type answer struct {
	status  int
	header  http.Header
	stream  bool
	body    []byte // of what is no stream
	text    []byte // of a stream: what the model said, put together
	events  int
	done    bool   // a stream came to its own end
	failure string // the error event of a stream
	late    bool   // events came after the end or after an error
	closes  bool
	err     error // what cut it short
	began   bool  // some of it came
}

const bodyLimit = 64 << 20

var (
	getRequest  = &http.Request{Method: "GET"}
	openAIText  = []byte(`"content":"`)
	claudeText  = []byte(`"text_delta","text":"`)
	dataField   = []byte("data: ")
	errorObject = []byte(`data: {"error":`)
)

// readAnswer reads one response. net/http is the judge of its form: it is not the gateway's own.
func readAnswer(in *bufio.Reader) *answer {
	a := &answer{}
	if _, a.err = in.Peek(1); a.err != nil {
		return a
	}
	a.began = true
	r, err := http.ReadResponse(in, getRequest)
	if err != nil {
		a.err = err
		return a
	}
	a.status, a.header, a.closes = r.StatusCode, r.Header, r.Close
	a.stream = strings.HasPrefix(r.Header.Get("Content-Type"), "text/event-stream")
	if a.stream {
		a.err = a.readEvents(r.Body)
	} else {
		a.body, a.err = io.ReadAll(io.LimitReader(r.Body, bodyLimit))
	}
	return a
}

// readEvents reads an event stream to its end.
func (a *answer) readEvents(body io.Reader) error {
	in := bufio.NewReaderSize(body, 32<<10)
	named := "" // of an event that had its own line
	for {
		b, err := in.ReadSlice('\n')
		if len(b) > 0 && err == nil {
			named = a.eventLine(bytes.TrimSuffix(b, []byte{'\n'}), named)
		}
		switch {
		case errors.Is(err, io.EOF) && len(b) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return errors.New("an event stream that ends in the middle of a line")
		case err != nil:
			return err
		}
	}
}

func (a *answer) eventLine(b []byte, named string) string {
	switch {
	case len(b) == 0:
		return ""
	case b[0] == ':':
		return named // a comment
	case bytes.HasPrefix(b, []byte("event: ")):
		return string(b[len("event: "):])
	case !bytes.HasPrefix(b, dataField):
		a.late = true // no line of any vendor's stream
		return named
	}
	a.events++
	a.late = a.late || a.done || a.failure != ""
	switch {
	case named == "error" || bytes.HasPrefix(b, errorObject):
		a.failure = string(b[len(dataField):])
	case named == "message_stop" || string(b) == "data: [DONE]":
		a.done = true
	case named == "":
		a.text = appendQuoted(a.text, b, openAIText)
	case named == "content_block_delta":
		a.text = appendQuoted(a.text, b, claudeText)
	}
	return named
}

// appendQuoted appends the string that follows mark. What the soak asks to be said holds nothing that JSON escapes.
func appendQuoted(dst, b, mark []byte) []byte {
	_, rest, found := bytes.Cut(b, mark)
	if !found {
		return dst
	}
	text, _, _ := bytes.Cut(rest, []byte{'"'})
	return append(dst, text...)
}

// said is what the model said in a whole answer; false where the body has not the vendor's form.
func (a *answer) said(claude bool) (string, bool) {
	if claude {
		var m struct {
			Content []struct{ Text string }
		}
		if json.Unmarshal(a.body, &m) != nil || len(m.Content) != 1 {
			return "", false
		}
		return m.Content[0].Text, true
	}
	var c struct {
		Choices []struct{ Message struct{ Content string } }
		Usage   struct {
			Total int `json:"total_tokens"`
		}
	}
	if json.Unmarshal(a.body, &c) != nil || len(c.Choices) != 1 || c.Usage.Total == 0 {
		return "", false
	}
	return c.Choices[0].Message.Content, true
}

// inForm says whether text is an error in the form of the API that was called.
func inForm(text []byte, claude bool) bool {
	var e struct {
		Type  string
		Error struct{ Type, Message string }
	}
	if json.Unmarshal(text, &e) != nil || e.Error.Message == "" || e.Error.Type == "" {
		return false
	}
	return (e.Type == "error") == claude
}

// hung says that a read or write ran into the client's own deadline.
func hung(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// malformed says that an answer was no HTTP, in contrast to one that broke off.
func (a *answer) malformed() bool {
	return a.began && a.status == 0 && a.err != nil && !brokenOff(a.err)
}

// brokenOff says that the connection ended before the answer did.
func brokenOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}
