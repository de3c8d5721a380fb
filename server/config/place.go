package config

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// reader goes over one file and gathers everything wrong with it.
type reader struct {
	file       string
	env        Environment
	faults     Faults
	warnings   []string
	files      []string
	duplicates []duplicate
	reads      int
	overran    bool
	literal    bool // a secret is written out in the file itself
}

// duplicate is a key that its map has already.
type duplicate struct {
	in          *node
	name        string
	line, first int
}

func (r *reader) faultAt(line int, key, got, want string) {
	if len(r.faults) < faultLimit {
		r.faults = append(r.faults, Fault{File: r.file, Line: line, Key: key, Got: got, Want: want})
	}
}

// faultedBelow reports whether a fault was noted for this key or within its value.
func (r *reader) faultedBelow(key string) bool {
	return slices.ContainsFunc(r.faults, func(f Fault) bool {
		below, found := strings.CutPrefix(f.Key, key)
		return found && (below == "" || below[0] == '[' || below[0] == '.')
	})
}

func (r *reader) warn(key, what string) { r.warnings = append(r.warnings, key+": "+what) }

// overrun stops reading once aliases have blown the file up.
func (r *reader) overrun(line int) {
	if !r.overran {
		r.overran = true
		r.faults = append(r.faults, Fault{
			File: r.file, Line: line, Got: "aliases make more than " + strconv.Itoa(readLimit) + " values of this file",
		})
	}
}

// place is where a value stands or could stand: its key path, its row of the table, the value if there is one.
type place struct {
	r    *reader
	b    *branch
	key  string
	n    *node // nil: not given
	line int   // of the value, else of the map that lacks it
}

func (p place) fault(got, want string) { p.r.faultAt(p.line, p.key, got, want) }

func (p place) warn(what string) { p.r.warn(p.key, what) }

// given reports whether there is a value; a key with nothing behind it counts as not given.
func (p place) given() bool { return p.n != nil }

// child is the place of a key of this map, which the table must have.
func (p place) child(name string) place {
	c := place{r: p.r, b: p.b.child(name), key: name, line: p.line}
	if p.key != "" {
		c.key = p.key + "." + name
	}
	value := p.n.find(name)
	if value == nil {
		return c
	}
	c.line = value.line
	if value.form != formNull {
		c.n = value
	}
	return c
}

// opened checks that the value is a map without unknown or repeated keys. A value of another form is reported and taken as
// not given, so that one fault does not lead to more.
func (p place) opened() place {
	if p.n == nil {
		return p
	}
	p.count()
	if p.n.form != formMap {
		p.fault(described[p.n.form], shapes[shapeMap].want)
		p.n = nil
		return p
	}
	p.checkRepeated()
	for _, e := range p.n.entries {
		if p.b.child(e.name) != nil || (p.key == "" && strings.HasPrefix(e.name, "x-")) {
			continue
		}
		want := "known here: " + strings.Join(p.b.names(), ", ")
		near := nearest(e.name, p.b.names())
		if near != "" {
			want = "did you mean " + near + "?"
		}
		if !showsAsKey(e.name) || (near == "" && p.b.holdsSecrets()) {
			p.r.faultAt(e.line, p.key, "has an unknown key", want)
			continue
		}
		p.r.faultAt(e.line, p.below(e.name), "unknown key", want)
	}
	return p
}

// checkRepeated reports each repeated key of this map, once however many aliases lead here.
func (p place) checkRepeated() {
	p.r.duplicates = slices.DeleteFunc(p.r.duplicates, func(d duplicate) bool {
		if d.in != p.n {
			return false
		}
		got := "stands here for the second time; the first is at line " + strconv.Itoa(d.first)
		if p.b.child(d.name) == nil && (p.b.holdsSecrets() || !showsAsKey(d.name)) {
			p.r.faultAt(d.line, p.key, "a key "+got, "")
		} else {
			p.r.faultAt(d.line, p.below(d.name), got, "")
		}
		return true
	})
}

func (p place) below(name string) string {
	if p.key == "" {
		return name
	}
	return p.key + "." + name
}

// items gives the places of a list's values. Anything but a list is reported.
func (p place) items() []place {
	if p.n == nil {
		return nil
	}
	p.count()
	if p.n.form != formList {
		p.fault(described[p.n.form], shapes[shapeMaps].want)
		return nil
	}
	places := make([]place, 0, len(p.n.items))
	for i, item := range p.n.items {
		if p.r.overran {
			return nil
		}
		at := p.item(i, item)
		if item.form == formNull {
			at.fault("is empty", "")
			continue
		}
		places = append(places, at)
	}
	return places
}

func (p place) item(i int, item *node) place {
	return place{r: p.r, b: p.b, key: p.key + "[" + strconv.Itoa(i) + "]", n: item, line: item.line}
}

// count notes that a value was read.
func (p place) count() {
	if p.r.reads++; p.r.reads > readLimit {
		p.r.overrun(p.line)
	}
}

// shown repeats what was read, as it stands in the file: what a variable holds is never repeated, nor a secret, nor an
// address that may hold one.
func (p place) shown() string {
	if p.b.shape == shapeSecret || p.b.shape == shapeSecrets || p.n == nil {
		return "the value"
	}
	text := p.n.text
	if p.b.holdsURL() && !showsAsURL(text) {
		return "the address"
	}
	if len(text) > shownLimitBytes {
		cut := shownLimitBytes
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	if strings.Contains(text, "${") {
		return strconv.Quote(text) + " as expanded"
	}
	return strconv.Quote(text)
}

// showsAsURL reports whether an address has no part in which credentials are put: nothing before a host, no query, no colon
// but that of a port.
func showsAsURL(text string) bool {
	_, after, _ := strings.Cut(text, "://")
	host, _, _ := strings.Cut(after, "/")
	_, port, _ := strings.Cut(host, ":")
	return !strings.ContainsAny(text, "@?#") && strings.Trim(port, "0123456789") == ""
}

// showsAsKey reports whether an unknown key looks like a word and not like something that slipped out of its place.
func showsAsKey(name string) bool {
	if name == "" || len(name) > 40 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}
