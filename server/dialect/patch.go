package dialect

// MaxPieces is the most pieces that Patch appends: three stretches of the body, and what stands between and in them.
const MaxPieces = 8

var (
	optionsValue  = []byte(`{"include_usage":true}`)
	optionsMember = []byte(`"stream_options":{"include_usage":true}`)
	optionsNext   = []byte(`,"stream_options":{"include_usage":true}`)
	includeFirst  = []byte(`"include_usage":true,`)
	modelKey      = []byte(`"model":`)
	modelNext     = []byte(`,"model":`)
	literalTrue   = []byte(`true`)
)

// Patch appends to pieces the parts of body, in order, with the model replaced by modelJSON and, with addUsage, with
// stream_options.include_usage set to true; every other byte stays as and where it is. s must come from a JSON call on this body
// that returned nil. modelJSON is a complete JSON string (AppendString), nil to leave the model alone; a body without a model gets
// it as its last member. n is the length of what was appended.
//
// Nothing is copied: the pieces borrow body and modelJSON and point to constants that nobody may write to. Patch does not allocate
// where pieces has room for MaxPieces more.
func (s *Scan) Patch(pieces [][]byte, body []byte, modelJSON []byte, addUsage bool) (out [][]byte, n int64) {
	p := patch{pieces: pieces, body: body}
	addUsage = addUsage && !s.IncludeUsage
	modelFirst := !s.HasOptions || s.ModelAt < s.OptionsAt
	if modelJSON != nil && s.HasModel && modelFirst {
		p.replace(s.ModelAt, s.ModelEnd, modelJSON)
	}
	if addUsage && s.HasOptions {
		switch {
		case s.HasInclude:
			p.replace(s.IncludeAt, s.IncludeEnd, literalTrue)
		case s.OptionsNull || s.OptionsEmpty:
			p.replace(s.OptionsAt, s.OptionsEnd, optionsValue)
		default:
			p.replace(s.OptionsAt+1, s.OptionsAt+1, includeFirst)
		}
	}
	if modelJSON != nil && s.HasModel && !modelFirst {
		p.replace(s.ModelAt, s.ModelEnd, modelJSON)
	}
	empty := s.empty
	if modelJSON != nil && !s.HasModel {
		if empty {
			p.replace(s.end, s.end, modelKey)
		} else {
			p.replace(s.end, s.end, modelNext)
		}
		p.add(modelJSON)
		empty = false
	}
	if addUsage && !s.HasOptions {
		if empty {
			p.replace(s.end, s.end, optionsMember)
		} else {
			p.replace(s.end, s.end, optionsNext)
		}
	}
	p.add(body[p.done:])
	return p.pieces, p.n
}

// patch gathers pieces of a body from front to back.
type patch struct {
	pieces [][]byte
	body   []byte
	done   int // bytes of body that are in pieces or replaced
	n      int64
}

func (p *patch) replace(from, to int, with []byte) {
	p.add(p.body[p.done:from])
	p.add(with)
	p.done = to
}

func (p *patch) add(b []byte) {
	if len(b) > 0 {
		p.pieces = append(p.pieces, b)
		p.n += int64(len(b))
	}
}
