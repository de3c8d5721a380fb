// Package h1 is the client half of one HTTP/1.1 keep-alive connection as a state machine: response bytes in, events out;
// requests in, bytes out (RFC 9112). It stands alone so that a test can run a whole connection byte by byte, without a socket.
// Its parser is stricter than the RFC asks of a client: whatever two parsers could read in two ways ends the connection, since
// the bytes behind a misread response would be the next client's answer.
//
// May not know: sockets, TLS, loops, clocks, goroutines, other connections, what a request means.
// Threads: a Conn belongs to one loop; no method may be called elsewhere.
// Bytes: Feed borrows its argument; body pieces and field values are views of it (a head that comes in pieces is gathered in a
// bounded buffer of the connection), field names are views of a scratch of the connection; all of them are lent for the one
// call of the Sink. Open copies the request into the Output before it returns.
package h1
