package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// provider is what the gateway asks: net/http's servers, which speak HTTP/1.1, HTTP/2 in clear text and over TLS. For each request they
// note when they were asked and when they heard that nobody wants the answer any more.
type provider struct {
	records []record // by the number in the request
	open    atomic.Int64
	strange atomic.Int64 // requests with no number, or with one that was there before
	whole   atomic.Int64 // requests that nobody cancelled
	plain   *http.Server
	secure  *http.Server
}

// record is the life of one request: Unix ns, 0 for what has not happened.
type record struct{ asked, left, told atomic.Int64 }

const (
	tokenMark  = "abort-" // before the number of a request, 16 hexadecimal digits
	eventEvery = 20 * time.Millisecond
	forget     = 60 * time.Second // a request that nobody cancels ends by itself, and is a fault

	chatEvent   = `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}` + "\n\n"
	claudeStart = "event: message_start\ndata: " + `{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":` + claudeInputText + `,"output_tokens":1}}}` + "\n\n"
	claudeEvent = "event: content_block_delta\ndata: " + `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word "}}` + "\n\n"

	// claudeInput is what each of Anthropic's streams says that its prompt cost, in its first event.
	claudeInput     = 7
	claudeInputText = "7"
)

// serve starts the servers on two addresses.
func (p *provider) serve(plain, secure, cert, key string) error {
	pl, err := net.Listen("tcp", plain)
	if err != nil {
		return err
	}
	sl, err := net.Listen("tcp", secure)
	if err != nil {
		_ = pl.Close()
		return err
	}
	both, h2 := new(http.Protocols), new(http.Protocols)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	h2.SetHTTP2(true)
	many := &http.HTTP2Config{MaxConcurrentStreams: 1000}
	quiet := log.New(io.Discard, "", 0) // that a client has gone is the point
	p.plain = &http.Server{ErrorLog: quiet, Handler: p, Protocols: both, HTTP2: many}
	p.secure = &http.Server{ErrorLog: quiet, Handler: p, Protocols: h2, HTTP2: many, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	go func() { _ = p.plain.Serve(pl) }() // until close
	go func() { _ = p.secure.ServeTLS(sl, cert, key) }()
	return nil
}

func (p *provider) close() error { return errors.Join(p.plain.Close(), p.secure.Close()) }

// ServeHTTP answers a request for as long as somebody wants it to: by the model's name with nothing, with a head, or with events.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.strange.Add(1)
		return
	}
	_, rest, found := bytes.Cut(body, []byte(tokenMark))
	number, err := strconv.ParseUint(string(rest[:min(len(rest), 16)]), 16, 64)
	if !found || err != nil || number >= uint64(len(p.records)) || !p.records[number].asked.CompareAndSwap(0, time.Now().UnixNano()) {
		p.strange.Add(1)
		return
	}
	p.open.Add(1)
	defer p.open.Add(-1)
	if p.answer(w, r, body) {
		p.records[number].told.Store(time.Now().UnixNano())
	} else {
		p.whole.Add(1)
	}
}

// answer returns whether the request was cancelled.
func (p *provider) answer(w http.ResponseWriter, r *http.Request, body []byte) bool {
	first, event := chatEvent, []byte(chatEvent)
	if r.URL.Path == "/v1/messages" {
		first, event = claudeStart, []byte(claudeEvent)
	}
	flush := func() { _ = http.NewResponseController(w).Flush() } // the context says what became of it
	late := time.NewTimer(forget)
	defer late.Stop()
	var tick <-chan time.Time
	if !bytes.Contains(body, []byte(`"model":"silent"`)) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		flush()
		if !bytes.Contains(body, []byte(`"model":"head"`)) {
			_, _ = io.WriteString(w, first)
			flush()
			t := time.NewTicker(eventEvery)
			defer t.Stop()
			tick = t.C
		}
	}
	for {
		select {
		case <-r.Context().Done():
			return true
		case <-late.C:
			return false
		case <-tick:
			if _, err := w.Write(event); err != nil {
				<-r.Context().Done()
				return true
			}
			flush()
		}
	}
}
