package gateway

import "time"

// Look is what a test may see of one client connection between two poll batches.
type Look struct {
	Open     bool // the connection is neither closed nor closing
	Exchange bool
	Timed    bool          // a timer of the connection or of its exchange is armed
	Admitted bool          // the exchange counts among those that may be in flight
	Running  bool          // the exchange is at a provider, or waits for a connection to one
	Age      time.Duration // of the exchange
	Queued   int           // bytes of answers that the socket has not taken
	Kept     int           // bytes of requests that are not yet read
}

// Look calls f for each client connection. The Look is lent for the call.
func (g *Gateway) Look(f func(*Look)) {
	var l Look
	for cl := g.clients.first; cl != nil; cl = cl.next {
		l = Look{Open: cl.c.Open(), Queued: cl.c.Queued(), Kept: len(cl.in), Timed: cl.timer.Armed()}
		if ex := cl.ex; ex != nil {
			l.Exchange, l.Running, l.Admitted, l.Age = true, ex.running, ex.slot != 0, time.Duration(g.loop.Now()-ex.startAt)
			l.Timed = l.Timed || ex.timer.Armed()
		}
		f(&l)
	}
}

// Begun is how many exchanges there were since the start.
func (g *Gateway) Begun() uint64 {
	n, _ := g.exchanges.Stats()
	return n
}

// Admitted is how many requests in flight the admission knows of, in all and added up over the keys.
func (g *Gateway) Admitted() (all, byKey int) {
	for _, n := range g.admission.keys {
		byKey += n
	}
	return g.admission.open, byKey
}

// PlantExchange counts an exchange that is not there.
func (g *Gateway) PlantExchange() { g.open++ }

// PlantSilence takes the timers from all that waits.
func (g *Gateway) PlantSilence() {
	for cl := g.clients.first; cl != nil; cl = cl.next {
		g.loop.Disarm(&cl.timer)
		if cl.ex != nil {
			g.loop.Disarm(&cl.ex.timer)
		}
	}
}

// PlantFlood queues n bytes for each client that is being answered.
func (g *Gateway) PlantFlood(n int) {
	for cl := g.clients.first; cl != nil; cl = cl.next {
		if cl.ex != nil && cl.ex.headSent {
			cl.c.Write(make([]byte, n))
		}
	}
}

// PlantLoss forgets that exchanges are at a provider.
func (g *Gateway) PlantLoss() {
	for cl := g.clients.first; cl != nil; cl = cl.next {
		if cl.ex != nil {
			cl.ex.running = false
		}
	}
}

// PlantAdmission forgets that a request in flight has been admitted.
func (g *Gateway) PlantAdmission() { g.admission.open-- }
