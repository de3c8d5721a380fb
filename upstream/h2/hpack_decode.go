package h2

import "penstock/upstream/stream"

// Errors of Decode. Every one but ErrListTooLarge means that the table is out of step: COMPRESSION_ERROR for the connection
// (RFC 9113 §4.3).
const (
	ErrListTooLarge  stream.Error = "header list beyond the bound"
	errHPACKIndex    stream.Error = "index beyond the table (RFC 7541 §2.3.3)"
	errHPACKInteger  stream.Error = "integer too large (RFC 7541 §5.1)"
	errHPACKShort    stream.Error = "block ends within a field (RFC 7541 §3.1)"
	errHPACKHuffman  stream.Error = "invalid Huffman code or padding (RFC 7541 §5.2)"
	errHPACKUpdate   stream.Error = "table size update not at the start of the block (RFC 7541 §4.2)"
	errHPACKCapacity stream.Error = "table size update above the limit (RFC 7541 §6.3)"
	errHPACKWork     stream.Error = "header list far beyond the bound"
)

// Decoder decodes the header blocks of one direction of one connection (RFC 7541) without allocating. The dynamic table is one
// ring of bytes: entries lie in it whole, one behind the other, and an entry that does not fit before the end starts again at
// the front; with twice the table's size there is always room (see add).
type Decoder struct {
	limit int // what a table size update may ask for at most
	max   int // what the last one asked for
	size  int // of all entries, each with its 32 extra bytes

	ring    []byte
	write   int // where the next entry goes
	entries []tableEntry
	oldest  uint32 // counts evictions; entries[oldest & mask] is the oldest
	next    uint32 // counts insertions

	scratch []byte // Huffman strings of one field
}

type tableEntry struct {
	offset, name, value uint32 // value follows name
}

// NewDecoder returns a decoder whose dynamic table holds at most maxTableBytes, which is what our SETTINGS_HEADER_TABLE_SIZE
// said and what the table starts with.
func NewDecoder(maxTableBytes int) *Decoder {
	slots := 1
	for slots < maxTableBytes/tableEntryExtraBytes {
		slots <<= 1
	}
	return &Decoder{
		limit: maxTableBytes, max: maxTableBytes,
		ring:    make([]byte, 2*maxTableBytes),
		entries: make([]tableEntry, slots),
	}
}

// Decode decodes one whole header block and calls emit for each field, in order. name and value are borrowed by emit and
// valid until it returns. Fields beyond maxListBytes (counted as SETTINGS_MAX_HEADER_LIST_SIZE is) are decoded to keep
// the table in step, but not emitted: the error is ErrListTooLarge then. An error of emit stops the emitting alone, and is
// returned. After any other error the decoder may not be used again.
func (d *Decoder) Decode(block []byte, maxListBytes int, emit func(name, value []byte) error) error {
	var result error
	list, work, maxWork := 0, 0, workBytesPerListByte*maxListBytes+2*len(block)
	head := true // only table size updates so far
	for len(block) > 0 {
		var name, value []byte
		var err error
		b := block[0]
		switch {
		case b&0x80 != 0: // indexed, §6.1
			var i int
			if i, block, err = readInt(block, 7); err != nil {
				return err
			}
			if name, value, err = d.at(i); err != nil {
				return err
			}
		case b&0xe0 == 0x20: // table size update, §6.3
			if !head {
				return errHPACKUpdate
			}
			var n int
			if n, block, err = readInt(block, 5); err != nil {
				return err
			}
			if n > d.limit {
				return errHPACKCapacity
			}
			d.max = n
			d.evict(n)
			continue
		default: // literals, §6.2: 01 with indexing, 0000 without, 0001 never
			prefix := uint(4)
			if b&0x40 != 0 {
				prefix = 6
			}
			if name, value, block, err = d.literal(block, prefix); err != nil {
				return err
			}
			if prefix == 6 {
				name, value = d.add(name, value)
			}
			// Two bytes of block can copy a name of table size, which is more work than any honest list causes.
			if work += len(name) + len(value); work > maxWork {
				return errHPACKWork
			}
		}
		head = false
		list += len(name) + len(value) + tableEntryExtraBytes
		if result == nil {
			if list > maxListBytes {
				result = ErrListTooLarge
			} else {
				result = emit(name, value)
			}
		}
	}
	if cap(d.scratch) > keepBlockBytes {
		d.scratch = nil
	}
	return result
}

// literal reads a literal field whose name index has prefix bits. The views point into the block, a table or the scratch.
func (d *Decoder) literal(block []byte, prefix uint) (name, value, rest []byte, err error) {
	i, block, err := readInt(block, prefix)
	if err != nil {
		return nil, nil, nil, err
	}
	d.scratch = d.scratch[:0]
	if i != 0 {
		if name, _, err = d.at(i); err != nil {
			return nil, nil, nil, err
		}
	} else if name, block, err = d.text(block); err != nil {
		return nil, nil, nil, err
	}
	value, block, err = d.text(block)
	return name, value, block, err
}

// text reads a string literal (RFC 7541 §5.2).
func (d *Decoder) text(block []byte) (text, rest []byte, err error) {
	if len(block) == 0 {
		return nil, nil, errHPACKShort
	}
	huff := block[0]&0x80 != 0
	n, block, err := readInt(block, 7)
	if err != nil {
		return nil, nil, err
	}
	if n > len(block) {
		return nil, nil, errHPACKShort
	}
	text, rest = block[:n], block[n:]
	if !huff {
		return text, rest, nil
	}
	start := len(d.scratch)
	var ok bool
	if d.scratch, ok = appendHuffman(d.scratch, text); !ok {
		return nil, nil, errHPACKHuffman
	}
	return d.scratch[start:], rest, nil
}

// readInt reads an integer with a prefix of that many bits (RFC 7541 §5.1). Four bytes behind the prefix reach 2^28, beyond
// anything that fits into a block.
func readInt(b []byte, prefix uint) (n int, rest []byte, err error) {
	mask := 1<<prefix - 1
	n = int(b[0]) & mask
	if n < mask {
		return n, b[1:], nil
	}
	for i := 1; i < len(b); i++ {
		if i > 4 {
			return 0, nil, errHPACKInteger
		}
		n += int(b[i]&0x7f) << (7 * (i - 1))
		if b[i] < 0x80 {
			return n, b[i+1:], nil
		}
	}
	if len(b) > 4 {
		return 0, nil, errHPACKInteger
	}
	return 0, nil, errHPACKShort
}

// at returns the entry with an index of static and dynamic table together (RFC 7541 §2.3.3).
func (d *Decoder) at(i int) (name, value []byte, err error) {
	if uint(i-1) < uint(staticEntries) {
		f := &staticViews[i]
		return f.name, f.value, nil
	}
	back := i - staticEntries // 1 is the newest
	if i == 0 || back > int(d.next-d.oldest) {
		return nil, nil, errHPACKIndex
	}
	name, value = d.view(d.next - uint32(back))
	return name, value, nil
}

func (d *Decoder) view(n uint32) (name, value []byte) {
	e := &d.entries[n&uint32(len(d.entries)-1)]
	middle := e.offset + e.name
	end := middle + e.value
	return d.ring[e.offset:middle:middle], d.ring[middle:end:end]
}

// evict drops the oldest entries until the rest is at most max bytes.
func (d *Decoder) evict(max int) {
	for d.size > max {
		e := &d.entries[d.oldest&uint32(len(d.entries)-1)]
		d.size -= int(e.name+e.value) + tableEntryExtraBytes
		d.oldest++
	}
}

// add inserts a field and returns the views to emit. name may point at an entry that is evicted for the new one (RFC 7541
// §4.4): it is copied first and as memmove does, and value never lies in the ring.
//
// There is room: what lives takes at most max - n bytes. Where it lies in one piece and the end is too near, it begins
// beyond ring/2 >= max >= n. Where it wraps, the gap at the end is shorter than the first entry at the front, so both parts
// and the gap together still take less than max.
func (d *Decoder) add(name, value []byte) (tableName, tableValue []byte) {
	n := len(name) + len(value)
	if n+tableEntryExtraBytes > d.max {
		d.evict(0) // RFC 7541 §4.4: that is no error
		return name, value
	}
	d.evict(d.max - n - tableEntryExtraBytes)
	if d.write+n > len(d.ring) {
		d.write = 0
	}
	at := d.write
	copy(d.ring[at:], name)
	copy(d.ring[at+len(name):], value)
	d.entries[d.next&uint32(len(d.entries)-1)] = tableEntry{uint32(at), uint32(len(name)), uint32(len(value))}
	d.write += n
	d.size += n + tableEntryExtraBytes
	d.next++
	return d.view(d.next - 1)
}
