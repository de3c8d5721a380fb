// Package stand is the test stand of the load programs: it starts a gateway and a simulated provider as processes of their own,
// reads what they cost from /proc and from the admin port, and drives the gateway over many HTTP/1.1 connections from one thread.
// It exists so that scenarios say what they load, and not how.
//
// May not know: any package of the gateway. It sees what an operator sees: the binary, its ports, its metrics.
// Threads: a Fleet belongs to the goroutine that made it, which should hold its thread (HoldThread); all else is safe anywhere.
// Bytes: a Fleet borrows its request for as long as it lives.
package stand
