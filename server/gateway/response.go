package gateway

import (
	"bytes"

	"penstock/http1"
	"penstock/server/dialect"
	"penstock/server/observe"
	"penstock/upstream/stream"
)

// OnSent implements stream.Sink. The body is kept until the response is committed: until then it may have to be sent again.
func (ex *exchange) OnSent() {
	ex.sent = true
	if ex.committed {
		ex.releaseBody()
	}
}

// OnHead implements stream.Sink.
func (ex *exchange) OnHead(status int, fields []stream.Field, contentLength int64) {
	if status > 599 || status >= 300 && status < 400 && status != 304 || status == 407 {
		// No status at all (RFC 9110 §15), or one that sends the client past the gateway or to a proxy that is not its own.
		ex.cancel()
		ex.failed(&stream.Failure{Kind: stream.KindProtocol, Sent: true})
		return
	}
	g := ex.g
	now := g.loop.Now()
	g.Counters.Provider(ex.provider.Index, now-ex.attemptAt, observe.OutcomeOf(status))
	if status >= 400 && ex.policy.Retry.onStatus(status) && ex.attempts < ex.policy.Retry.Attempts && ex.next(true) {
		g.Counters.Retry(ex.provider.Index)
		ex.cancel()
		ex.attempt()
		return
	}
	ex.answered, ex.headAt, ex.byteAt = true, now, now
	g.Counters.Stage(observe.StageUpstreamWait, now-ex.attemptAt)
	ex.status, ex.bodyLeft = status, contentLength
	contentType := fieldOf(fields, "content-type")
	// What is encoded passes as it is, although it was not asked for: its end and its usage cannot be seen, and nothing of the gateway's
	// own may stand within it.
	encoding := fieldOf(fields, "content-encoding")
	plain := len(encoding) == 0 || equalFold(encoding, "identity")
	ex.sse = plain && hasPrefixFold(contentType, "text/event-stream")
	ex.counting = plain && status == 200 && ex.ep.Body != dialect.BodyNone
	ex.stripping = ex.stripping && ex.sse && status == 200
	ex.usage.Reset(ex.api)
	if ex.sse {
		ex.ends.Reset(ex.ep)
		if ex.stripping {
			ex.strip.Reset()
		}
	} else {
		ex.event = false
	}
	if ex.early {
		if !ex.sse || status != 200 {
			ex.holding, ex.event = true, true
		}
		ex.arm()
		return
	}
	ex.hold(contentLength, contentType)
	ex.writeHead(status, fields, contentLength)
	ex.arm()
}

func fieldOf(fields []stream.Field, name string) []byte {
	for i := range fields {
		if string(fields[i].Name) == name {
			return fields[i].Value
		}
	}
	return nil
}

// writeHead writes the response's head: the provider's fields but for those that stay here, and framing of our own.
func (ex *exchange) writeHead(status int, fields []stream.Field, contentLength int64) {
	size := 256
	for i := range fields {
		size += len(fields[i].Name) + len(fields[i].Value) + 4
	}
	b := ex.cl.c.Buffer(size)
	at := len(*b)
	*b = http1.AppendStatus(*b, status)
	hasID, hasDate := false, false
	for i := range fields {
		f := &fields[i]
		if !passesDown(f.Name) {
			continue
		}
		switch string(f.Name) {
		case "x-request-id", "request-id":
			hasID = true
			if len(f.Value) <= 64 {
				ex.upstreamID = ex.arena.Copy(f.Value)
			}
		case "date":
			hasDate = true
		}
		*b = http1.AppendField(*b, f.Name, f.Value)
	}
	if !hasDate {
		*b = ex.g.date.Append(*b, ex.g.loop.UnixNano()/1e9)
	}
	if !hasID {
		*b = http1.AppendField(*b, idField(ex.api), ex.id[:])
	}
	empty := ex.noBody || status == 204 || status == 304
	switch {
	case contentLength >= 0 && !ex.stripping && !ex.sse: // to an event stream something may have to be added
		if status != 204 {
			*b = http1.AppendContentLength(*b, contentLength)
		}
	case empty:
	default:
		ex.frameOpen(b)
	}
	ex.connectionField(b)
	*b = append(*b, "\r\n"...)
	ex.headSent = true
	ex.downAt = ex.g.loop.Now()
	ex.bytesOut += int64(len(*b) - at)
}

// frameOpen frames a body whose length is not known: in chunks, or by the end of the connection for a client that knows none.
func (ex *exchange) frameOpen(b *[]byte) {
	if ex.oldClient {
		ex.untilEnd = true
		ex.cl.c.Endless(true)
		return
	}
	ex.chunked = true
	*b = append(*b, "transfer-encoding: chunked\r\n"...)
}

// connectionField says whether the connection goes on, where that is not what the version has by default (RFC 9112 §9.3). While
// draining it ends with the last of the requests that have come: what follows an answer that says close is not served (§9.6).
func (ex *exchange) connectionField(b *[]byte) {
	switch {
	case !ex.keepAlive || ex.untilEnd || ex.g.draining && !ex.cl.pipelined():
		ex.keepAlive = false
		*b = append(*b, "connection: close\r\n"...)
	case ex.oldClient:
		*b = append(*b, "connection: keep-alive\r\n"...)
	}
}

// ownFields are those of every response that the gateway makes itself.
func (ex *exchange) ownFields(b *[]byte) {
	*b = ex.g.date.Append(*b, ex.g.loop.UnixNano()/1e9)
	*b = http1.AppendField(*b, idField(ex.api), ex.id[:])
	ex.connectionField(b)
}

var (
	idOpenAI    = []byte("x-request-id")
	idAnthropic = []byte("request-id")
)

func idField(api dialect.API) []byte {
	if api == dialect.APIAnthropic {
		return idAnthropic
	}
	return idOpenAI
}

// OnBody implements stream.Sink: a piece of the response passes.
func (ex *exchange) OnBody(b []byte) {
	g := ex.g
	now := g.loop.Now()
	if ex.sse {
		if ex.seenBody {
			g.Counters.BetweenChunks(ex.provider.Index, now-ex.byteAt)
		} else {
			ex.ttft = now - ex.attemptAt
			g.Counters.TTFT(ex.provider.Index, ex.ttft)
		}
	}
	ex.seenBody, ex.byteAt = true, now
	if ex.holding {
		if len(ex.held)+len(b) > earlyErrorBytes {
			ex.tooLong = true
		} else {
			ex.held = append(g.loop.Slabs.Grow(ex.held, len(b)), b...)
		}
		ex.ticket.Credit(len(b))
		return
	}
	if ex.bodyLeft > 0 {
		ex.bodyLeft -= int64(len(b))
	}
	if ex.wholly {
		ex.noteEnds(b)
	}
	if ex.sse {
		ex.ends.Feed(b)
	}
	if !ex.committed && ex.ripe(len(b)) {
		ex.spilled = ex.pending && ex.sse && ex.ends.Whole() == 0
		ex.commit()
	}
	if ex.counting {
		ex.usage.Feed(b)
	}
	switch {
	case ex.stripping:
		// The stripper keeps the beginning of an event to itself, unless it is too long.
		g.scratch = ex.strip.Feed(g.scratch[:0], b)
		if len(g.scratch) > 0 && !ex.pending && !ex.committed {
			ex.commit()
		}
		ex.write(g.scratch)
	case ex.sse:
		ex.writeEvents(b)
	default:
		ex.write(b)
	}
	if ex.cl.c.Blocked() {
		// The client does not keep up: from here on the provider is held back by its window.
		ex.uncredited += len(b)
		if ex.blockedAt == 0 {
			ex.blockedAt = now
			ex.taken = ex.bytesOut - int64(ex.cl.c.Unsent())
		}
		return
	}
	ex.ticket.Credit(len(b))
}

// write puts a piece of the body into the client's write batch.
func (ex *exchange) write(b []byte) {
	if len(b) == 0 || ex.noBody {
		return
	}
	ex.downAt = ex.g.loop.Now()
	c := ex.cl.c
	if !ex.chunked {
		c.Write(b)
		ex.bytesOut += int64(len(b))
		return
	}
	p := c.Buffer(len(b) + 24)
	at := len(*p)
	*p = http1.AppendChunk(*p, b)
	ex.bytesOut += int64(len(*p) - at)
}

// drained goes on once a slow client has taken what was waiting for it.
func (ex *exchange) drained() {
	ex.blockedAt = 0
	if n := ex.uncredited; n > 0 && ex.running {
		ex.uncredited = 0
		ex.byteAt = ex.g.loop.Now()
		ex.ticket.Credit(n)
	}
}

// OnEnd implements stream.Sink.
func (ex *exchange) OnEnd([]stream.Field) {
	ex.running = false
	ex.ticket.Done()
	if ex.holding {
		ex.endEarly()
		return
	}
	switch {
	case ex.sse && ex.status == 200 && !ex.ends.Ended():
		ex.incomplete("the provider ended the stream without finishing it")
	case ex.pending && ex.wholly && ex.opens == '{' && ex.closes != '}':
		ex.incomplete("the provider ended its answer without finishing it")
	default:
		ex.succeed()
	}
}

// succeed ends a response of which the client has all.
func (ex *exchange) succeed() {
	ex.commit()
	ex.releaseTail()
	if ex.stripping {
		ex.g.scratch = ex.strip.End(ex.g.scratch[:0])
		ex.write(ex.g.scratch)
	}
	if ex.sse && ex.status == 200 {
		ex.write([]byte(ex.ends.Missing()))
	}
	ex.endBody()
	ex.finish("ok", "")
}

func (ex *exchange) endBody() {
	if ex.chunked && !ex.noBody {
		ex.cl.c.Write([]byte(http1.LastChunk))
		ex.bytesOut += int64(len(http1.LastChunk))
	}
}

// OnFail implements stream.Sink.
func (ex *exchange) OnFail(f stream.Failure) {
	ex.running = false
	ex.ticket.Done()
	ex.failed(&f)
}

// whole ends a response that had come to its proper end before the provider's connection failed or fell silent: the client has all of
// it.
func (ex *exchange) whole() bool {
	ended := ex.bodyLeft == 0
	if ex.sse && ex.status == 200 {
		ended = ex.ends.Ended()
	}
	if !ended || ex.holding {
		return false
	}
	ex.succeed()
	return true
}

func (ex *exchange) countFailure(f *stream.Failure) {
	if ex.provider != nil {
		ex.g.Counters.Failure(ex.provider.Index, int(f.Kind))
	}
}

// giveUp answers a request that no provider answered, or ends a response that broke off.
func (ex *exchange) giveUp(f *stream.Failure, x fault) {
	if !ex.headSent {
		ex.status = x.status
		ex.writeError(&x)
		ex.finish("upstream_failed", f.Kind.String())
		return
	}
	if !ex.sse && !ex.early || ex.noBody {
		// Nothing that can still be said in this response would be right; the cut is what says it. A body that ends with the
		// connection is cut by a reset only; otherwise what was answered before may still arrive.
		ex.status = x.status
		cl, reset := ex.cl, ex.untilEnd
		ex.account("upstream_failed", f.Kind.String())
		cl.ex = nil
		ex.free()
		if reset {
			cl.phase = phaseClosing
			cl.c.Abort()
		} else {
			cl.giveUp()
		}
		return
	}
	ex.breakOff(x)
	ex.finish("upstream_failed", f.Kind.String())
}

// keepWaiting sends a comment while the provider is silent; before its first byte that begins the response.
func (ex *exchange) keepWaiting() {
	ex.downAt = ex.g.loop.Now() // whether or not a comment can be sent now: the next look is one interval on
	if ex.noBody || ex.cl.c.Blocked() {
		return
	}
	if ex.pending {
		if ex.status != 200 || ex.seenBody {
			return
		}
		// The provider has begun a stream and says nothing. The client gets its head; an attempt that fails may still be made good.
		ex.pending, ex.early = false, true
		ex.cl.c.Release()
	}
	if !ex.headSent {
		ex.early = true
		ex.status = 200
		b := ex.cl.c.Buffer(512)
		at := len(*b)
		*b = http1.AppendStatus(*b, 200)
		*b = http1.AppendFieldString(*b, "content-type", "text/event-stream; charset=utf-8")
		*b = http1.AppendFieldString(*b, "cache-control", "no-cache")
		ex.frameOpen(b)
		ex.ownFields(b)
		*b = append(*b, "\r\n"...)
		ex.headSent = true
		ex.bytesOut += int64(len(*b) - at)
	} else if !ex.early && !ex.sse || ex.seenBody && !ex.ends.Between() {
		return
	}
	g := ex.g
	g.scratch = dialect.AppendKeepAlive(g.scratch[:0])
	ex.write(g.scratch)
}

// endEarly turns a provider's plain error response into the event that ends a stream begun by a keep-alive.
func (ex *exchange) endEarly() {
	g := ex.g
	ex.commit()
	out := g.scratch[:0]
	body := bytes.TrimSpace(ex.held)
	if ex.status >= 400 && !ex.tooLong && !ex.sse && len(body) > 0 && body[0] == '{' {
		if ex.api == dialect.APIAnthropic {
			out = append(out, "event: error\n"...)
		}
		out = append(out, "data: "...)
		for _, c := range body {
			if c == '\n' || c == '\r' {
				c = ' ' // white space between JSON tokens: inside a string it would be escaped
			}
			out = append(out, c)
		}
		out = append(out, "\n\n"...)
		g.scratch = out
		ex.write(out)
		ex.endBody()
	} else {
		ex.breakOff(fault{status: 502, code: "upstream_error", message: "the provider answered with something that is no event stream"})
	}
	ex.finish("upstream_failed", "error after a keep-alive")
}
