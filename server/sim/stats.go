package sim

import "sync/atomic"

type counter = atomic.Int64

// stats are the counters of a Server. Every field may be read and written on any thread.
type stats struct {
	requests        counter
	errors          counter
	streamsStarted  counter
	streamsFinished counter
	cancelled       counter
	broken          counter
	open            counter
	bytesIn         counter
	bytesOut        counter
	connections     counter
	connectionsOpen counter
}

// Stats is a copy of a Server's counters. Requests for the counters themselves do not count.
type Stats struct {
	Requests        int64 // complete ones
	Errors          int64 // answered with an error's status
	StreamsStarted  int64
	StreamsFinished int64 // to their regular end
	Cancelled       int64 // answers that the client did not wait for: it reset the stream or closed the connection
	Broken          int64 // answers that ended as the model's name asked for: reset, closed, cut, failed
	Open            int64 // answers on their way
	BytesIn         int64 // as the connections read them
	BytesOut        int64 // of bodies
	Connections     int64
	ConnectionsOpen int64
}

// StatsOffLoop returns a copy of the counters. Any thread.
func (s *Server) StatsOffLoop() Stats {
	c := &s.stats
	return Stats{
		Requests: c.requests.Load(), Errors: c.errors.Load(),
		StreamsStarted: c.streamsStarted.Load(), StreamsFinished: c.streamsFinished.Load(),
		Cancelled: c.cancelled.Load(), Broken: c.broken.Load(), Open: c.open.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		Connections: c.connections.Load(), ConnectionsOpen: c.connectionsOpen.Load(),
	}
}

// ResetOffLoop sets the counters to zero, but for what is open. Any thread.
func (s *Server) ResetOffLoop() {
	c := &s.stats
	for _, n := range [...]*counter{
		&c.requests, &c.errors, &c.streamsStarted, &c.streamsFinished, &c.cancelled, &c.broken,
		&c.bytesIn, &c.bytesOut, &c.connections,
	} {
		n.Store(0)
	}
}

func (s Stats) appendJSON(b []byte) []byte {
	for i, row := range [...]struct {
		name  string
		value int64
	}{
		{"requests", s.Requests},
		{"errors", s.Errors},
		{"streams_started", s.StreamsStarted},
		{"streams_finished", s.StreamsFinished},
		{"cancelled", s.Cancelled},
		{"broken", s.Broken},
		{"open", s.Open},
		{"bytes_in", s.BytesIn},
		{"bytes_out", s.BytesOut},
		{"connections", s.Connections},
		{"connections_open", s.ConnectionsOpen},
	} {
		if i == 0 {
			b = append(b, `{"`...)
		} else {
			b = append(b, `,"`...)
		}
		b = append(b, row.name...)
		b = append(b, `":`...)
		b = appendInt(b, int(row.value))
	}
	return append(b, '}')
}
