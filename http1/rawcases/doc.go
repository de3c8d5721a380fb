// Package rawcases is the table of raw requests: bytes as a client may send them, the section of the RFC that decides about them, and
// what may become of them. It stands apart from the codec so that the codec's tests, the simulation, the tests over real sockets and
// the comparison with other servers (bench/wire) all work through the same bytes, and so that those who judge share no code with
// those who are judged: reading a response (Reader) and reading a request (Origin) are written down a second time here.
//
// May not know: http1, sockets, loops, clocks, goroutines, what else a case is run against.
// Threads: the tables are not written to; a Reader or an Origin belongs to one goroutine.
// Bytes: Reader and Origin copy what they are fed.
package rawcases
