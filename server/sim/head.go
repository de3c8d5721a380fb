package sim

import (
	"strconv"
	"time"

	"penstock/http1"
	"penstock/upstream/h2"
)

// media is an answer's content type.
type media uint8

const (
	mediaJSON media = iota
	mediaEvents
	mediaPlain
	mediaWAV
	mediaBytes
	medias
)

// vendor is whose fields an answer's head has.
type vendor uint8

const (
	vendorOpenAI vendor = iota
	vendorAnthropic
	vendors
)

// head is the head of an answer.
type head struct {
	status     int
	length     int // of the body in bytes; -1: not known beforehand
	retryAfter int // seconds; 0: none
	remaining  int // requests left in the minute; -1: no limit is kept
	limit      int
	resetAfter int // seconds until the next minute
	id         uint64
	date       int64 // Unix seconds
	media      media
	vendor     vendor
	last       bool // the connection takes no further request
	retry      int8 // x-should-retry: 1 true, -1 false, 0 none
}

// block is a list of fields as both protocols have it on the wire.
type block struct{ h1, h2 []byte }

func newBlock(pairs ...string) (b block) {
	for i := 0; i < len(pairs); i += 2 {
		b.h1 = http1.AppendFieldString(b.h1, pairs[i], pairs[i+1])
		b.h2 = h2.AppendLiteral(b.h2, []byte(pairs[i]), []byte(pairs[i+1]))
	}
	return b
}

var mediaBlocks = [medias]block{
	mediaJSON:   newBlock("content-type", "application/json"),
	mediaEvents: newBlock("content-type", "text/event-stream; charset=utf-8", "cache-control", "no-cache"),
	mediaPlain:  newBlock("content-type", "text/plain; charset=utf-8"),
	mediaWAV:    newBlock("content-type", "audio/wav"),
	mediaBytes:  newBlock("content-type", "application/octet-stream"),
}

const organizationID = "00000000-0000-4000-8000-000000000000"

var vendorBlocks = [vendors]block{
	vendorOpenAI: newBlock("openai-processing-ms", "1", "openai-version", "2020-10-01", "openai-organization", "org-sim",
		"x-ratelimit-limit-tokens", "2000000", "x-ratelimit-remaining-tokens", "1999000", "x-ratelimit-reset-tokens", "30ms"),
	vendorAnthropic: newBlock("anthropic-organization-id", organizationID,
		"anthropic-ratelimit-tokens-limit", "2000000", "anthropic-ratelimit-tokens-remaining", "1999000"),
}

// noLimits are the request limits of a server that keeps none.
var noLimits = [vendors]block{
	vendorOpenAI: newBlock("x-ratelimit-limit-requests", "10000", "x-ratelimit-remaining-requests", "9999",
		"x-ratelimit-reset-requests", "6ms"),
	vendorAnthropic: newBlock("anthropic-ratelimit-requests-limit", "10000",
		"anthropic-ratelimit-requests-remaining", "9999"),
}

var (
	nameStatus     = []byte(":status")
	nameDate       = []byte("date")
	nameLength     = []byte("content-length")
	nameRetryAfter = []byte("retry-after")
	nameRetry      = []byte("x-should-retry")
	nameRequestID  = [vendors][]byte{[]byte("x-request-id"), []byte("request-id")}
	nameLimit      = [vendors][]byte{[]byte("x-ratelimit-limit-requests"), []byte("anthropic-ratelimit-requests-limit")}
	nameRemaining  = [vendors][]byte{[]byte("x-ratelimit-remaining-requests"), []byte("anthropic-ratelimit-requests-remaining")}
	nameReset      = [vendors][]byte{[]byte("x-ratelimit-reset-requests"), []byte("anthropic-ratelimit-requests-reset")}
)

// fieldWriter appends fields in the form of one protocol.
type fieldWriter struct {
	dst  []byte
	text []byte // of the value being written; memory of the lane
	h2   bool
}

func (w *fieldWriter) field(name, value []byte) {
	if w.h2 {
		w.dst = h2.AppendLiteral(w.dst, name, value)
	} else {
		w.dst = http1.AppendField(w.dst, name, value)
	}
}

func (w *fieldWriter) number(name []byte, n int) {
	w.text = appendInt(w.text[:0], n)
	w.field(name, w.text)
}

func (w *fieldWriter) block(b *block) {
	if w.h2 {
		w.dst = append(w.dst, b.h2...)
	} else {
		w.dst = append(w.dst, b.h1...)
	}
}

// appendHead1 appends status line and fields of HTTP/1.1 but for framing, Connection and the empty line.
func (l *lane) appendHead1(dst []byte, h *head) []byte {
	dst = http1.AppendStatus(dst, h.status)
	w := fieldWriter{dst: l.date.Append(dst, h.date), text: l.value}
	w.common(h)
	l.value = w.text
	return w.dst
}

// appendHead2 appends the header block of HTTP/2, without touching the dynamic table.
func (l *lane) appendHead2(dst []byte, h *head) []byte {
	w := fieldWriter{dst: dst, text: l.value, h2: true}
	if h.status == 200 {
		w.dst = append(w.dst, 0x80|8) // RFC 7541 Appendix A, :status 200
	} else {
		w.number(nameStatus, h.status)
	}
	w.text = l.date.Append(w.text[:0], h.date)
	w.field(nameDate, w.text[len("Date: "):len(w.text)-2])
	w.common(h)
	if h.length >= 0 {
		w.number(nameLength, h.length)
	}
	l.value = w.text
	return w.dst
}

func (w *fieldWriter) common(h *head) {
	w.block(&mediaBlocks[h.media])
	w.block(&vendorBlocks[h.vendor])
	w.text = appendID(w.text[:0], "req_", h.id)
	w.field(nameRequestID[h.vendor], w.text)
	if h.remaining < 0 {
		w.block(&noLimits[h.vendor])
	} else {
		w.limits(h)
	}
	if h.retryAfter > 0 {
		w.number(nameRetryAfter, h.retryAfter)
	}
	switch h.retry {
	case 1:
		w.field(nameRetry, []byte("true"))
	case -1:
		w.field(nameRetry, []byte("false"))
	}
}

func (w *fieldWriter) limits(h *head) {
	w.number(nameLimit[h.vendor], h.limit)
	w.number(nameRemaining[h.vendor], h.remaining)
	if h.vendor == vendorOpenAI {
		w.text = strconv.AppendInt(w.text[:0], int64(h.resetAfter), 10)
		w.text = append(w.text, 's')
	} else {
		w.text = time.Unix(h.date+int64(h.resetAfter), 0).UTC().AppendFormat(w.text[:0], time.RFC3339)
	}
	w.field(nameReset[h.vendor], w.text)
}
