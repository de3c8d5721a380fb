package upstream

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// model is the queue as one would write it without a care for cost.
type model struct {
	lanes map[int][]*Ticket
	order []int
}

func (m *model) push(t *Ticket) {
	if len(m.lanes[t.Class]) == 0 {
		m.order = append(m.order, t.Class)
	}
	m.lanes[t.Class] = append(m.lanes[t.Class], t)
}

func (m *model) remove(t *Ticket) {
	l := m.lanes[t.Class]
	i := slices.Index(l, t)
	m.lanes[t.Class] = slices.Delete(slices.Clone(l), i, i+1)
	if len(l) == 1 {
		m.order = slices.DeleteFunc(m.order, func(c int) bool { return c == t.Class })
	}
}

func (m *model) pop() *Ticket {
	c := m.order[0]
	t := m.lanes[c][0]
	m.remove(t)
	if len(m.lanes[c]) > 0 {
		m.order = append(m.order[1:], c)
	}
	return t
}

// The queue does what the model does, whatever is put in and taken out of it.
func TestQueueAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var q queue
		m := model{lanes: map[int][]*Ticket{}}
		var in []*Ticket
		for range 300 {
			switch n := rng.IntN(10); {
			case n < 5 || len(in) == 0:
				k := &Ticket{Class: rng.IntN(5)}
				q.push(k)
				m.push(k)
				in = append(in, k)
			case n < 8:
				want := m.pop()
				if got := q.next(); got != want {
					t.Fatal("another request is next")
				}
				if got := q.pop(); got != want || got.in != nil || got.next != nil || got.prev != nil {
					t.Fatal("another request was taken, or it still holds on to the queue")
				}
				in = slices.DeleteFunc(in, func(k *Ticket) bool { return k == want })
			default:
				k := in[rng.IntN(len(in))]
				q.remove(k)
				m.remove(k)
				in = slices.DeleteFunc(in, func(x *Ticket) bool { return x == k })
			}
			if q.count != len(in) || !slices.Equal(q.order, m.order) {
				t.Fatalf("%d wait in the order %v, want %d in %v", q.count, q.order, len(in), m.order)
			}
		}
	}
}

// A class that comes late is served in turn with the one that fills the queue, and takes a place from it where it is full.
func TestQueueIsFairBetweenClasses(t *testing.T) {
	var q queue
	var many []*Ticket
	for range 10 {
		k := &Ticket{Class: 3}
		q.push(k)
		many = append(many, k)
	}
	if q.yields(3) != nil {
		t.Error("the longest lane takes a place from itself")
	}
	if q.yields(1) != many[9] {
		t.Error("the youngest of the longest lane does not yield")
	}
	a, b := &Ticket{Class: 1}, &Ticket{Class: 1}
	q.push(a)
	q.push(b)
	var got []int
	for range 6 {
		got = append(got, q.pop().Class)
	}
	if want := []int{3, 1, 3, 1, 3, 3}; !slices.Equal(got, want) {
		t.Errorf("served in the order %v, want %v", got, want)
	}
	q.push(&Ticket{Class: 0})
	for range 5 {
		q.push(&Ticket{Class: 1})
	}
	if q.yields(1) != nil {
		t.Error("a lane as long as the longest takes a place")
	}
}
