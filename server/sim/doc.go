// Package sim is a simulated LLM provider. It is the `sim` provider inside the gateway's own binary, so that a fresh
// checkout answers without any account, and `penstock mock`, a server that tests and benchmarks are run against: cheap
// enough that what they measure is not this package, and faulty in every way that a model's name asks for.
//
// May not know: the gateway, its dialects, its configuration, net/http. It reads requests with its own eyes, so that an
// error in the gateway's reading of them shows.
// Threads: a connection and all that hangs off it belong to one loop. A Server is shared by its loops: what they share
// are atomics. StatsOffLoop and ResetOffLoop may be called anywhere; Run owns the engine that it starts.
// Bytes: a request's body is borrowed while the answer is decided on; what a delayed answer or a stream needs of it is
// copied into the exchange. Answers are written into the connection's write batch; what flow control refuses waits in a
// slab of the exchange, at most one turn of a stream or one whole answer.
package sim
