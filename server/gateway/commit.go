package gateway

import (
	"bytes"

	"penstock/server/dialect"
	"penstock/server/observe"
	"penstock/upstream/stream"
)

// The commit point of a response is where its first byte of body leaves for the client, for every API alike: of an event stream that is
// the first event that is whole, and a plain JSON answer that is small and comes soon commits with its last byte. Before it, head and
// body stay in the client's write batch: a failure takes them back, and the request is sent again or answered with an error. After it
// nothing is sent twice: a failure ends the stream with the API's error event, and anything else by cutting the connection.

// hold keeps the response whose head is about to be written from leaving.
func (ex *exchange) hold(contentLength int64, contentType []byte) {
	ex.pending = true
	ex.wholly = !ex.sse && contentLength <= holdBytes && hasPrefixFold(contentType, "application/json")
	ex.keptAlive, ex.letOut = ex.keepAlive, ex.bytesOut
	ex.cl.c.Hold()
}

// ripe says whether n more bytes of body commit the response.
func (ex *exchange) ripe(n int) bool {
	switch {
	case ex.cl.c.Held()+n > holdBytes:
		return true
	case ex.sse:
		return ex.ends.Whole() > 0
	}
	return !ex.wholly || ex.byteAt-ex.headAt >= int64(holdTime)
}

// writeEvents passes a piece of an event stream as far as its events are whole. The beginning of one stays in the write batch until its
// end has come, so that no client is left with half an event when the provider fails; what is too long for that passes as it comes.
func (ex *exchange) writeEvents(b []byte) {
	k := ex.ends.Whole()
	if k > 0 {
		ex.releaseTail()
		ex.write(b[:k])
		b = b[k:]
	}
	if len(b) == 0 {
		return
	}
	switch c := ex.cl.c; {
	case ex.pending || ex.spilled:
	case c.Held()+len(b) > holdBytes:
		ex.releaseTail()
		ex.spilled = true
	case !ex.tail:
		ex.tail, ex.letOut = true, ex.bytesOut
		c.Hold()
	}
	ex.write(b)
}

// releaseTail lets the beginning of an event go.
func (ex *exchange) releaseTail() {
	if ex.tail {
		ex.cl.c.Release()
	}
	ex.tail, ex.spilled = false, false
}

// dropTail takes the beginning of an event back. False means that the client has some of it.
func (ex *exchange) dropTail() bool {
	if ex.tail {
		ex.tail, ex.bytesOut = false, ex.letOut
		ex.cl.c.Rollback()
		return true
	}
	return !ex.seenBody || ex.ends.Between()
}

// commit lets the response go: from here on it is the client's.
func (ex *exchange) commit() {
	ex.committed = true
	if ex.pending {
		ex.pending = false
		ex.cl.c.Release()
	}
	if ex.sent {
		ex.releaseBody()
	}
}

// takeBack drops what has come of a response that is not committed. What a keep-alive began stays begun.
func (ex *exchange) takeBack() {
	ex.dropTail()
	if ex.pending {
		ex.pending = false
		ex.bytesOut = ex.letOut
		ex.cl.c.Rollback()
		ex.cl.c.Endless(false)
		ex.keepAlive = ex.keptAlive
		ex.chunked, ex.untilEnd, ex.headSent = false, false, false
		ex.upstreamID = nil
		ex.status = 0
	}
	if ex.held != nil {
		ex.g.loop.Slabs.Put(ex.held)
		ex.held = nil
	}
	ex.answered, ex.seenBody, ex.sse, ex.counting, ex.holding, ex.tooLong, ex.wholly, ex.spilled = false, false, false, false, false, false, false, false
	ex.uncredited, ex.opens, ex.closes = 0, 0, 0
	ex.event = ex.streamed()
}

// streamed says whether the client asked for an event stream, whatever the provider made of it.
func (ex *exchange) streamed() bool {
	switch {
	case ex.isDoc:
		return ex.scan.Stream && ex.ep.Streams
	case ex.isFrm:
		return ex.form.Stream && ex.ep.Streams
	}
	return false
}

// failed decides what a failed attempt leads to: another one, or an answer that says so.
func (ex *exchange) failed(f *stream.Failure) { ex.failedWith(f, refusalOf(f, ex.api)) }

// failedWith is failed where the refusal says more than the failure's kind.
func (ex *exchange) failedWith(f *stream.Failure, x fault) {
	ex.countFailure(f)
	if ex.answered && ex.whole() {
		return
	}
	if ex.committed {
		ex.giveUp(f, x)
		return
	}
	if !ex.answered {
		if ex.provider != nil {
			ex.g.Counters.Provider(ex.provider.Index, 0, observe.OutcomeFailed)
		}
		if f.Reused && ex.stale < staleLimit {
			// A kept-alive connection that was closed as it was used: no attempt at the provider, and one that has served nothing yet
			// cannot be as old.
			ex.stale++
			ex.attempts--
			ex.ticket.Fresh = true
		}
	}
	ex.takeBack()
	if ex.attempts < ex.policy.Retry.Attempts && !ex.expired() && ex.again(f) {
		ex.g.Counters.Retry(ex.provider.Index)
		if ex.resumeAt != 0 {
			ex.arm()
		} else {
			ex.attempt()
		}
		return
	}
	ex.giveUp(f, x)
}

// again says whether and where the request is sent once more: elsewhere if there is an elsewhere, and to the same provider only if
// that one cannot have begun to work on it, or the operator allows it.
func (ex *exchange) again(f *stream.Failure) bool {
	r := &ex.policy.Retry
	switch f.Kind {
	case stream.KindResolve, stream.KindConnect, stream.KindTLS:
		if r.Connect && !ex.elsewhere() {
			// Nobody else may be asked, and this one may be in the middle of a restart.
			ex.pause()
		}
		return r.Connect
	case stream.KindBusy:
		return r.Connect && ex.elsewhere()
	case stream.KindShutdown:
		return false // pools outlive the exchanges that may use them, but for a cut
	case stream.KindProtocol, stream.KindTooLarge:
		return r.Reset && ex.elsewhere() // the same one would say the same again
	case stream.KindTimeout:
		return r.Timeout && ex.elsewhere()
	}
	if !f.Retryable() && !(r.Reset && (f.Kind == stream.KindReset || f.Kind == stream.KindClosed)) {
		return false
	}
	// Without another target it is the same one again: another connection may do.
	if !ex.next(false) && len(ex.policy.Providers[ex.plan[ex.at].Provider].Replicas) <= 1 && f.AsksForCalm() {
		ex.pause()
	}
	return true
}

// pause puts the next attempt off, longer each time.
func (ex *exchange) pause() {
	ex.resumeAt = ex.g.loop.Now() + int64(redialPause<<(2*min(ex.attempts-1, redialSteps)))
}

// elsewhere moves on to another target, or stays where the provider has several addresses that take turns.
func (ex *exchange) elsewhere() bool {
	return ex.next(true) || len(ex.policy.Providers[ex.plan[ex.at].Provider].Replicas) > 1
}

// timeout ends an attempt that took too long.
func (ex *exchange) timeout(why string) {
	ex.cancel()
	ex.failedWith(&stream.Failure{Kind: stream.KindTimeout, Sent: true, Answered: ex.answered},
		fault{status: 504, typ: timeoutType(ex.api), code: "upstream_timeout", message: why})
}

// expired says that the exchange has used up all of its time.
func (ex *exchange) expired() bool {
	return ex.g.loop.Now()-ex.startAt >= int64(ex.policy.TotalTimeout)
}

// incomplete is the failure of a response that ended in the eyes of HTTP and not in its own: an event stream without the event that ends
// it, a JSON object without its last brace.
func (ex *exchange) incomplete(why string) {
	ex.failedWith(&stream.Failure{Kind: stream.KindClosed, Sent: true, Answered: true},
		fault{status: 502, code: "upstream_incomplete", message: why})
}

// noteEnds keeps how the body begins and ends: that is how an answer that was cut short and framed as whole is told from a whole one.
func (ex *exchange) noteEnds(b []byte) {
	if b = bytes.TrimRight(b, " \t\r\n"); len(b) == 0 {
		return
	}
	ex.closes = b[len(b)-1]
	if ex.opens == 0 {
		if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 {
			ex.opens = b[0]
		}
	}
}

// breakOff ends an event stream with the error event of the client's API.
func (ex *exchange) breakOff(x fault) {
	g := ex.g
	out := g.scratch[:0]
	// What the stripper holds is half an event, which no client could read: it is dropped.
	if !ex.dropTail() {
		out = append(out, "\n\n"...)
	}
	f := x.dialect()
	f.Sequence = ex.ends.Sequence()
	out = dialect.AppendErrorEvent(out, ex.api, ex.ep, &f, ex.id[:])
	g.scratch = out
	ex.write(out)
	ex.endBody()
}
