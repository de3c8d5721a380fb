// Package observe counts what a loop does and writes down what became of each exchange: per-loop counters, log-linear
// histograms, the access log and the process's own log. It exists so that a loop pays a few plain additions for its
// metrics, and so that whoever shows them (server/admin) gets plain values to render.
//
// May not know: sockets, net/http, the Prometheus client, loops, the gateway.
// Threads: a Loop, its histograms and a LogLane belong to one loop; others get copies, made by that loop when its mailbox asks
// (Gatherer). Names ending in OffLoop may be called anywhere and never wait. LogWriter and Gatherer live off the loops.
// Bytes: Record and count methods keep nothing. LogLane.Append borrows its Entry and copies what it writes.
package observe
