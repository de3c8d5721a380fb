package rawcases

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	cases := Cases()
	if len(cases) < 400 {
		t.Errorf("%d cases", len(cases))
	}
	names := map[string]bool{}
	for _, c := range cases {
		if names[c.Family+c.Name] {
			t.Errorf("%s: %s: there twice", c.Family, c.Name)
		}
		names[c.Family+c.Name] = true
		if !strings.HasPrefix(c.Section, "RFC ") || !strings.Contains(c.Section, " §") {
			t.Errorf("%s: section %q", c.Name, c.Section)
		}
		for i, w := range c.Want {
			if i+1 < len(c.Want) && !w.Keep {
				t.Errorf("%s: request %d follows one that ends the connection", c.Name, i+2)
			}
			if w.Keep && w.Close {
				t.Errorf("%s: kept and closed", c.Name)
			}
		}
	}
}

// ideal is what a gateway that does as the table says would be seen to do.
func ideal(c *Case) Seen {
	s := Seen{Closed: true, Followed: c.Keeps()}
	for _, w := range c.Want {
		if w.Status == 0 {
			continue
		}
		a := Answer{Status: w.Status, Close: !w.Keep}
		if w.Interim {
			a.Interim = 1
		}
		s.Answers = append(s.Answers, a)
		if w.Forward {
			s.Requests = append(s.Requests, Request{Method: "POST", Target: "/", Content: w.Content})
		}
	}
	return s
}

// TestOursIsAllowed: what we do is within what the RFCs allow, and the judges see when it is not done.
func TestOursIsAllowed(t *testing.T) {
	for _, c := range Cases() {
		s := ideal(&c)
		if err := c.Ours(&s); err != nil {
			t.Errorf("%s: ours: %v", c.Name, err)
		}
		if err := c.Allowed(&s, false); err != nil {
			t.Errorf("%s: allowed: %v", c.Name, err)
		}
		for what, spoil := range map[string]func(*Seen){
			"one answer more":     func(s *Seen) { s.Answers = append(s.Answers, Answer{Status: 200}) },
			"a request unnoticed": func(s *Seen) { s.Requests = append(s.Requests, Request{Method: "GET", Target: "/x", Content: "?"}) },
			"a bad request":       func(s *Seen) { s.Fault = "x" },
		} {
			bad := ideal(&c)
			spoil(&bad)
			if c.Ours(&bad) == nil || c.Allowed(&bad, false) == nil {
				t.Errorf("%s: %s passes", c.Name, what)
			}
		}
		for i := range s.Answers {
			bad := ideal(&c)
			bad.Answers[i].Status = 299
			if c.Ours(&bad) == nil {
				t.Errorf("%s: another status passes", c.Name)
			}
			if c.Want[i].Rule == Refuse && c.Allowed(&bad, true) == nil {
				t.Errorf("%s: serving it passes", c.Name)
			}
		}
	}
}

func TestReader(t *testing.T) {
	const in = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}" +
		"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\nConnection: close\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n"
	for at := range len(in) {
		r := Reader{Heads: []bool{false, true}}
		r.Feed([]byte(in[:at]), false)
		r.Feed([]byte(in[at:]), true)
		if r.Junk != "" || len(r.Answers) != 3 {
			t.Fatalf("cut at %d: %+v", at, r)
		}
		a, b, c := r.Answers[0], r.Answers[1], r.Answers[2]
		if a.Status != 200 || a.Content != "{}" || a.Interim != 1 || a.Close || b.Status != 404 || b.Content != "" || !b.Close || c.Content != "abc" {
			t.Fatalf("cut at %d: %+v", at, r.Answers)
		}
	}
	for _, bad := range []string{"hello", "HTTP/2 200\r\n\r\n", "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"} {
		r := Reader{}
		if r.Feed([]byte(bad), false); r.Junk == "" {
			t.Errorf("%q is no junk", bad)
		}
	}
}

func TestOrigin(t *testing.T) {
	in := goodChat + chat(chunked, docChunks) + good
	for at := range len(in) {
		var o Origin
		o.Feed([]byte(in[:at]))
		o.Feed([]byte(in[at:]))
		if o.Fault != "" || len(o.Requests) != 3 || o.Requests[0].Content != Doc || o.Requests[1].Content != Doc {
			t.Fatalf("cut at %d: %+v", at, o)
		}
	}
	for _, bad := range []string{
		chat(docLength+docLength, Doc), chat(docLength+chunked, docChunks), chat("Transfer-Encoding: xchunked\r\n", Doc), chat("Content-Length: +13\r\n", Doc),
		models("A : b\r\n"), models("A: b\x00\r\n"), models("A: b\nc\r\n"), models(" c\r\n"), models("Host: b\r\n"), chat(chunked, "d\n"+Doc+"\r\n"+end),
		chat(chunked, "c\r\n"+Doc+"\r\n"+end), asks("GET /a b HTTP/1.1"), asks("GET /% HTTP/1.1"), asks("GET /\xff HTTP/1.1"),
	} {
		var o Origin
		if o.Feed([]byte(bad)); o.Fault == "" {
			t.Errorf("%q is taken for a request", bad)
		}
	}
}
