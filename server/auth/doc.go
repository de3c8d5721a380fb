// Package auth decides who calls and which models that caller may ask for. It exists so that this decision is one plain call on
// an immutable table, made before any body work, and can be tested without a server.
//
// May not know: sockets, loops, files, HTTP heads, limits, what a model is served by.
// Threads: a Table is never changed after NewTable and is safe on every thread; so are its Keys.
// Bytes: every argument is borrowed. Credential returns a view of its argument. Secrets are kept as SHA-256 digests only.
package auth
