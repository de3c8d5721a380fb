// Package e2e drives the built binary the way its users do: as a process with signals and files, over real sockets, with the
// official clients of the vendors. It exists because a part that is right by itself can still be put together wrong.
//
// It holds tests alone. They need npm and Node.js 20 or later for the JavaScript clients; the Go client lives in the module below
// this folder, so that the gateway's own module does not depend on it.
//
// May not know: any package of the gateway; what it learns, it learns from sockets, files, exit codes and printed lines.
// Threads: any; each test starts processes of its own and ends them.
// Bytes: what a process prints is kept until the package's tests are over, and searched for secrets then.
package e2e
