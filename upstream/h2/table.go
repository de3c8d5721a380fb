package h2

// streamTable finds open streams by id: open addressing with linear probing, at most half full. A client's ids are odd and
// grow by two, so id/2 spreads them without a hash.
type streamTable struct {
	slots []tableSlot
	used  int
}

type tableSlot struct {
	id uint32 // 0: free
	s  *Stream
}

func (t *streamTable) get(id uint32) *Stream {
	mask := uint32(len(t.slots) - 1)
	for i := id >> 1 & mask; ; i = (i + 1) & mask {
		slot := &t.slots[i]
		if slot.id == id {
			return slot.s
		}
		if slot.id == 0 {
			return nil
		}
	}
}

func (t *streamTable) put(s *Stream) {
	if 2*(t.used+1) > len(t.slots) {
		t.grow()
	}
	t.used++
	t.place(s)
}

func (t *streamTable) place(s *Stream) {
	mask := uint32(len(t.slots) - 1)
	i := s.id >> 1 & mask
	for t.slots[i].id != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = tableSlot{s.id, s}
}

func (t *streamTable) grow() {
	old := t.slots
	t.slots = make([]tableSlot, 2*len(old))
	for i := range old {
		if old[i].id != 0 {
			t.place(old[i].s)
		}
	}
}

// remove takes an id out that is in, and moves back what was displaced behind it.
func (t *streamTable) remove(id uint32) {
	mask := uint32(len(t.slots) - 1)
	hole := id >> 1 & mask
	for t.slots[hole].id != id {
		hole = (hole + 1) & mask
	}
	t.used--
	for i := (hole + 1) & mask; t.slots[i].id != 0; i = (i + 1) & mask {
		home := t.slots[i].id >> 1 & mask
		if (i-home)&mask >= (i-hole)&mask {
			t.slots[hole] = t.slots[i]
			hole = i
		}
	}
	t.slots[hole] = tableSlot{}
}

// closedStreams remembers how the last streams ended. One word each: the id, with its lowest bit cleared where the stream
// was reset (ids are odd).
type closedStreams [closedMemory]uint32

func (m *closedStreams) note(id uint32, ended bool) {
	if !ended {
		id &^= 1
	}
	m[id>>1%closedMemory] = id
}

// ended says that the server finished the stream with END_STREAM. Streams forgotten meanwhile count as reset.
func (m *closedStreams) ended(id uint32) bool { return m[id>>1%closedMemory] == id }
