package config

import (
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// form is what kind of value stands somewhere.
type form uint8

const (
	formNull form = iota
	formText      // quoted, or plain text that is nothing else
	formNumber
	formBool
	formMap
	formList
)

// described completes "is …" in a fault.
var described = [...]string{
	formNull: "is empty", formText: "is text", formNumber: "is a number", formBool: "is true or false",
	formMap: "is a map", formList: "is a list",
}

// node is one value of the file. Nodes are shared by their aliases and never change once built.
type node struct {
	form    form
	line    int
	text    string  // of a scalar, as written
	entries []entry // of a map, in the order of the file, merged ones last
	items   []*node // of a list
}

type entry struct {
	name  string
	line  int
	value *node
}

// find returns the value under name; nil when there is none.
func (n *node) find(name string) *node {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if n.entries[i].name == name {
			return n.entries[i].value
		}
	}
	return nil
}

// builder turns syntax into nodes. An alias becomes the very node that its anchor names, so that building is linear in the
// file whatever the aliases do; readLimit catches them where they are read.
type builder struct {
	r       *reader
	anchors map[string]*node
	merged  int // entries copied by merge keys so far
}

func (b *builder) build(syntax ast.Node, depth int) *node {
	if syntax == nil {
		return nil
	}
	line := lineOf(syntax)
	if depth > depthLimit {
		b.r.faultAt(line, "", "is nested too deeply", "")
		return nil
	}
	switch n := syntax.(type) {
	case *ast.NullNode:
		return &node{form: formNull, line: line}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return &node{form: formNumber, line: line, text: n.GetToken().Value}
	case *ast.BoolNode:
		return &node{form: formBool, line: line, text: n.GetToken().Value}
	case *ast.StringNode:
		return &node{form: formText, line: line, text: n.Value}
	case *ast.LiteralNode:
		return &node{form: formText, line: line, text: n.Value.Value}
	case *ast.AnchorNode:
		value := b.build(n.Value, depth+1)
		if n.Name != nil && value != nil {
			b.anchors[n.Name.GetToken().Value] = value
		}
		return value
	case *ast.AliasNode:
		value := b.anchors[n.Value.GetToken().Value]
		if value == nil {
			b.r.faultAt(line, "", "an alias names no anchor above it", "")
		}
		return value
	case *ast.TagNode:
		return b.buildTag(n, line, depth)
	case *ast.SequenceNode:
		list := &node{form: formList, line: line}
		for _, value := range n.Values {
			list.items = append(list.items, b.buildOr(value, line, depth+1))
		}
		return list
	case *ast.MappingNode:
		return b.buildMap(n.Values, line, depth)
	case *ast.MappingValueNode:
		return b.buildMap([]*ast.MappingValueNode{n}, line, depth)
	}
	b.r.faultAt(line, "", "is YAML that has no place here", "")
	return nil
}

// buildOr stands in an empty value where the syntax has none or a wrong one, so that what follows keeps its place.
func (b *builder) buildOr(syntax ast.Node, line, depth int) *node {
	if value := b.build(syntax, depth); value != nil {
		return value
	}
	return &node{form: formNull, line: line}
}

func (b *builder) buildTag(n *ast.TagNode, line, depth int) *node {
	value := b.build(n.Value, depth+1)
	switch n.Start.Value {
	case "!!str":
		if value != nil && (value.form == formNumber || value.form == formBool) {
			return &node{form: formText, line: value.line, text: value.text}
		}
		return value
	case "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
		return value
	}
	b.r.faultAt(line, "", "a YAML tag has no meaning here", "")
	return value
}

// buildMap keeps the first of two equal keys and reports the second. Keys that a merge brings give way to those written out,
// and among merged ones to those merged earlier.
func (b *builder) buildMap(values []*ast.MappingValueNode, line, depth int) *node {
	m := &node{form: formMap, line: line}
	lines := make(map[string]int, len(values))
	var merges []entry
	for _, pair := range values {
		keyLine := line
		if token := pair.Key.GetToken(); token != nil {
			keyLine = token.Position.Line
		}
		value := b.buildOr(pair.Value, keyLine, depth+1)
		if pair.Key.IsMergeKey() {
			merges = append(merges, entry{line: keyLine, value: value})
			continue
		}
		name, ok := keyName(pair.Key)
		if !ok {
			b.r.faultAt(keyLine, "", "a key is not plain text", "")
			continue
		}
		if first, taken := lines[name]; taken {
			b.r.duplicates = append(b.r.duplicates, duplicate{m, name, keyLine, first})
			continue
		}
		lines[name] = keyLine
		m.entries = append(m.entries, entry{name, keyLine, value})
	}
	for _, merge := range merges {
		b.merge(m, lines, merge.value, merge.line)
	}
	return m
}

func (b *builder) merge(m *node, lines map[string]int, from *node, line int) {
	switch from.form {
	case formMap:
		for _, e := range from.entries {
			if b.merged++; b.merged > readLimit {
				b.r.overrun(line)
				return
			}
			if _, taken := lines[e.name]; !taken {
				lines[e.name] = e.line
				m.entries = append(m.entries, e)
			}
		}
	case formList:
		for _, item := range from.items {
			if item.form != formMap {
				b.r.faultAt(line, "", "a merge key names something that "+described[item.form], "maps can be merged")
				continue
			}
			b.merge(m, lines, item, line)
		}
	default:
		b.r.faultAt(line, "", "a merge key names something that "+described[from.form], "maps can be merged")
	}
}

func keyName(key ast.MapKeyNode) (string, bool) {
	switch k := key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.MappingKeyNode:
		if s, ok := k.Value.(*ast.StringNode); ok {
			return s.Value, true
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
		return strings.TrimSpace(k.GetToken().Value), true
	}
	return "", false
}

// lineOf finds where a value begins. A map in block form begins at its first key, whose colon may be on a later line.
func lineOf(syntax ast.Node) int {
	switch n := syntax.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			return lineOf(n.Values[0])
		}
	case *ast.MappingValueNode:
		if token := n.Key.GetToken(); token != nil {
			return token.Position.Line
		}
	}
	if token := syntax.GetToken(); token != nil && token.Position != nil {
		return token.Position.Line
	}
	return 0
}
