// Package gateway is the exchange: one request from its first byte to its last, on one loop. It puts together what the packages
// beside it decide: auth, scan, route, upstream, reply, account.
//
// May not know: gnet, sockets, files, goroutines, clocks other than its loop's; how configuration is written.
// Threads: a Gateway, its clients and exchanges belong to one loop. A Policy is immutable and shared by all of them.
// Bytes: what a client sends is lent until OnData returns and copied into the exchange's arena in request.go (fields, path) and
// client.go (body); what a provider sends is lent for the call and goes into the client's write batch.
package gateway
