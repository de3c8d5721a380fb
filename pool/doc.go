// Package pool hands out the memory of one loop: byte slabs by size class, arenas that live as long as one exchange, and free
// lists of objects. It exists so that the hot path allocates nothing and so that every byte a loop holds can be counted.
//
// May not know: anything else of ours; sockets, clocks, goroutines.
// Threads: each value belongs to one loop (or one test); nothing here locks.
// Bytes: Get hands a buffer over, Put takes it back; a buffer given back may not be touched again. With the build tag
// `invariants` buffers that come back are filled with a pattern, and a double Put panics.
package pool
