package rawcases

import "io"

// Conn is a client's connection. Its Read fails when the caller's patience is over.
type Conn interface {
	io.ReadWriter
	CloseWrite() error
}

// Talk plays the client of a case: it sends the pieces, calling pause between them, reads the answers until they are complete or the
// connection ends, and asks FollowUp where the connection is kept. What providers got is for the caller to fill in.
func Talk(c *Case, conn Conn, pause func()) Seen {
	r := Reader{Heads: c.Heads()}
	for i, piece := range c.Send {
		if i > 0 {
			pause()
		}
		// Whoever has refused what came before may have closed; the answer tells.
		_, _ = io.WriteString(conn, piece)
	}
	if c.Input == Shut {
		_ = conn.CloseWrite() // it may be gone
	}
	var s Seen
	buffer := make([]byte, 64<<10)
	more := func(enough func() bool) {
		for !enough() {
			n, err := conn.Read(buffer)
			late := false
			if t, ok := err.(interface{ Timeout() bool }); ok {
				late = t.Timeout()
			}
			r.Feed(buffer[:n], err != nil && !late)
			if err != nil {
				s.Closed = !late
				return
			}
		}
	}
	never := func() bool { return false }
	count := func() bool { return len(r.Answers) >= len(c.Want) && c.Input == Open }
	closing := func() bool { return len(r.Answers) > 0 && r.Answers[len(r.Answers)-1].Close }
	more(func() bool { return r.Junk != "" || closing() || count() })
	if r.Junk == "" && !s.Closed && closing() {
		more(never)
	}
	if r.Junk == "" && !s.Closed && count() {
		before := len(r.Answers)
		_, _ = io.WriteString(conn, FollowUp) // as above
		more(never)
		if len(r.Answers) == before+1 && r.Answers[before].Status == 200 {
			s.Followed = true
			r.Answers = r.Answers[:before]
		}
	}
	s.Answers, s.Junk = r.Answers, r.Junk
	return s
}
