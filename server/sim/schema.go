package sim

import (
	"math"
	"strconv"
	"strings"

	"github.com/bytedance/sonic/ast"
)

// maker makes one value that a JSON schema allows, always the same for the same schema.
type maker struct {
	root  *ast.Node // what "#/…" in $ref points into
	place string    // for the first string, where the conversation spoke of one
	b     []byte
	steps int
}

// step bounds the work: a schema may contain itself any number of times.
func (m *maker) step(depth int) bool {
	m.steps++
	return depth <= schemaDepthLimit && m.steps <= schemaStepsLimit && len(m.b) <= schemaBytesLimit
}

// value appends a value for the schema; name is that of the property which it is for.
func (m *maker) value(schema *ast.Node, name string, depth int) {
	if !m.step(depth) || typeOf(schema) != ast.V_OBJECT {
		m.b = append(m.b, `null`...)
		return
	}
	if ref := textOf(schema.Get("$ref")); ref != "" {
		m.value(m.resolve(ref), name, depth+1)
		return
	}
	if raw := rawOf(schema.Get("const")); raw != nil {
		m.b = append(m.b, raw...)
		return
	}
	if choice := schema.Get("enum").Index(0); choice.Exists() {
		m.b = append(m.b, rawOf(choice)...)
		return
	}
	for _, of := range [...]string{"anyOf", "oneOf"} {
		if branch := firstBranch(schema.Get(of)); branch != nil {
			m.value(branch, name, depth+1)
			return
		}
	}
	switch kindOf(schema) {
	case "string":
		m.text(schema, name)
	case "integer", "number":
		m.number(schema)
	case "boolean":
		m.b = append(m.b, `true`...)
	case "array":
		m.array(schema, name, depth)
	case "null":
		m.b = append(m.b, `null`...)
	default:
		m.b = append(m.b, '{')
		m.members(schema, depth, &set{})
		m.b = append(m.b, '}')
	}
}

// set is the names of the properties that an object has so far.
type set struct{ names []string }

func (s *set) add(name string) bool {
	for _, n := range s.names {
		if n == name {
			return false
		}
	}
	s.names = append(s.names, name)
	return true
}

// members appends the required properties of an object, or all of them where none is required; those of allOf as well.
func (m *maker) members(schema *ast.Node, depth int, have *set) {
	if !m.step(depth) {
		return
	}
	if ref := textOf(schema.Get("$ref")); ref != "" {
		if schema = m.resolve(ref); schema == nil {
			return
		}
	}
	required := map[string]bool{}
	list := items(schema.Get("required"))
	for i := range list {
		required[textOf(&list[i])] = true
	}
	properties := schema.Get("properties")
	if typeOf(properties) == ast.V_OBJECT {
		_ = properties.ForEach(func(path ast.Sequence, property *ast.Node) bool {
			if path.Key == nil || len(required) > 0 && !required[*path.Key] || !have.add(*path.Key) {
				return true
			}
			if len(have.names) > 1 {
				m.b = append(m.b, ',')
			}
			m.b = append(m.b, '"')
			m.b = appendEscaped(m.b, *path.Key)
			m.b = append(m.b, `":`...)
			m.value(property, *path.Key, depth+1)
			return true
		})
	}
	all := items(schema.Get("allOf"))
	for i := range all {
		m.members(&all[i], depth+1, have)
	}
}

// resolve finds what a $ref within the same schema points at (RFC 6901), or nil.
func (m *maker) resolve(ref string) *ast.Node {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || m.root == nil {
		return nil
	}
	n := m.root
	for _, step := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		if step == "" {
			continue
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		if typeOf(n) == ast.V_ARRAY {
			i, err := strconv.Atoi(step)
			if err != nil {
				return nil
			}
			n = n.Index(i)
		} else {
			n = n.Get(step)
		}
		if !n.Exists() {
			return nil
		}
	}
	return n
}

// firstBranch is the first alternative that is not null.
func firstBranch(list *ast.Node) *ast.Node {
	branches := items(list)
	for i := range branches {
		if kindOf(&branches[i]) != "null" {
			return &branches[i]
		}
	}
	return nil
}

// kindOf is a schema's type; of several the first that is not null.
func kindOf(schema *ast.Node) string {
	n := schema.Get("type")
	if s := textOf(n); s != "" {
		return s
	}
	if typeOf(n) == ast.V_ARRAY {
		kinds := items(n)
		for i := range kinds {
			if s := textOf(&kinds[i]); s != "null" {
				return s
			}
		}
		return "null"
	}
	switch {
	case schema.Get("items").Exists():
		return "array"
	case schema.Get("properties").Exists() || schema.Get("allOf").Exists():
		return "object"
	}
	return ""
}

func (m *maker) text(schema *ast.Node, name string) {
	text := ""
	switch textOf(schema.Get("format")) {
	case "date-time":
		text = "2026-11-23T12:00:00Z"
	case "date":
		text = "2026-11-23"
	case "time":
		text = "12:00:00Z"
	case "duration":
		text = "PT1H"
	case "email":
		text = "someone@example.org"
	case "hostname":
		text = "example.org"
	case "uri":
		text = "https://example.org/"
	case "ipv4":
		text = "192.0.2.1"
	case "ipv6":
		text = "2001:db8::1"
	case "uuid":
		text = "123e4567-e89b-42d3-a456-426614174000"
	default:
		switch {
		case m.place != "":
			text, m.place = m.place, ""
		case name == "city" || name == "location" || name == "place":
			text = "Nairobi"
		default:
			text = "simulated"
		}
		least, most := bound(schema, "minLength", 0), bound(schema, "maxLength", math.MaxInt32)
		for count := len([]rune(text)); float64(count) < least && count < schemaBytesLimit; count++ {
			text += "x"
		}
		if r := []rune(text); float64(len(r)) > most {
			text = string(r[:int(max(most, 0))])
		}
	}
	m.b = append(m.b, '"')
	m.b = appendEscaped(m.b, text)
	m.b = append(m.b, '"')
}

func bound(schema *ast.Node, name string, fallback float64) float64 {
	n := schema.Get(name)
	if typeOf(n) != ast.V_NUMBER {
		return fallback
	}
	v, err := n.Float64()
	if err != nil {
		return fallback
	}
	return v
}

func (m *maker) number(schema *ast.Node) {
	low := bound(schema, "minimum", math.Inf(-1))
	high := bound(schema, "maximum", math.Inf(1))
	if v := bound(schema, "exclusiveMinimum", math.Inf(-1)); v >= low {
		low = math.Floor(v) + 1
		if top := bound(schema, "exclusiveMaximum", high); top <= low && kindOf(schema) == "number" {
			low = (v + top) / 2
		}
	}
	if v := bound(schema, "exclusiveMaximum", math.Inf(1)); v <= high {
		high = math.Ceil(v) - 1
		if high < low && kindOf(schema) == "number" {
			high = low
		}
	}
	v := 1.0
	if v < low {
		v = low
	}
	if v > high {
		v = high
	}
	if kindOf(schema) == "integer" {
		v = math.Ceil(v)
	}
	if step := bound(schema, "multipleOf", 0); step > 0 {
		v = math.Ceil(v/step) * step
		if v > high {
			v = math.Floor(high/step) * step
		}
	}
	m.b = strconv.AppendFloat(m.b, v, 'f', -1, 64)
}

func (m *maker) array(schema *ast.Node, name string, depth int) {
	count := int(min(max(bound(schema, "minItems", 1), 0), 64))
	if most := bound(schema, "maxItems", math.MaxInt32); float64(count) > most {
		count = int(max(most, 0))
	}
	m.b = append(m.b, '[')
	items := schema.Get("items")
	for i := range count {
		if i > 0 {
			m.b = append(m.b, ',')
		}
		if typeOf(items) == ast.V_OBJECT {
			m.value(items, name, depth+1)
		} else {
			m.b = append(m.b, '1')
		}
	}
	m.b = append(m.b, ']')
}
