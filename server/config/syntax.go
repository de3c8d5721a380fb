package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// parseTree reads YAML into nodes. It returns nil after a fault, and for a file without any value.
func (r *reader) parseTree(text []byte) *node {
	if len(text) > fileLimitBytes {
		r.faultAt(0, "", "is longer than "+sizeText(fileLimitBytes), "")
		return nil
	}
	text = normalLines(bytes.TrimPrefix(text, []byte("\ufeff")))
	if at := badByte(text); at >= 0 {
		r.faultAt(1+bytes.Count(text[:at], []byte{'\n'}), "", "has a control character or bytes that are not UTF-8", "")
		return nil
	}
	file := r.parseSyntax(text)
	if file == nil {
		return nil
	}
	var body ast.Node
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		switch document.Body.(type) {
		case *ast.CommentGroupNode, *ast.DirectiveNode:
			continue
		}
		if body != nil {
			r.faultAt(lineOf(document.Body), "", "begins a second YAML document", "one file holds one")
			return nil
		}
		body = document.Body
	}
	b := builder{r: r, anchors: map[string]*node{}}
	return b.build(body, 0)
}

// normalLines makes every line end a line feed, as YAML 1.2.2 §5.4 has it; the parser miscounts the lines of other ends.
func normalLines(text []byte) []byte {
	if bytes.IndexByte(text, '\r') < 0 {
		return text
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
}

// parseSyntax runs the YAML parser within measured bounds. It has no depth limit of its own and panics on some malformed
// input, which is a fault of the file as far as the operator is concerned.
func (r *reader) parseSyntax(text []byte) (file *ast.File) {
	defer func() {
		if recover() != nil {
			file = nil
			r.faultAt(0, "", "is not YAML that can be read", "")
		}
	}()
	tokens := lexer.Tokenize(string(text))
	if line, got := tooComplex(tokens); got != "" {
		r.faultAt(line, "", got, "")
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		line, what := syntaxFault(err)
		r.faultAt(line, "", "is not YAML: "+what, "")
		return nil
	}
	return file
}

// syntaxFault takes line and message out of the parser's error, without the excerpt of the file that it would print. A
// message that quotes the file is left out, since what it quotes may be a secret.
func syntaxFault(err error) (line int, what string) {
	what = "it cannot be parsed"
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) {
		return 0, what
	}
	if syntax.Token != nil && syntax.Token.Position != nil {
		line = syntax.Token.Position.Line
	}
	if message := syntax.Message; message != "" && !strings.ContainsAny(message, "\"`\n") {
		what = strings.ReplaceAll(message, "\t", `\t`)
	}
	return line, what
}

// badByte finds what no configuration holds: bytes that are not UTF-8, and control characters but tab and line ends.
func badByte(text []byte) int {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f {
				return i
			}
			i++
			continue
		}
		ch, size := utf8.DecodeRune(text[i:])
		if ch == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// tooComplex measures the tokens before the parser, which recurses per level and per key, sees them. In the flow form depth
// is the number of open brackets; in the block form each level is indented further, or stands after dashes on one line.
func tooComplex(tokens token.Tokens) (line int, got string) {
	var keys [columnLimit + 1]int // of the open map at each column
	depth, run, deepest := 0, 0, 0
	for i, tk := range tokens {
		begins := tk
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			if depth++; depth > depthLimit {
				return tk.Position.Line, "is nested too deeply"
			}
		case token.SequenceEndType, token.MappingEndType:
			depth = max(depth-1, 0)
		}
		switch tk.Type {
		case token.SequenceEntryType, token.TagType, token.AnchorType, token.MappingKeyType:
			if run++; run > depthLimit {
				return tk.Position.Line, "is nested too deeply"
			}
		case token.MappingValueType:
			run = 0
			if i > 0 {
				begins = tokens[i-1]
			}
		default:
			run = 0
			continue
		}
		column := begins.Position.Column
		if depth > 0 || column < 0 {
			continue
		}
		if column > columnLimit {
			return tk.Position.Line, "is indented too deeply"
		}
		for ; deepest > column; deepest-- {
			keys[deepest] = 0
		}
		deepest = max(deepest, column)
		if tk.Type == token.MappingValueType {
			if keys[column]++; keys[column] > mapLimit {
				return tk.Position.Line, "has too many keys in one map"
			}
		}
	}
	return 0, ""
}
