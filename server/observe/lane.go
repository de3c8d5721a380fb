package observe

import (
	"time"

	"github.com/valyala/bytebufferpool"
)

// LogLane takes the access log's lines of one loop. Loop thread only. Nothing in it waits: where the writer is so far behind
// that its queue is full, lines are dropped and counted.
type LogLane struct {
	w      *LogWriter
	buf    *bytebufferpool.ByteBuffer // nil until a line comes
	lines  int                        // in buf
	random uint64                     // xorshift64 state, never 0
	keep   uint64                     // a line is written where random is at most this
	format Format
	off    bool
	stamp  stamp
}

// Append formats e into the lane's buffer, and hands the buffer over where it is full. e is borrowed.
func (l *LogLane) Append(e *Entry) {
	if l.off || !l.sampled() && !e.failed() {
		return
	}
	if l.buf == nil {
		l.buf = l.w.buffer()
	}
	l.buf.B = appendEntry(l.buf.B, e, l.stamp.at(e.UnixNano), l.format)
	l.lines++
	if len(l.buf.B) > bufferBytes-maxLineBytes && !l.handOver() {
		l.w.dropped.Add(uint64(l.lines))
		l.buf.B = l.buf.B[:0]
		l.lines = 0
	}
}

// Flush hands over what is in the buffer; the loop calls it every FlushInterval. Where the queue is full the lines stay for
// the next call.
func (l *LogLane) Flush() {
	if l.lines > 0 {
		l.handOver()
	}
}

// Apply takes over format and sampling after a reload; the destination is the writer's (LogWriter.Reopen).
func (l *LogLane) Apply(o LogOptions) {
	l.format = o.Format
	l.keep = keepOf(o.Sample)
	l.off = o.Destination == LogOff
}

func (l *LogLane) handOver() bool {
	select {
	case l.w.queue <- batch{l.buf, l.lines}:
		l.buf, l.lines = nil, 0
		return true
	default:
		return false
	}
}

func (l *LogLane) sampled() bool {
	x := l.random
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	l.random = x
	return x <= l.keep
}

// keepOf is the threshold of sampled for a share of 0 to 1.
func keepOf(share float64) uint64 {
	switch {
	case share >= 1:
		return ^uint64(0)
	case share > 0:
		return uint64(share * (1 << 64))
	}
	return 0
}

// stamp renders times as RFC 3339 in UTC with microseconds. Seconds repeat from line to line, so their rendering is kept.
type stamp struct {
	second int64
	text   [32]byte // "2026-01-02T03:04:05.000000Z", and room: AppendFormat writes nine digits before it cuts them to six
	set    bool
}

const stampBytes = 27

// at returns the time; the bytes are lent until the next call.
func (s *stamp) at(unixNano int64) []byte {
	second := unixNano / 1e9
	frac := unixNano % 1e9
	if frac < 0 {
		second, frac = second-1, frac+1e9
	}
	if second != s.second || !s.set {
		s.second, s.set = second, true
		time.Unix(second, 0).UTC().AppendFormat(s.text[:0], "2006-01-02T15:04:05.000000Z")
	}
	for i, us := 25, frac/1000; i >= 20; i, us = i-1, us/10 {
		s.text[i] = byte('0' + us%10)
	}
	return s.text[:stampBytes]
}
