package upstream

// queue holds the requests that wait for a connection, in one lane for each class. Lanes take turns, so that one client's many requests
// wait behind each other and not in front of everybody else's.
type queue struct {
	lanes []lane // by class
	order []int  // classes that have something waiting, the next one to be served first
	count int
}

// lane is the waiting requests of one class, oldest first.
type lane struct {
	first, last *Ticket
	count       int
}

// push puts t at the end of its class's lane.
func (q *queue) push(t *Ticket) {
	for len(q.lanes) <= t.Class {
		q.lanes = append(q.lanes, lane{})
	}
	l := &q.lanes[t.Class]
	t.in, t.next, t.prev = q, nil, l.last
	if l.last != nil {
		l.last.next = t
	} else {
		l.first = t
		q.order = append(q.order, t.Class)
	}
	l.last = t
	l.count++
	q.count++
}

// next is the request whose turn it is, nil where none waits.
func (q *queue) next() *Ticket {
	if q.count == 0 {
		return nil
	}
	return q.lanes[q.order[0]].first
}

// pop takes next out; its class then stands behind the others.
func (q *queue) pop() *Ticket {
	t := q.next()
	q.remove(t)
	if q.lanes[t.Class].count > 0 {
		copy(q.order, q.order[1:])
		q.order[len(q.order)-1] = t.Class
	}
	return t
}

// remove takes t out, wherever it stands.
func (q *queue) remove(t *Ticket) {
	l := &q.lanes[t.Class]
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		l.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		l.last = t.prev
	}
	t.next, t.prev, t.in = nil, nil, nil
	l.count--
	q.count--
	if l.count > 0 {
		return
	}
	for i, class := range q.order {
		if class == t.Class {
			q.order = append(q.order[:i], q.order[i+1:]...)
			return
		}
	}
}

// yields is the request that gives its place in a full queue to one of the class: the youngest of the longest lane, if that is longer
// than the class's own would be. Nil where there is none.
func (q *queue) yields(class int) *Ticket {
	own := 1
	if class < len(q.lanes) {
		own += q.lanes[class].count
	}
	var t *Ticket
	for _, c := range q.order {
		if l := &q.lanes[c]; l.count > own {
			own, t = l.count, l.last
		}
	}
	return t
}
