package gateway_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// check says what is wrong with a whole answer.
func (u *user) check(q *request, a *answer) error {
	ids := append(a.head.Values("X-Request-Id"), a.head.Values("Request-Id")...)
	if len(ids) != 1 || u.r.ids[ids[0]] {
		return fmt.Errorf("request ids %q: not one, or not a new one", ids)
	}
	u.r.ids[ids[0]] = true
	if q.kind.last && !u.closing {
		return errors.New("the connection has to close behind this one")
	}
	switch {
	case !q.asks():
		return u.checkOwn(q, a)
	case a.head.Get("X-Token") != "":
		return u.checkProviders(q, a)
	case a.status == 200 && q.kind.stream: // the gateway's head, so that the client waits
		return u.checkStream(q, a)
	}
	return u.checkRefusal(q, a)
}

// checkOwn looks at an answer that no provider has a part in.
func (u *user) checkOwn(q *request, a *answer) error {
	if a.status != q.want() && !(u.r.drained && a.status == 503) && !(u.r.pol.RequestsPerLoop+int(u.r.pol.MemoryPerLoop) > 0 && a.status == 503) && a.status != 408 {
		return fmt.Errorf("wanted status %d, got %d: %.300q", q.want(), a.status, a.body)
	}
	if q.noEnd {
		if len(a.body) > 0 {
			return errors.New("an answer to HEAD has a body")
		}
		return nil
	}
	if a.status != 200 {
		return u.checkEnvelope(q, a)
	}
	if !bytes.Contains(a.body, []byte(`"both"`)) {
		return fmt.Errorf("models: %q", a.body)
	}
	return nil
}

// checkRefusal looks at the gateway's own word to a request that a provider should have answered.
func (u *user) checkRefusal(q *request, a *answer) error {
	if u.r.calm {
		return fmt.Errorf("refused where nothing went wrong: %.300q", a.body)
	}
	switch a.status {
	case 404:
		if !u.r.reloaded && q.model != "m-gamma" {
			return fmt.Errorf("not found: %.300q", a.body)
		}
	case 408:
		if !u.sluggish && u.link.BufferBytes >= 2048 {
			return fmt.Errorf("timed out: %.300q", a.body)
		}
	case 429, 502, 503, 504, 529:
	default:
		return fmt.Errorf("refused: %.300q", a.body)
	}
	return u.checkEnvelope(q, a)
}

// checkEnvelope looks at the form of an error of the gateway's own.
func (u *user) checkEnvelope(q *request, a *answer) error {
	var e struct {
		Type      string
		RequestID *string `json:"request_id"`
		Error     *struct {
			Message, Type string
			Code, Param   any
		}
	}
	if err := json.Unmarshal(a.body, &e); err != nil || e.Error == nil || e.Error.Message == "" || e.Error.Type == "" {
		return fmt.Errorf("no error of any API: %.300q", a.body)
	}
	anthropic := e.Type == "error" && e.RequestID != nil
	if a.status != 408 && a.status != 400 && anthropic != (q.api == "anthropic") { // those may come before the head is whole
		return fmt.Errorf("an error of another API: %.300q", a.body)
	}
	if e.Error.Code == "overloaded" && a.head.Get("Retry-After") == "" {
		return errors.New("overloaded, but not for how long")
	}
	return nil
}

// checkProviders looks at an answer whose head is a provider's.
func (u *user) checkProviders(q *request, a *answer) error {
	switch {
	case a.status == 204 || a.status == 304:
		if len(a.body) > 0 {
			return errors.New("a body where none can be")
		}
		return nil
	case a.status >= 300 && a.status < 400 || a.status == 407 || a.status > 599:
		return errors.New("a status that may not reach a client")
	case a.status != 200:
		of := u.r.byMark[a.mark]
		if of == nil || of.status != a.status || !bytes.Equal(a.body, errorAnswer(of.exchanged(), of.api, a.status)) {
			return fmt.Errorf("not what the provider says: %.300q", a.body)
		}
		return nil
	case q.kind.stream && strings.HasPrefix(a.head.Get("Content-Type"), "text/event-stream"):
		return u.checkStream(q, a)
	}
	return u.checkWhole(q, a)
}

// checkWhole looks at an answer that does not stream.
func (u *user) checkWhole(q *request, a *answer) error {
	want := q.op.whole(exchanged{q.token, a.mark})
	if bytes.Equal(a.body, want) {
		if q.op.counts {
			u.paid.add(q.token, q.op)
		}
		return nil
	}
	for _, b := range u.r.asks {
		if b.token == q.token && b.mayBeCut() && (a.mark == "" || a.mark == b.mark) && bytes.HasPrefix(q.op.whole(b.exchanged()), a.body) {
			return nil
		}
	}
	return fmt.Errorf("another body than was sent: got  %.300q\nwant %.300q", a.body, want)
}

// mayBeCut says that the provider's framing tells nobody that something is missing.
func (a *ask) mayBeCut() bool { return a.untilClose || a.fate == "length too small" }

// checkStream looks at an event stream: it is whole, or it ends with one error event.
func (u *user) checkStream(q *request, a *answer) error {
	if a.mark != "" {
		return u.checkStreamOf(a.mark, q, a)
	}
	// It broke off within its first mark, or before it.
	err := u.checkStreamOf("", q, a)
	for _, b := range u.r.asks {
		if b.token == q.token && err != nil {
			err = u.checkStreamOf(b.mark, q, a)
		}
	}
	return err
}

func (u *user) checkStreamOf(mark string, q *request, a *answer) error {
	body := dropComments(a.body)
	var want, sent []byte
	finish := 0
	for _, e := range q.op.events(exchanged{q.token, mark}) {
		if e.spare {
			continue
		}
		sent = append(sent, e.bytes...)
		if q.kind.usage || !e.usage {
			want = append(want, e.bytes...)
		}
		if e.finish {
			finish = len(want) - len("\n\n")
		}
	}
	if bytes.Equal(body, want) {
		if q.op.counts {
			u.paid.add(q.token, q.op)
		}
		return nil
	}
	if u.r.calm {
		return fmt.Errorf("another stream than was sent: got  %.300q\nwant %.300q", body, want)
	}
	if bytes.HasPrefix(want, body) || bytes.HasPrefix(sent, body) {
		if len(body) >= finish {
			return nil // the answer itself is whole: what a provider leaves out behind its finish is its own affair
		}
		return fmt.Errorf("a stream that neither is whole nor ends with an error event: %.400q", body[max(0, len(body)-200):])
	}
	if bytes.Equal(bytes.TrimRight(body, "\n"), bytes.TrimRight(want[:min(len(want), len(bytes.TrimRight(body, "\n")))], "\n")) && len(bytes.TrimRight(body, "\n")) >= finish {
		return nil // a line feed or two more than the provider has sent
	}
	// What is left is the beginning, which may end within an event, and one error event.
	if !bytes.HasSuffix(body, []byte("\n\n")) {
		return fmt.Errorf("the error event does not end: %q", body[max(0, len(body)-200):])
	}
	at := bytes.LastIndex(body[:len(body)-2], []byte("\n\n"))
	if at < 0 {
		at = 0
	}
	before := bytes.TrimRight(body[:at], "\n")
	own := u.beginsError(mark, want, before)
	if !bytes.HasPrefix(want, before) && !own {
		return fmt.Errorf("a stream with other events than were sent: got %.400q\nwant %.400q", before[max(0, len(before)-200):], want)
	}
	if len(before) >= finish && !own {
		return fmt.Errorf("a stream with its finish and an error event: %.400q", body[max(0, len(body)-400):])
	}
	u.r.count("error event")
	return u.checkErrorEvent(mark, q, bytes.TrimLeft(body[at:], "\n"))
}

// beginsError says that a stream ends with the beginning of its provider's own error event.
func (u *user) beginsError(mark string, want, got []byte) bool {
	of := u.r.byMark[mark]
	if of == nil || !of.failing {
		return false
	}
	ev := errorEvent(of.exchanged(), of.op)
	for at := 0; ; {
		if bytes.HasPrefix(want, got[:at]) && bytes.HasPrefix(ev, got[at:]) {
			return true
		}
		i := bytes.Index(got[at:], []byte("\n\n"))
		if i < 0 {
			return false
		}
		at += i + 2
	}
}

// checkErrorEvent looks at the event that ends a stream which broke off.
func (u *user) checkErrorEvent(mark string, q *request, ev []byte) error {
	if of := u.r.byMark[mark]; of != nil && of.failing && bytes.Equal(ev, errorEvent(of.exchanged(), of.op)) {
		return nil // the provider's own
	}
	lines := strings.Split(strings.TrimRight(string(ev), "\n"), "\n")
	data, ok := strings.CutPrefix(lines[len(lines)-1], "data: ")
	var e struct {
		Type    string
		Message string
		Error   *struct{ Message, Type string }
	}
	if err := json.Unmarshal([]byte(data), &e); !ok || err != nil {
		return fmt.Errorf("no error event: %.300q", ev)
	}
	plain := len(lines) == 1 && e.Error != nil && e.Error.Message != ""
	named := len(lines) == 2 && lines[0] == "event: error" && e.Type == "error"
	switch {
	case q.op.api == "anthropic":
		ok = named && e.Error != nil
	case strings.HasPrefix(q.op.name, "responses"):
		ok = named && e.Message != "" || plain && strings.Contains(e.Error.Message, "provider says")
	default:
		ok = plain
	}
	if !ok {
		return fmt.Errorf("an error event of another API: %.300q", ev)
	}
	return nil
}

// dropComments takes keep-alive comments out of an event stream.
func dropComments(b []byte) []byte {
	if !bytes.Contains(b, []byte("\n:")) && !bytes.HasPrefix(b, []byte(":")) {
		return b
	}
	var out []byte
	for _, line := range bytes.SplitAfter(b, []byte("\n\n")) {
		if !bytes.HasPrefix(line, []byte(":")) {
			out = append(out, line...)
		}
	}
	return out
}
