package dialect

import (
	"bytes"
	"math"
)

var (
	keyFinish   = quotedKey{text: `"finish_reason"`}
	keySequence = quotedKey{text: `"sequence_number"`}
)

// byteOrderMark may stand at the beginning of an event stream (WHATWG HTML §9.2.5).
const byteOrderMark = "\xEF\xBB\xBF"

// EndScanner says whether an event stream came to its proper end, so that the gateway can tell a client of one that did not.
// A stream has ended properly after `data: [DONE]`, after a finish_reason (chat/completions and completions: compatible servers
// may leave [DONE] out), after response.completed, .incomplete or .failed, message_stop, the last event of an image or audio
// stream, or after an error event of any of them, which the client has then seen.
//
// What ends a stream counts once its line is complete; a last line without its end counts if all that it has opened is closed.
type EndScanner struct {
	find     keyFinder
	head     [lineHeadBytes]byte // of a line that began in an earlier piece
	headLen  int
	sequence int64
	whole    int // see Whole
	line     lineEnd
	cr       bool    // the last line ended in CR: an LF would belong to it
	inside   bool    // an event has begun and not ended
	tail     nesting // of the line that has no end yet
	finish   bool    // look for finish_reason
	reason   bool    // its value has begun: one byte of it is still to be seen
	numbered bool    // look for sequence_number
	named    bool    // the event's name ends the stream
	pending  bool    // this line ends the stream
	ended    bool
	failed   bool
}

// Reset makes the scanner ready for a stream of ep, which may be nil.
func (s *EndScanner) Reset(ep *Endpoint) {
	*s = EndScanner{}
	if ep != nil {
		s.finish = ep.ID == idChat || ep.ID == idCompletions
		s.numbered = ep.ID == idResponses || ep.ID == idResponse
	}
}

// Ended says whether the stream has ended properly or with an error event.
func (s *EndScanner) Ended() bool {
	if s.ended {
		return true
	}
	s.checkPartial()
	return s.pending && s.tail.closed()
}

// Failed says whether it ended with an error event.
func (s *EndScanner) Failed() bool { return s.Ended() && s.failed }

// Between says whether what was fed ends between two events, where a comment or an event of the gateway's own may stand.
func (s *EndScanner) Between() bool { return !s.inside }

// Missing is what the last event lacks so that a client does not drop it at the end of the stream (WHATWG HTML §9.2.6): its blank line,
// where all of its lines are complete, or all but the line feed of the one that ends the stream. Half a line is best dropped.
func (s *EndScanner) Missing() string {
	switch {
	case !s.inside:
		return ""
	case s.line == lineEnded:
		return "\n"
	case s.line == lineCR:
		return "\n\n"
	case !s.ended && s.Ended():
		return "\n\n"
	}
	return ""
}

// Whole is how many bytes of the piece that was fed last belong to events that are complete: all of it, where Between.
func (s *EndScanner) Whole() int { return s.whole }

// Sequence is the sequence_number that an event after those of a /v1/responses stream would have.
func (s *EndScanner) Sequence() int64 {
	s.checkPartial()
	return s.sequence
}

// Feed takes the next piece of the stream. It borrows b.
func (s *EndScanner) Feed(b []byte) {
	if len(b) == 0 {
		return
	}
	s.track(b)
	for len(b) > 0 && !s.ended {
		if s.cr {
			if s.cr = false; b[0] == '\n' {
				b = b[1:]
				continue
			}
		}
		end := indexLineEnd(b)
		line := b
		if end >= 0 {
			line = b[:end]
		}
		if s.finish && !s.pending {
			s.findReason(line)
			s.find.end(line)
		}
		if end < 0 {
			s.headLen += copy(s.head[s.headLen:], line)
			s.tail.feed(line)
			return
		}
		s.tail = nesting{}
		if s.headLen > 0 {
			s.headLen += copy(s.head[s.headLen:], line)
			line = s.head[:s.headLen]
		}
		s.check(line[:min(len(line), lineHeadBytes)])
		s.ended, s.headLen = s.pending, 0
		s.cr = b[end] == '\r'
		b = b[end+1:]
	}
}

// nesting follows the braces and brackets of JSON. It looks at each byte, so it is for what ends within a line only.
type nesting struct {
	depth    int
	opened   bool
	inString bool
	escaped  bool
}

func (n *nesting) feed(b []byte) {
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case n.escaped:
			n.escaped = false
		case n.inString && c == '\\':
			n.escaped = true
		case n.inString && c != '"':
			// The text of an event may be long: images are.
			rest := b[i:]
			if at := bytes.IndexByte(rest, '"'); at >= 0 {
				rest = rest[:at]
			}
			if at := bytes.IndexByte(rest, '\\'); at >= 0 {
				rest = rest[:at]
			}
			i += len(rest) - 1
		case c == '"':
			n.inString = !n.inString
		case c == '{' || c == '[':
			n.depth++
			n.opened = true
		case c == '}' || c == ']':
			n.depth--
		}
	}
}

// closed says that something was opened and nothing is open any more.
func (n *nesting) closed() bool { return n.opened && n.depth == 0 && !n.inString }

// track keeps whether the last event is complete.
func (s *EndScanner) track(b []byte) {
	if endsEvent(b) {
		s.line, s.inside, s.whole = lineEnded, false, len(b)
		return
	}
	s.whole = 0
	for at := 0; at < len(b); {
		n, line := eventEnd(b[at:], s.line)
		s.line, s.inside = line, line != lineBlank
		at += n
		if !s.inside {
			s.line, s.whole = lineEnded, at
		}
	}
}

func (s *EndScanner) findReason(b []byte) {
	for i := 0; i < len(b); {
		if s.reason {
			s.reason = false
			if b[i] != '"' {
				s.pending = true
				return
			}
		}
		at, found := s.find.next(b, i, keyFinish)
		if !found {
			return
		}
		if i = at; b[at] == '"' {
			s.reason = true
			i++
		}
	}
}

// checkPartial looks at a line that may have more to come.
func (s *EndScanner) checkPartial() {
	if s.headLen > 0 {
		s.check(s.head[:s.headLen])
	}
}

// check looks at the beginning of a line.
func (s *EndScanner) check(line []byte) {
	if hasPrefix(line, byteOrderMark) {
		line = line[len(byteOrderMark):]
	}
	switch {
	case hasPrefix(line, "data:"):
		s.data(line[skipSpace(line, len("data:")):])
	case hasPrefix(line, "event:"):
		s.named = s.terminal(bytes.TrimRight(line[skipSpace(line, len("event:")):], " "))
	case len(line) == 0:
		s.named = false
	}
}

func (s *EndScanner) data(data []byte) {
	if s.numbered {
		s.number(data)
	}
	if s.named || hasPrefix(data, "[DONE]") {
		s.pending = true
		return
	}
	i := 0
	if hasPrefix(data, "[") { // Gemini's OpenAI door wraps errors in an array
		i = skipSpace(data, 1)
	}
	if i >= len(data) || data[i] != '{' {
		return
	}
	start := skipSpace(data, i+1)
	value, why := skipKey(data, start)
	if why != jsonOK || value >= len(data) {
		return
	}
	switch name := data[start:value]; {
	case hasPrefix(name, `"type"`) && data[value] == '"':
		if end := bytes.IndexByte(data[value+1:], '"'); end >= 0 && s.terminal(data[value+1:value+1+end]) {
			s.pending = true
		}
	case hasPrefix(name, `"error"`) && data[value] != 'n':
		s.pending, s.failed = true, true
	}
}

func (s *EndScanner) number(data []byte) {
	var f keyFinder
	at, found := f.next(data, 0, keySequence)
	if !found {
		return
	}
	if n := wholeNumber(data[at:skipDigits(data, at)]); n >= 0 && n < math.MaxInt64 {
		s.sequence = max(s.sequence, n+1)
	}
}

// terminal says whether an event of this name or type is a stream's last.
func (s *EndScanner) terminal(name []byte) bool {
	switch string(name) {
	case "error", "response.failed":
		s.failed = true
		return true
	case "message_stop", "response.completed", "response.incomplete", "image_generation.completed", "image_edit.completed",
		"transcript.text.done", "speech.audio.done":
		return true
	}
	return false
}
