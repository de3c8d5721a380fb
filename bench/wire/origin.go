package main

import (
	"net"
	"strings"
	"sync"

	"penstock/http1/rawcases"
)

// origin is the provider behind every system: it reads strictly, notes what it gets, and says "{}".
type origin struct {
	listener net.Listener

	mu       sync.Mutex
	conns    map[net.Conn]bool
	requests []rawcases.Request
	fault    string
}

func listen() (*origin, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &origin{listener: ln, conns: map[net.Conn]bool{}}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return // closed
			}
			o.mu.Lock()
			o.conns[c] = true
			o.mu.Unlock()
			go o.serve(c)
		}
	}()
	return o, nil
}

func (o *origin) addr() string { return o.listener.Addr().String() }

// close ends the listener and every connection.
func (o *origin) close() {
	_ = o.listener.Close() // it was only read from
	o.mu.Lock()
	defer o.mu.Unlock()
	for c := range o.conns {
		_ = c.Close() // whatever became of it
	}
}

func (o *origin) serve(c net.Conn) {
	defer func() {
		o.mu.Lock()
		delete(o.conns, c)
		o.mu.Unlock()
		_ = c.Close() // whatever became of it
	}()
	var in rawcases.Origin
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		in.Feed(buffer[:n])
		o.mu.Lock()
		o.requests = append(o.requests, in.Requests...)
		if o.fault == "" {
			o.fault = in.Fault
		}
		o.mu.Unlock()
		var reply strings.Builder
		for _, r := range in.Requests {
			reply.WriteString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n")
			if r.Method != "HEAD" {
				reply.WriteString("{}")
			}
		}
		in.Requests = nil
		switch {
		case in.Fault != "":
			reply.WriteString("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		case in.Waits:
			reply.WriteString("HTTP/1.1 100 Continue\r\n\r\n")
		}
		if _, err := c.Write([]byte(reply.String())); err != nil || in.Fault != "" {
			return
		}
	}
}

// take returns what has come since the last time.
func (o *origin) take() (requests []rawcases.Request, fault string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	requests, fault = o.requests, o.fault
	o.requests, o.fault = nil, ""
	return requests, fault
}
