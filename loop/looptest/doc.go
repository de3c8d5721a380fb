// Package looptest runs loops on virtual time and a scripted network, deterministic from a seed. It exists so that the production
// connection code meets, thousands of times a minute, the splits, delays, short writes, half-closes and resets that a real network
// shows once a month, and so that each of them can be replayed from the one number that made it.
//
// May not know: http1, upstream, server; what the bytes mean; sockets, the wall clock, goroutines.
// Threads: a World and all that hangs off it belong to the test's goroutine; nothing in it starts another one. Seeds runs
// one world per core at a time, and it alone reads the wall clock, to say how long a soak has run.
// Bytes: a Script borrows what it is given until it returns; End.Write copies. What a loop's connection was lent is overwritten
// as soon as the call returns, so that a view that outlives it reads garbage.
package looptest
