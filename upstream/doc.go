// Package upstream keeps the connections to providers: it resolves, dials, shakes hands, pools per loop and provider, and puts
// requests on connections. It exists so that the gateway asks for a stream and never learns which connection or protocol it got.
//
// May not know: gnet, server, what a request means.
// Threads: a Pool and its connections belong to one loop. A Provider is shared by all loops: constant but for atomics. Resolver
// and NetDialer work on goroutines of their own and come back through the loop's mailbox.
// Bytes: Ticket.Request is lent to the pool from Open until the sink's OnSent, OnEnd or OnFail, or until Cancel.
package upstream
