package h1

import (
	"penstock/upstream/stream"
)

// encoded is a Block in its HTTP/1.1 form. A request head is: the request's method where it is not the Block's, before, the
// request's path where it is not the Block's, after.
type encoded struct {
	block         *stream.Block // also keeps its address from being given to another Block
	before, after []byte
}

// blockCache keeps the blocks that a connection used last; the oldest entry makes room, and its memory is used again.
type blockCache struct {
	entries [blockEntries]encoded
	next    int
}

// get returns the encoded form of b, lent until the next get.
func (c *blockCache) get(b *stream.Block) (*encoded, error) {
	for i := range c.entries {
		if c.entries[i].block == b {
			return &c.entries[i], nil
		}
	}
	if err := checkBlock(b); err != nil {
		return nil, err
	}
	e := &c.entries[c.next]
	c.next = (c.next + 1) % blockEntries
	e.encode(b)
	return e, nil
}

func checkBlock(b *stream.Block) error {
	if b.Method != "" && (!isToken(b.Method) || b.Method == "CONNECT") {
		return ErrMethod
	}
	if b.Path != "" && !isPath(b.Path) {
		return ErrPath
	}
	if !isAuthority(b.Authority) {
		return ErrAuthority
	}
	for i := range b.Fields {
		if err := checkField(b.Fields[i].Name, b.Fields[i].Value); err != nil {
			return err
		}
	}
	return nil
}

// checkField refuses what could end a line or change the framing that this package writes itself.
func checkField[T []byte | string](name, value T) error {
	if !isToken(name) {
		return ErrName
	}
	if !isValue(value) {
		return ErrValue
	}
	if isReserved(name) {
		return ErrReserved
	}
	return nil
}

// isReserved names the fields that only this package writes, or that speak about one connection and not about the request.
func isReserved[T []byte | string](name T) bool {
	switch len(name) {
	case 2, 4, 7, 10, 14, 16, 17:
	default:
		return false
	}
	var lower [17]byte
	for i := range len(name) {
		lower[i] = lowerToken[name[i]]
	}
	switch string(lower[:len(name)]) {
	case "te", "host", "trailer", "upgrade", "connection", "keep-alive", "content-length", "proxy-connection", "transfer-encoding":
		return true
	}
	return false
}

func (e *encoded) encode(b *stream.Block) {
	e.block = b
	e.before = append(e.before[:0], b.Method...)
	e.before = append(e.before, ' ')
	e.before = append(e.before, b.Path...)
	e.after = e.after[:0]
	if b.Path != "" {
		e.before = appendRest(e.before, b)
	} else {
		e.after = appendRest(e.after, b)
	}
}

// appendRest writes what follows the path: the version, Host and the constant fields, without the empty line.
func appendRest(out []byte, b *stream.Block) []byte {
	out = append(out, " HTTP/1.1\r\nHost: "...)
	out = append(out, b.Authority...)
	out = append(out, "\r\n"...)
	for i := range b.Fields {
		out = append(out, b.Fields[i].Name...)
		out = append(out, ": "...)
		out = append(out, b.Fields[i].Value...)
		out = append(out, "\r\n"...)
	}
	return out
}
