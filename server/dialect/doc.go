// Package dialect is what the gateway knows of the vendors' APIs as long as client and provider speak the same one: which
// endpoint a request is for, what of its body decides the route, how a body is patched, what an error looks like, and what a
// response says was used. It exists so that a request can pass through without ever being decoded.
//
// May not know: the gateway, upstreams, loops, sockets, clocks, configuration.
// Threads: the tables are immutable and shared; every other value (Scan, Form, UsageScanner, Stripper, EndScanner) belongs to one
// exchange on one loop.
// Bytes: bytes in, bytes out. Bodies and pieces of responses are borrowed for the call; views in a Scan or a Form point into the
// body and are lent until that body goes or the value is used again. Append functions copy into what the caller gave them.
package dialect
