// Package loop is one event loop: connections, timers, a mailbox, and one flush at the end of each poll batch. It stands alone so
// that the same connection code runs on metal (gnet's poller, one pinned thread per core) and on virtual time (loop/looptest).
//
// May not know: http1, upstream, server; what the bytes mean.
// Threads: everything belongs to the loop's own thread, but for methods whose name ends in OffLoop, which may be called
// anywhere and only post to the mailbox, and for what Engine offers, which says so.
// Bytes: Handler.OnData lends its argument until it returns; Conn.Buffer lends the write batch until the next call.
package loop
