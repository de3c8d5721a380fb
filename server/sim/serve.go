package sim

import (
	"bytes"
	"time"
	"unsafe"
)

// serve answers the request in x.req; body is its whole body, borrowed for the call.
func (x *exchange) serve(body []byte) {
	x.prepare()
	switch x.req.endpoint {
	case epStats, epReset:
		x.serveOwn()
		return
	default:
	}
	x.count()
	if r := x.answer(body); r != nil {
		x.refuse(r)
	}
}

// reject answers a request that is not read to its end.
func (x *exchange) reject(r *refusal) {
	x.prepare()
	x.count()
	x.refuse(r)
}

// prepare makes the exchange ready for the request in x.req.
func (x *exchange) prepare() {
	l := x.lane
	x.startAt = l.loop.Now()
	x.created = l.loop.UnixNano() / 1e9
	x.plan = l.s.base
	x.head = head{status: 200, length: -1, remaining: -1, date: x.created, last: l.s.leaving.Load()}
	x.buf, x.calls, x.script = x.buf[:0], x.calls[:0], x.script[:0]
	x.model, x.custom, x.echo = span{}, span{}, span{}
	x.prompt, x.choices, x.tokens, x.made, x.at = 0, 1, 0, 0, 0
	x.form, x.opened, x.closed, x.broken, x.cut, x.usage = formWhole, false, false, false, false, false
	if x.req.anthropic() {
		x.head.vendor = vendorAnthropic
	}
}

// count takes the request into the counters, and its number for its identifiers.
func (x *exchange) count() {
	s := x.lane.s
	x.seed = mix(s.options.Seed + s.sequence.Add(1))
	x.head.id = x.seed
	s.stats.requests.Add(1)
	s.stats.open.Add(1)
}

// serveOwn answers what is about the simulation itself and counts as no request of it.
func (x *exchange) serveOwn() {
	s := x.lane.s
	b := x.lane.scratch[:0]
	switch {
	case !x.req.allowed():
	case x.req.endpoint == epReset:
		s.ResetOffLoop()
		b = append(b, `{"reset":true}`...)
	default:
		b = s.StatsOffLoop().appendJSON(b)
	}
	s.stats.open.Add(1) // which end takes back
	if len(b) == 0 {
		x.refuse(errMethod())
		return
	}
	x.reply(b)
}

// reply answers at once with a body made in the lane's scratch.
func (x *exchange) reply(b []byte) {
	x.lane.keepScratch(b)
	x.whole(b, x.startAt+int64(x.plan.latency))
}

// replyMade is reply for an answer whose tokens take their time.
func (x *exchange) replyMade(b []byte) {
	x.lane.keepScratch(b)
	wait := max(x.plan.latency, x.plan.ttft)
	if x.tokens > 1 {
		wait += x.plan.interval * time.Duration(x.tokens-1)
	}
	x.whole(b, x.startAt+int64(wait))
}

// refuse answers with an error.
func (x *exchange) refuse(r *refusal) {
	x.head.status, x.head.media = r.status, mediaJSON
	x.plan.end, x.plan.after, x.plan.badJSON = endWhole, 0, false
	switch {
	case r.code == "insufficient_quota":
		x.head.retry = -1
	case r.status == 429:
		x.head.retryAfter = max(x.plan.retryAfter, x.head.resetAfter, 1)
	case r.status >= 500:
		x.head.retryAfter = x.plan.retryAfter
		if r.status == 529 {
			x.head.retry = 1
		}
	}
	x.head.last = x.head.last || x.plan.last
	x.lane.s.stats.errors.Add(1)
	x.reply(r.appendTo(x.lane.scratch[:0], x.head.vendor, x.head.id))
}

func (x *exchange) answer(body []byte) *refusal {
	s := x.lane.s
	switch {
	case x.req.endpoint == epNone:
		return errNoPath
	case !x.req.allowed():
		return errMethod()
	case x.req.badKey:
		return errBadKey
	case x.head.vendor == vendorAnthropic && x.req.version == versionNone:
		return errNoVersion
	case x.head.vendor == vendorAnthropic && x.req.version == versionOther:
		return errVersion
	case s.options.RateLimit > 0 && !s.minute.take(x):
		return errRate
	case s.options.ErrorRate > 0 && float64(mix(x.seed)>>11)/(1<<53) < s.options.ErrorRate:
		return errSimulated
	}
	switch x.req.endpoint {
	case epHealth, epModels, epModel, epResponse, epFiles, epFile, epFileContent:
		return x.serveListing(body)
	case epTranscriptions, epTranslations:
		return x.serveTranscription(body)
	default:
		return x.serveJSON(body)
	}
}

// serveJSON answers the endpoints whose body is a JSON object.
func (x *exchange) serveJSON(body []byte) *refusal {
	var f fields
	if !f.read(body) {
		return errBadJSON
	}
	if f.bad != "" {
		return errParam(f.bad)
	}
	x.prompt = f.promptTokens()
	switch x.req.endpoint {
	case epModerations, epImages: // these have a default model
		if !f.hasModel {
			f.model = []byte("sim")
		}
	default:
	}
	if r := x.setModel(f.model); r != nil {
		return r
	}
	if x.plan.status != 0 {
		return x.plan.planned()
	}
	if x.plan.end == endFail && !f.stream {
		return errSimulated
	}
	x.head.last = x.head.last || x.plan.last
	switch x.req.endpoint {
	case epChat:
		return x.serveChat(&f)
	case epCompletions:
		return x.serveCompletion(&f)
	case epResponses:
		return x.serveResponse(&f)
	case epInputTokens:
		b := append(x.lane.scratch[:0], `{"object":"response.input_tokens","input_tokens":`...)
		x.reply(append(appendInt(b, x.prompt), '}'))
		return nil
	case epEmbeddings:
		return x.serveEmbeddings(&f)
	case epMessages, epCountTokens:
		return x.serveMessages(&f)
	case epModerations:
		return x.serveModeration(&f)
	case epImages:
		return x.serveImages(&f)
	case epSpeech:
		return x.serveSpeech(&f)
	default:
		return errNoPath
	}
}

// setModel takes a model's name as it stands in JSON, and the knobs in it. Both forms "chat?x" and "sim/chat?x" are the
// same to it.
func (x *exchange) setModel(raw []byte) *refusal {
	if len(raw) == 0 {
		return errNoModel
	}
	if len(raw) > modelLimitBytes {
		return errLongModel
	}
	name := raw
	if i := bytes.IndexByte(raw, '?'); i >= 0 {
		name = raw[:i]
		knobs := raw[i+1:]
		if bytes.IndexByte(knobs, '\\') >= 0 { // encoders that escape '&'
			x.lane.value = appendUnescaped(x.lane.value[:0], knobs)
			knobs = x.lane.value
		}
		if err := x.plan.apply(unsafe.String(unsafe.SliceData(knobs), len(knobs))); err != nil {
			return errKnobs
		}
	}
	x.model = x.lay(name)
	if bytes.Contains(name, []byte("nonexistent")) || bytes.Contains(name, []byte("unknown")) {
		return errNoSuchModel(name)
	}
	return nil
}

// lay copies b into buf.
func (x *exchange) lay(b []byte) span {
	from := len(x.buf)
	x.buf = append(x.buf, b...)
	return x.since(from)
}

// since is the span from an earlier length of buf to its end.
func (x *exchange) since(from int) span { return span{int32(from), int32(len(x.buf))} }

func (x *exchange) view(s span) []byte { return x.buf[s.from:s.to] }

func (s span) empty() bool { return s.from == s.to }

// limitTokens decides how many tokens an answer of text has: maxTokens is what the request allows at most.
func (x *exchange) limitTokens(maxTokens int) {
	x.tokens = x.plan.tokens
	if !x.custom.empty() {
		x.tokens = pieces(x.view(x.custom))
	}
	if maxTokens < x.tokens {
		x.tokens, x.cut = maxTokens, true
	}
}

// appendText appends the whole text of an answer, as the inside of a JSON string.
func (x *exchange) appendText(b []byte) []byte { return x.appendTextUpTo(b, x.tokens) }

func (x *exchange) appendTextUpTo(b []byte, tokens int) []byte {
	if x.custom.empty() {
		return appendWords(b, tokens, x.plan.tokenBytes)
	}
	text, end := x.view(x.custom), 0
	for range tokens {
		end = nextPiece(text, end)
	}
	return append(b, text[:end]...)
}

// appendChunk appends the next chunk of a stream.
func (x *exchange) appendChunk(b []byte) []byte {
	if len(x.script) > 0 {
		return append(b, x.view(x.script[x.made])...)
	}
	if x.plan.badJSON && x.made == 0 {
		return append(b, "data: {\"id\":\"chatcmpl-\n\n"...)
	}
	b = append(b, x.view(x.pre)...)
	switch x.form {
	case formResponse:
		b = appendInt(b, x.made+responseOpeningEvents)
	case formChat, formCompletion:
		b = appendInt(b, x.made%x.choices)
	default:
	}
	b = append(b, x.view(x.mid)...)
	if x.plan.stamp {
		b = append(b, '@', '@')
		b = appendInt(b, int(x.lane.loop.UnixNano()))
	}
	if x.custom.empty() {
		b = appendToken(b, x.made/x.choices, x.plan.tokenBytes)
	} else {
		text := x.view(x.custom)
		end := nextPiece(text, x.at)
		b = append(b, text[x.at:end]...)
		if x.made%x.choices == x.choices-1 {
			x.at = end
		}
	}
	return append(b, x.view(x.post)...)
}

// appendOpening appends what a stream starts with.
func (x *exchange) appendOpening(b []byte) []byte {
	switch x.form {
	case formChat:
		return x.openChat(b)
	case formResponse:
		return x.openResponse(b)
	case formMessage:
		return x.openMessage(b)
	default:
		return b
	}
}

// appendClosing appends what a stream ends with.
func (x *exchange) appendClosing(b []byte) []byte {
	switch x.form {
	case formChat:
		return x.closeChat(b)
	case formCompletion:
		return x.closeCompletion(b)
	case formResponse:
		return x.closeResponse(b)
	case formMessage:
		return x.closeMessage(b)
	case formTranscript:
		return x.closeTranscript(b)
	default:
		return b
	}
}

// appendFailure appends the error event of a stream that breaks.
func (x *exchange) appendFailure(b []byte) []byte {
	switch x.form {
	case formMessage:
		b = append(b, "event: error\ndata: "...)
		b = (&refusal{status: 529}).appendTo(b, vendorAnthropic, x.head.id)
	case formResponse:
		b = append(b, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":"...)
		b = appendInt(b, x.responseEvents())
		b = append(b, `,"code":"server_is_overloaded","message":"The model is overloaded, please retry.","param":null}`...)
	default:
		b = append(b, "data: "...)
		b = errSimulated.appendTo(b, vendorOpenAI, x.head.id)
	}
	return append(b, "\n\n"...)
}
