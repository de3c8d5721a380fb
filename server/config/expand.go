package config

import "strings"

// expansion is a scalar after its variables were put in.
type expansion struct {
	text     string
	optional bool // a ${NAME:-…} was among them: an empty result is meant
}

// expand puts variables into text: ${NAME}, ${NAME:-default} and $$ for a dollar itself. What a variable holds is taken as it
// is, never expanded again. A fault names the variable, never its value.
func (p place) expand(text string) (expansion, bool) {
	if !strings.Contains(text, "$") {
		return expansion{text: text}, true
	}
	var b strings.Builder
	var e expansion
	sound := true
	for {
		at := strings.IndexByte(text, '$')
		if at < 0 {
			break
		}
		b.WriteString(text[:at])
		text = text[at+1:]
		switch {
		case strings.HasPrefix(text, "$"):
			b.WriteByte('$')
			text = text[1:]
		case strings.HasPrefix(text, "{"):
			inside, rest, closed := strings.Cut(text[1:], "}")
			if !closed {
				p.fault("has a ${ without its }", "write ${NAME}, or $$ for a dollar itself")
				return e, false
			}
			text = rest
			value, optional, ok := p.variable(inside)
			b.WriteString(value)
			e.optional = e.optional || optional
			sound = sound && ok
		case text != "" && isNameByte(text[0], true):
			p.fault("has a $ before a name without braces", "write ${NAME}, or $$ for a dollar itself")
			return e, false
		default:
			b.WriteByte('$')
		}
	}
	b.WriteString(text)
	e.text = b.String()
	return e, sound
}

// variable looks up what stands between ${ and }. As in the shell, the default also stands in for an empty value.
func (p place) variable(inside string) (value string, optional, ok bool) {
	name, fallback, optional := strings.Cut(inside, ":-")
	if !isVariableName(name) {
		p.fault("has a ${…} whose name is not letters, digits and _", "write ${NAME} or ${NAME:-default}")
		return "", optional, false
	}
	if strings.Contains(fallback, "${") {
		p.fault("has a ${…} inside the default of ${"+name+":-…}", "defaults do not nest")
		return "", optional, false
	}
	value, set := p.r.env.Lookup(name)
	switch {
	case optional && value == "":
		return strings.ReplaceAll(fallback, "$$", "$"), true, true
	case !set:
		p.fault("the variable "+name+" is not set", "set it, or write ${"+name+":-default}")
		return "", false, false
	case badByte([]byte(value)) >= 0:
		p.fault("the variable "+name+" does not hold plain text in UTF-8", "")
		return "", optional, false
	}
	return value, optional, true
}

func isVariableName(name string) bool {
	if name == "" || len(name) > nameLimitBytes {
		return false
	}
	for i := range len(name) {
		if !isNameByte(name[i], i == 0) {
			return false
		}
	}
	return true
}

func isNameByte(c byte, first bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || !first && c >= '0' && c <= '9'
}

// loneVariable reports whether text is one ${NAME} or ${NAME:-} and nothing else, so that it may be printed instead of what it
// stands for.
func loneVariable(text string) bool {
	inside, ok := strings.CutPrefix(text, "${")
	if !ok {
		return false
	}
	inside, ok = strings.CutSuffix(inside, "}")
	return ok && isVariableName(strings.TrimSuffix(inside, ":-"))
}
