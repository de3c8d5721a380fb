package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"penstock/bench/stand"
)

// The moments at which clients leave.
const (
	beforeHead = iota // the provider says nothing
	afterHead         // the provider has sent a head, and nothing that a client could see
	midStream         // after some events
	moments
)

var momentNames = [moments]string{"before the head", "after the provider's head", "in mid-stream"}

// leaver is one client that will not stay. All of it follows from its number.
type leaver struct {
	number   int
	moment   int
	upstream int // index into speeches
	claude   bool
	secure   bool // the client's own connection is over TLS
	reset    bool // leaves with a TCP reset
	events   int  // that it waits for, in mid-stream
	wait     time.Duration
}

func newLeaver(seed uint64, number int) leaver {
	rng := rand.New(rand.NewPCG(seed, uint64(number)))
	l := leaver{
		number: number, upstream: rng.IntN(len(speeches)), reset: rng.IntN(2) == 0, secure: rng.IntN(8) == 0, events: 1 + rng.IntN(4),
		moment: rng.IntN(4), wait: 5*time.Millisecond + time.Duration(rng.IntN(20))*time.Millisecond,
	}
	l.moment = min(l.moment, midStream) // half of all
	l.claude = rng.IntN(2) == 0
	return l
}

// request is what the client sends.
func (l *leaver) request() []byte {
	model := [moments]string{"silent", "head", "stream"}[l.moment]
	path, key, clan := "/v1/chat/completions", "Authorization: Bearer "+stand.Key, ""
	if l.claude {
		path, key, clan = "/v1/messages", "x-api-key: "+stand.Key+"\r\nanthropic-version: 2023-06-01", "claude-"
	}
	body := fmt.Sprintf(`{"model":"%s%s/%s","max_tokens":100,"stream":true,"messages":[{"role":"user","content":"%s%016x"}]}`, clan, speeches[l.upstream], model,
		tokenMark, l.number)
	return []byte("POST " + path + " HTTP/1.1\r\nHost: aborts\r\nContent-Type: application/json\r\n" + key + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
}

var errNoStream = errors.New("no stream")

// run connects, asks, waits for its moment, notes the time, and leaves.
func (l *leaver) run(address, secureAddress string, config *tls.Config, p *provider) error {
	if l.secure {
		address = secureAddress
	}
	raw, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	_ = raw.SetDeadline(time.Now().Add(patience))
	c := raw
	if l.secure {
		c = tls.Client(raw, config)
	}
	if _, err = c.Write(l.request()); err == nil {
		err = l.await(c, p)
	}
	if err != nil {
		_ = raw.Close()
		return err
	}
	if l.reset {
		_ = raw.(*net.TCPConn).SetLinger(0)
	}
	p.records[l.number].left.Store(time.Now().UnixNano())
	return raw.Close() // of TLS as well: no word of the end, as when a program is killed
}

// await returns when it is time to leave: the provider has the request, and the client what it waited for.
func (l *leaver) await(c net.Conn, p *provider) error {
	if l.moment == midStream {
		in := bufio.NewReader(c)
		for seen := 0; seen < l.events; {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return fmt.Errorf("%w: %w after %q", errNoStream, err, line)
			}
			if bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && !strings.HasPrefix(string(line), "HTTP/1.1 200 ") {
				return fmt.Errorf("%w: %q", errNoStream, line)
			}
			if bytes.HasPrefix(line, []byte("data: ")) {
				seen++
			}
		}
		return nil
	}
	for end := time.Now().Add(patience); p.records[l.number].asked.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("the provider was not asked within %v", patience)
		}
	}
	time.Sleep(l.wait)
	return nil
}
