package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"penstock/http1/rawcases"
)

const (
	// patience bounds a case. The systems' own timeouts for heads and bodies are a second.
	patience = 6 * time.Second

	// pieceGap is the moment between two pieces of an input.
	pieceGap = 3 * time.Millisecond

	sentinelTarget = "/v1/chat/completions?sentinel"
)

// sentinel is a plain request on a connection of its own: when its answer is there, what the system had to pass on before it has been
// passed on; and where a connection to the provider is out of step, it shows.
var sentinel = fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
	sentinelTarget, rawcases.Key, len(rawcases.Doc), rawcases.Doc)

func dial(addr string) (*net.TCPConn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// play sends a case and gathers what became of it.
func play(addr string, o *origin, c *rawcases.Case) (rawcases.Seen, error) {
	conn, err := dial(addr)
	if err != nil {
		return rawcases.Seen{}, err
	}
	seen := rawcases.Talk(c, conn, func() { time.Sleep(pieceGap) })
	_ = conn.Close() // the case is over
	answered := ask(addr)
	requests, fault := o.take()
	found := false
	for _, r := range requests {
		if r.Target == sentinelTarget {
			found = true
			continue
		}
		seen.Requests = append(seen.Requests, r)
	}
	seen.Fault = fault
	switch {
	case answered != nil:
		return seen, fmt.Errorf("the next client's request does not get through: %w", answered)
	case !found:
		return seen, errors.New("the next client's request is answered without the provider")
	}
	return seen, nil
}

// ask sends the sentinel; an error says that it was not answered with 200.
func ask(addr string) error {
	conn, err := dial(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, sentinel); err != nil {
		return err
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(b), "HTTP/1.1 200 ") {
		return fmt.Errorf("it got %.60q", b)
	}
	return nil
}

// await waits until the system serves.
func await(addr string, o *origin) error {
	err := errors.New("it does not serve")
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = ask(addr); err == nil {
			o.take()
			return nil
		}
	}
	return err
}
