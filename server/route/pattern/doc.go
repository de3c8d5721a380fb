// Package pattern matches model names against patterns with stars, as they stand in a provider's `serves` and a key's `models`.
// It exists so that both read a pattern in the same way: a name that a key may not ask for must not be reachable by another
// reading.
//
// May not know: anything else of ours.
// Threads: pure functions, safe on every thread.
// Bytes: arguments are borrowed.
package pattern
