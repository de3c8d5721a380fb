package e2e

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// says1 is a row in which the provider answers with these bytes, which hold %s where its body's type belongs.
func says1(name, kind, reply string) misdeed {
	return misdeed{name: name, over: http1, kind: kind, during: "-", conn: closed, h1: func(p *peer, a ask) {
		p.say(strings.ReplaceAll(reply, "%s", a.contentType()))
	}}
}

// badHead is a row with a head that is no HTTP.
func badHead(name, reply string) misdeed { return says1(name, "protocol", reply) }

// badChunk is a row for a fault in the middle of a chunked body.
func badChunk(name, bytes string) misdeed {
	return misdeed{name: name, over: http1, kind: "protocol", before: "-", conn: closed, h1: func(p *peer, a ask) {
		p.say(strings.ReplaceAll(bytes, "x", a.rest()[:1])) // what of it is body is right
	}}
}

const okLine = "HTTP/1.1 200 OK\r\n"

func hostileRows1() []misdeed {
	rows := append(headRows1(), framingRows1()...)
	rows = append(rows, chunkRows1()...)
	rows = append(rows, orderRows1()...)
	return append(rows, endRows1()...)
}

func headRows1() []misdeed {
	rows := []misdeed{
		badHead("sends bytes that mean nothing", "\x00\x01\x02 what is this?\r\n\r\n"),
		badHead("speaks another protocol", "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
		badHead("speaks HTTP/2 instead of HTTP/1.1", frame(4, 0, 0, "")+frame(7, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x01")),
		badHead("answers in HTTP/0.9", "<html>hello</html>\r\n"),
		badHead("speaks HTTP/2.0 in a status line", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
		badHead("speaks HTTP/1.9", "HTTP/1.9 200 OK\r\nContent-Length: 0\r\n\r\n"),
		badHead("writes http in lower case", "http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
		badHead("puts two blanks before the status", "HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n"),
		badHead("puts a tab before the status", "HTTP/1.1\t200 OK\r\nContent-Length: 0\r\n\r\n"),
		badHead("puts an empty line before the status line", "\r\n"+okLine+"Content-Length: 0\r\n\r\n"),
		badHead("ends lines with LF alone", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"),
		badHead("ends one line with LF alone", okLine+"Content-Length: 0\nServer: x\r\n\r\n"),
		badHead("puts CR into a field value", okLine+"Content-Length: 0\r\nServer: x\ry\r\n\r\n"),
		badHead("puts NUL into a field value", okLine+"Content-Length: 0\r\nServer: x\x00y\r\n\r\n"),
		badHead("puts NUL into a field name", okLine+"Content-Length: 0\r\nSer\x00ver: x\r\n\r\n"),
		badHead("puts NUL into the reason", "HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n"),
		badHead("sends a field without a colon", okLine+"broken\r\n\r\n"),
		badHead("sends a field without a name", okLine+": x\r\nContent-Length: 0\r\n\r\n"),
		badHead("puts a blank before the colon", okLine+"Content-Length : 0\r\n\r\n"),
		badHead("folds a field over two lines", okLine+"Server: x\r\n y\r\nContent-Length: 0\r\n\r\n"),
		badHead("begins its fields with a blank", okLine+" Server: x\r\nContent-Length: 0\r\n\r\n"),
		says1("sends a head without end", "too_large", okLine+strings.Repeat("A: "+strings.Repeat("a", 1000)+"\r\n", 2000)),
		says1("sends one field without end", "too_large", okLine+"A: "+strings.Repeat("a", 1<<20)),
		says1("sends 200 fields", "too_large", okLine+strings.Repeat("A: a\r\n", 200)+"Content-Length: 0\r\n\r\n"),
		badHead("sends a redirect", "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
		badHead("asks for a proxy's credentials", "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
		badHead("switches protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
	}
	for _, status := range []string{"", "20", "2000", "abc", "099", "999", "-20"} {
		rows = append(rows, badHead(fmt.Sprintf("sends the status %q", status), "HTTP/1.1 "+status+" OK\r\nContent-Length: 0\r\n\r\n"))
	}
	return rows
}

func framingRows1() []misdeed {
	length := func(name, value string) misdeed {
		return badHead(name, okLine+"Content-Type: %s\r\n"+value+"\r\n"+anyJSON)
	}
	return []misdeed{
		length("sends a length that is no number", "Content-Length: ten\r\n"),
		length("sends a negative length", "Content-Length: -10\r\n"),
		length("sends a length with a sign", "Content-Length: +10\r\n"),
		length("sends a hexadecimal length", "Content-Length: 0xa\r\n"),
		length("sends an empty length", "Content-Length: \r\n"),
		length("sends a length beyond 2^63", "Content-Length: 99999999999999999999\r\n"),
		length("sends two different lengths", "Content-Length: 10\r\nContent-Length: 11\r\n"),
		length("sends a list of different lengths", "Content-Length: 10, 11\r\n"),
		length("sends a length and Transfer-Encoding", "Content-Length: 10\r\nTransfer-Encoding: chunked\r\n"),
		length("sends an unknown Transfer-Encoding", "Transfer-Encoding: gzip\r\n"),
		length("sends two codings", "Transfer-Encoding: gzip, chunked\r\n"),
		length("sends chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
		length("hides chunked behind a control character", "Transfer-Encoding: \x0bchunked\r\n"),
		badHead("sends chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"+chunk(anyJSON)+"0\r\n\r\n"),
		{name: "sends the same length twice", over: http1, conn: kept, during: "-", h1: func(p *peer, a ask) {
			b := a.first() + a.rest()
			p.say(head1(a, strings.Repeat(fmt.Sprintf("Content-Length: %d\r\n", len(b)), 2)) + b)
		}},
		{
			name: "announces a longer body than it sends, and closes", over: http1, kind: "closed", again: true, during: "-", plain: true, conn: closed,
			h1: func(p *peer, a ask) { p.say(head1(a, "Content-Length: 1000\r\n") + a.first()); p.end() },
		},
		{name: "announces a shorter body than it sends", over: http1, during: "-", plain: true, conn: closed, h1: func(p *peer, a ask) {
			b := plainBody(a)
			p.say(head1(a, fmt.Sprintf("Content-Length: %d\r\n", len(b))) + b + "surplus")
		}},
		{name: "sends 204 with a body", over: http1, during: "-", before: "204", conn: closed, h1: func(p *peer, _ ask) {
			p.say("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello")
		}},
		{name: "sends 304 with a body", over: http1, during: "-", before: "304", conn: closed, h1: func(p *peer, _ ask) {
			p.say("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello")
		}},
		{name: "answers in HTTP/1.0 and keeps the connection", over: http1, during: "-", conn: kept, h1: func(p *peer, a ask) {
			b := a.first() + a.rest()
			p.say(fmt.Sprintf("HTTP/1.0 200 OK\r\ncontent-type: %s\r\nconnection: Keep-Alive\r\ncontent-length: %d\r\n\r\n%s", a.contentType(), len(b), b))
		}},
		{name: "answers in HTTP/1.0 and closes", over: http1, during: "-", conn: closed, h1: func(p *peer, a ask) {
			p.say("HTTP/1.0 200 OK\r\ncontent-type: " + a.contentType() + "\r\n\r\n" + a.first() + a.rest())
			p.end()
		}},
		{name: "says Connection: close after each answer, and closes", over: http1, during: "-", conn: closed, h1: func(p *peer, a ask) {
			p.say(head1(a, "connection: close\r\n"+chunkedField) + chunk(a.first()+a.rest()) + "0\r\n\r\n")
			p.end()
		}},
		{name: "closes a kept-alive connection once it has been idle", over: http1, afterwards: true, conn: closed, h1: func(p *peer, a ask) {
			p.finish(a)
			p.run.settle()
			p.end()
		}},
		{name: "ends its body by closing", over: http1, during: "-", conn: closed, h1: func(p *peer, a ask) {
			p.say(head1(a, "") + a.first() + a.rest())
			p.end()
		}},
		{name: "ends its body by a reset", over: http1, kind: "reset", again: true, plain: true, during: "-", conn: closed, h1: func(p *peer, a ask) {
			p.say(head1(a, "") + a.first())
			p.reset()
		}},
		{name: "leaves out the reason phrase", over: http1, during: "-", conn: kept, h1: func(p *peer, a ask) {
			b := a.first() + a.rest()
			p.say(fmt.Sprintf("HTTP/1.1 200\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", a.contentType(), len(b), b))
		}},
		{name: "says Connection: close and keeps the connection open", over: http1, during: "-", conn: closed, h1: func(p *peer, a ask) {
			b := a.first() + a.rest()
			p.say(head1(a, fmt.Sprintf("Connection: close\r\nContent-Length: %d\r\n", len(b))) + b)
		}},
	}
}

func chunkRows1() []misdeed {
	return []misdeed{
		badChunk("sends a chunk size that is no number", "zz\r\nx\r\n"),
		badChunk("sends an empty chunk size", "\r\nx\r\n"),
		badChunk("sends a negative chunk size", "-1\r\nx\r\n"),
		badChunk("sends a chunk size with 0x", "0X1\r\nx\r\n"),
		badChunk("sends a chunk size beyond 2^63", "fffffffffffffffff\r\nx\r\n"),
		badChunk("puts a blank before a chunk size", " 1\r\nx\r\n"),
		badChunk("ends a chunk size with LF alone", "1\nx\r\n"),
		badChunk("ends a chunk without CR LF", "1\r\nx1\r\nx\r\n"),
		badChunk("ends a chunk with LF alone", "1\r\nx\n1\r\nx\r\n"),
		badChunk("puts a control character into a chunk extension", "1;a=\x00\r\nx\r\n"),
		badChunk("sends a bad field in its trailers", "0\r\nbroken\r\n\r\n"),
		{
			name: "sends a chunk extension without end", over: http1, kind: "too_large", before: "-", conn: closed,
			h1: func(p *peer, _ ask) { p.say("1;" + strings.Repeat("a", 10000)) },
		},
		{
			name: "sends trailers without end", over: http1, kind: "too_large", before: "-", conn: closed,
			h1: func(p *peer, _ ask) { p.say("0\r\n" + strings.Repeat("A: "+strings.Repeat("a", 1000)+"\r\n", 100)) },
		},
		{
			name: "ends its answer with trailers, Content-Length and Transfer-Encoding among them", over: http1, before: "-", conn: kept,
			h1: func(p *peer, a ask) {
				p.say(chunk(a.rest()) + "0\r\nX-Sum: 1\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n")
			},
		},
		{name: "sends its head byte by byte", over: http1, during: "-", conn: kept, h1: func(p *peer, a ask) {
			p.drip(head1(a, chunkedField), time.Millisecond)
			p.say(chunk(a.first()+a.rest()) + "0\r\n\r\n")
		}},
		{name: "sends chunks of one byte with extensions", over: http1, before: "-", conn: kept, h1: func(p *peer, a ask) {
			for _, b := range []byte(a.rest()) {
				p.say("0001;x=\"y\"\r\n" + string(rune(b)) + "\r\n")
			}
			p.say("000\r\n\r\n")
		}},
	}
}

func orderRows1() []misdeed {
	other := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n" + `{"id":"somebody else's"}  `
	return []misdeed{
		{name: "answers twice", over: http1, conn: closed, h1: func(p *peer, a ask) { p.say(p.missing(a) + other) }},
		{name: "answers twice, the second time a little later", over: http1, afterwards: true, conn: closed, h1: func(p *peer, a ask) {
			p.finish(a)
			p.run.settle()
			p.say(other)
			discard(p)
		}},
		{name: "sends bytes after its answer", over: http1, conn: closed, h1: func(p *peer, a ask) { p.say(p.missing(a) + "\r\n") }},
		{name: "sends 100 and 103 before its answer", over: http1, during: "-", conn: kept, h1: func(p *peer, a ask) {
			p.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
			p.finish(a)
		}},
		says1("sends 1xx without end", "protocol", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100)),
		{
			name: "answers early and in full while the request is still on its way", over: http1, early: true, bodySize: 12 << 20, before: "413", during: "-", conn: closed,
			h1: func(p *peer, a ask) {
				b := plainBody(ask{name: a.name})
				p.say(fmt.Sprintf("HTTP/1.1 413 Content Too Large\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(b), b))
				p.run.settle() // until then most of the request is still in the gateway
				discard(p)
			},
		},
		{
			name: "answers early, and closes while the request is still on its way", over: http1, early: true, bodySize: 12 << 20, before: "413", during: "-", conn: closed,
			h1: func(p *peer, a ask) {
				b := plainBody(ask{name: a.name})
				p.say(fmt.Sprintf("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(b), b))
				_ = p.under.(*net.TCPConn).CloseWrite() // what fails here fails the read
				p.run.settle()
				discard(p)
			},
		},
	}
}

func endRows1() []misdeed {
	cut := func(name string, of func(ask) string) misdeed {
		return misdeed{name: name, over: http1, kind: "closed", again: true, conn: closed, h1: func(p *peer, a ask) { p.say(of(a)); p.end() }}
	}
	return []misdeed{
		{name: "is not there", over: http1, kind: "connect", during: "-", conn: never},
		{name: "closes each connection as it comes", over: http1, kind: "closed", during: "-", again: true, conn: closed, accept: (*peer).end},
		cut("closes", func(ask) string { return "" }),
		cut("closes within a line", func(a ask) string {
			if a.begun {
				return "1"
			}
			return "HTTP/1.1 20"
		}),
		cut("closes within its head or its chunk", func(a ask) string {
			if a.begun {
				return "5\r\n" + a.rest()[:2]
			}
			return okLine + "Content-Ty"
		}),
		{
			name: "closes after the head", over: http1, kind: "closed", again: true, during: "-", conn: closed,
			h1: func(p *peer, a ask) { p.say(head1(a, chunkedField)); p.end() },
		},
		{name: "resets the TCP connection", over: http1, kind: "reset", again: true, conn: closed, h1: func(p *peer, _ ask) { p.reset() }},
		{name: "accepts and says nothing", over: http1, kind: "timeout", silent: true, during: "-", conn: closed, accept: discard},
		{name: "falls silent", over: http1, kind: "timeout", silent: true, conn: closed, h1: func(*peer, ask) {}},
		{
			name: "falls silent within its head", over: http1, kind: "timeout", silent: true, during: "-", conn: closed,
			h1: func(p *peer, _ ask) { p.say(okLine + "Content-") },
		},
		{
			name: "falls silent within a chunk", over: http1, kind: "timeout", silent: true, before: "-", conn: closed,
			h1: func(p *peer, a ask) { p.say("5\r\n" + a.rest()[:2]) },
		},
		{
			name: "drips one byte in 20 ms", over: http1, before: "-", conn: kept,
			h1: func(p *peer, a ask) {
				p.drip(chunk(a.rest())[:8], 20*time.Millisecond)
				p.say((chunk(a.rest()) + "0\r\n\r\n")[8:])
			},
		},
	}
}
