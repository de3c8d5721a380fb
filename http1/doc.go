// Package http1 is the server half of HTTP/1.1 as a codec: bytes in, request heads and bodies out, response bytes appended to a
// caller's buffer (RFC 9110, RFC 9112). It exists so that what a request is gets decided in one strict place, byte by byte
// and without a socket: two readers that disagree about where a request ends are what request smuggling lives on, so that
// whatever the RFCs call invalid is refused here instead of repaired.
//
// May not know: sockets, TLS, loops, clocks, goroutines, upstream connections, what a request means.
// Threads: a Parser, Head, Body or DateCache belongs to one loop; the functions are safe anywhere.
// Bytes: Parse and Next borrow their argument; what a Head or a piece of a body shows are views into it, good as long as the
// caller leaves those bytes where they are. Append functions borrow what they append and return the grown buffer.
package http1
