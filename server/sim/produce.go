package sim

// stream answers with events: what the spans say has been laid down.
func (x *exchange) stream(chunks int) {
	x.head.length, x.head.media = -1, mediaEvents
	x.total, x.stop = chunks, chunks
	if x.plan.end != endWhole && x.plan.after < chunks {
		x.stop, x.broken = x.plan.after, true
	}
	x.headAt = x.startAt + int64(x.plan.latency)
	x.firstAt = x.startAt + int64(max(x.plan.latency, x.plan.ttft))
	x.state = waiting
	x.lane.s.stats.streamsStarted.Add(1)
	if x.headAt > x.startAt {
		x.arm(x.headAt)
		return
	}
	x.produce()
}

// due is how many chunks ought to have been sent by now.
func (x *exchange) due(now int64) int {
	if now < x.firstAt {
		return 0
	}
	if x.plan.interval == 0 {
		return x.stop
	}
	return min(x.stop, (1+int((now-x.firstAt)/int64(x.plan.interval)))*x.choices)
}

// produce sends what is due of a stream, as far as flow control and fairness go.
func (x *exchange) produce() {
	if x.state == waiting {
		if x.broken && x.breaksFirst() {
			x.breakOff()
			return
		}
		x.state = streaming
		x.to.begin(&x.head)
	}
	if !x.flush() {
		return
	}
	if x.closed {
		x.over()
		return
	}
	l := x.lane
	due := x.due(l.loop.Now())
	for budget := turnBytes; ; {
		if x.opened && x.made >= due && x.made < x.stop {
			x.arm(x.firstAt + int64(x.made/x.choices)*int64(x.plan.interval))
			return
		}
		if x.to.room() <= 0 {
			return
		}
		if budget <= 0 {
			x.arm(l.loop.Now())
			return
		}
		b := l.scratch[:0]
		if !x.opened {
			x.opened = true
			b = x.appendOpening(b)
		}
		for x.made < due && len(b) < pieceBytes {
			b = x.appendChunk(b)
			x.made++
		}
		last := false
		if x.made == x.stop && l.loop.Now() >= x.firstAt {
			b, last = x.appendEnd(b)
			x.closed = true
		}
		l.keepScratch(b)
		budget -= len(b)
		if !x.send(b, last) {
			return
		}
		if x.closed {
			x.over()
			return
		}
		if x.made == x.stop {
			x.arm(x.firstAt)
			return
		}
	}
}

// appendEnd appends what comes after the last chunk that is sent, and says whether the body ends with it.
func (x *exchange) appendEnd(b []byte) ([]byte, bool) {
	if !x.broken {
		return x.appendClosing(b), true
	}
	switch x.plan.end {
	case endCut:
		return b, true
	case endFail:
		return x.appendFailure(b), true
	case endWhole, endReset, endClose, endStall:
	}
	return b, false
}
