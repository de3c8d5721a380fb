// Package admin is the operator's port: metrics, health, profiles and a small API about the running process. It exists apart
// from the data path so that the one place that uses net/http serves people and monitoring, never applications.
//
// May not know: loops, the gateway, dialects, upstream; it sees the process through Source alone.
// Threads: off the loops, a goroutine per connection; every exported method is safe for concurrent use.
// Bytes: what a Source returns belongs to the request that asked for it.
package admin
