// Package stream is the vocabulary that the upstream codecs share: what a request to a provider looks like, what comes back,
// and how it can fail. It exists so that h2 and h1 offer one interface and their users need not know which of them they have.
//
// May not know: sockets, loops, clocks, goroutines, LLMs.
// Threads: everything belongs to the loop of its connection.
// Bytes: see each type; Field views are borrowed or lent for one call only.
package stream
