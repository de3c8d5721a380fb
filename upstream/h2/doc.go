// Package h2 is the client half of one HTTP/2 connection as a state machine: bytes in, calls on sinks and bytes out
// (RFC 9113, HPACK of RFC 7541). It stands alone so that a test can run a whole connection byte by byte, without a socket.
// The frame layer and the HPACK decoder are exported for the simulated provider, which is the other half.
//
// May not know: sockets, TLS, gnet, clocks, goroutines, other connections, what a request means.
// Threads: a Conn belongs to one loop; no method may be called elsewhere. A Decoder belongs to its Conn (or to its server).
// Bytes: Feed borrows its argument and lends views into it to sinks; what the end of a Feed leaves incomplete is copied into
// a buffer of the connection. Open borrows the head and is lent the body (see stream.Request). What goes out is copied once,
// into the Output.
package h2
