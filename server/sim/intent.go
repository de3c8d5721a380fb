package sim

import (
	"strings"

	"github.com/bytedance/sonic"
	"github.com/bytedance/sonic/ast"
)

// toolDialect is how a request writes tools, conversation and the form of its answer.
type toolDialect struct {
	nested   bool   // a tool's name and schema stand in its member "function"
	schema   string // the member that holds the schema
	format   string // the member of the format's holder that holds it; "" where the holder is the format
	inFormat string // the member of the format that holds the schema's own holder; "" where there is none
}

var (
	chatDialect     = toolDialect{nested: true, schema: "parameters", inFormat: "json_schema"}
	responseDialect = toolDialect{schema: "parameters", format: "format"}
	messageDialect  = toolDialect{schema: "input_schema", format: "format"}
)

// call is one tool call of an answer.
type call struct {
	name      span // as in the request, escaped
	arguments span // a JSON object
	escaped   span // the same as the inside of a JSON string
}

// readIntent finds out what a request with more to it than a conversation wants: calls of tools, JSON by a schema, or
// its own words back.
func (x *exchange) readIntent(f *fields, d *toolDialect) *refusal {
	conversation := f.messages
	if d == &responseDialect {
		conversation = f.input
	}
	said, answered := lastSaid(parse(conversation))
	if f.tools != nil && f.tools[0] != '[' {
		return errParam("tools")
	}
	if x.plan.calls != 0 && (!answered || x.plan.calls > 0) {
		if r := x.planCalls(f, d, said); r != nil {
			return r
		}
		if len(x.calls) > 0 {
			return nil
		}
	}
	if x.plan.echo {
		from := len(x.buf)
		x.buf = appendEscaped(x.buf, said)
		x.custom = x.since(from)
		return nil
	}
	holder := f.responseFormat
	if d == &responseDialect {
		holder = f.text
	}
	if len(holder) > 0 && holder[0] == '{' {
		return x.planFormat(parse(holder), d)
	}
	return nil
}

// parse reads JSON that the scanner has found to be valid. The nodes borrow it.
func parse(b []byte) *ast.Node {
	if len(b) == 0 {
		return &ast.Node{}
	}
	n, err := sonic.Get(b)
	if err != nil {
		return &ast.Node{}
	}
	return &n
}

// typeOf is a node's type; what is not there has none.
func typeOf(n *ast.Node) int {
	if n == nil {
		return ast.V_NONE
	}
	return n.TypeSafe()
}

func textOf(n *ast.Node) string {
	if typeOf(n) != ast.V_STRING {
		return ""
	}
	s, err := n.String()
	if err != nil {
		return ""
	}
	return s
}

// items are the elements of an array, none where the node is not one.
func items(n *ast.Node) []ast.Node {
	if typeOf(n) != ast.V_ARRAY {
		return nil
	}
	list, err := n.ArrayUseNode()
	if err != nil {
		return nil
	}
	return list
}

// lastSaid returns the text of the last user message, and whether the conversation ends with the result of a tool.
func lastSaid(conversation *ast.Node) (said string, answered bool) {
	if s := textOf(conversation); s != "" {
		return s, false
	}
	list := items(conversation)
	for i := len(list) - 1; i >= 0; i-- {
		m, latest := &list[i], i == len(list)-1
		if latest {
			switch textOf(m.Get("role")) {
			case "tool", "function":
				answered = true
			}
			switch textOf(m.Get("type")) {
			case "function_call_output", "custom_tool_call_output":
				answered = true
			}
		}
		if textOf(m.Get("role")) != "user" {
			continue
		}
		text, results := contentText(m.Get("content"))
		if latest && results && text == "" {
			answered = true
		}
		if text != "" {
			return text, answered
		}
	}
	return "", answered
}

// contentText joins the text parts of a message's content, and says whether there are results of tools among its parts.
func contentText(content *ast.Node) (text string, results bool) {
	if s := textOf(content); s != "" {
		return s, false
	}
	parts := items(content)
	for i := range parts {
		part := &parts[i]
		switch textOf(part.Get("type")) {
		case "text", "input_text":
			if text != "" {
				text += "\n"
			}
			text += textOf(part.Get("text"))
		case "tool_result":
			results = true
		}
	}
	return text, results
}

// planCalls decides on tool calls: of the tool that tool_choice names, else of the first.
func (x *exchange) planCalls(f *fields, d *toolDialect, said string) *refusal {
	choice := parse(f.toolChoice)
	mode := textOf(choice)
	kind := textOf(choice.Get("type"))
	if x.plan.calls < 0 && (mode == "none" || kind == "none") {
		return nil
	}
	name, schema := chooseTool(parse(f.tools), d, forced(choice))
	if name == "" {
		switch {
		case forced(choice) != "":
			return errToolChoice
		case x.plan.calls < 0:
			return nil
		}
		name = "get_weather"
		schema = parse([]byte(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`))
	}
	places := findPlaces(said)
	count := x.plan.calls
	if count < 0 {
		count = 1
		single := f.oneCall || string(rawOf(choice.Get("disable_parallel_tool_use"))) == "true"
		if len(places) > 1 && !single {
			count = 2
		}
	}
	for k := range count {
		m := maker{root: schema}
		if len(places) > 0 {
			m.place = places[k%len(places)]
		}
		m.value(schema, "", 0)
		if len(m.b) == 0 || m.b[0] != '{' {
			m.b = append(m.b[:0], `{}`...)
		}
		var c call
		from := len(x.buf)
		x.buf = appendEscaped(x.buf, name)
		c.name = x.since(from)
		c.arguments = x.lay(m.b)
		from = len(x.buf)
		x.buf = appendEscaped(x.buf, m.b)
		c.escaped = x.since(from)
		x.calls = append(x.calls, c)
	}
	return nil
}

func rawOf(n *ast.Node) []byte {
	if n == nil || !n.Exists() {
		return nil
	}
	s, err := n.Raw()
	if err != nil {
		return nil
	}
	return []byte(s)
}

// forced is the name of the tool that tool_choice insists on, in any of the vendors' forms.
func forced(choice *ast.Node) string {
	for _, path := range [...][]any{
		{"function", "name"},
		{"name"},
		{"allowed_tools", "tools", 0, "function", "name"},
		{"tools", 0, "name"},
	} {
		if s := textOf(choice.GetByPath(path...)); s != "" {
			return s
		}
	}
	return ""
}

// chooseTool returns the tool with the name, or the first one where none is wanted. Tools that the vendor runs itself
// have no schema and are passed over.
func chooseTool(tools *ast.Node, d *toolDialect, want string) (name string, schema *ast.Node) {
	list := items(tools)
	for i := range list {
		tool := &list[i]
		switch textOf(tool.Get("type")) {
		case "", "function", "custom":
		default:
			continue
		}
		if d.nested {
			tool = tool.Get("function")
		}
		name = textOf(tool.Get("name"))
		if name == "" || want != "" && name != want {
			continue
		}
		return name, tool.Get(d.schema)
	}
	return "", nil
}

// planFormat makes the text of an answer that is to be JSON.
func (x *exchange) planFormat(format *ast.Node, d *toolDialect) *refusal {
	if d.format != "" {
		format = format.Get(d.format)
	}
	m := maker{}
	switch textOf(format.Get("type")) {
	case "json_object":
		m.b = append(m.b, `{"answer":"simulated"}`...)
	case "json_schema":
		if d.inFormat != "" {
			format = format.Get(d.inFormat)
		}
		m.root = format.Get("schema")
		m.value(m.root, "", 0)
	default:
		return nil
	}
	from := len(x.buf)
	x.buf = appendEscaped(x.buf, m.b)
	x.custom = x.since(from)
	return nil
}

// cities are what findPlaces knows without a hint from the sentence.
var cities = []string{
	"New York", "San Francisco", "Los Angeles", "Buenos Aires", "Mexico City", "Cape Town", "Hong Kong", "São Paulo", "Rio de Janeiro",
	"Paris", "London", "Tokyo", "Berlin", "Nairobi", "Zürich", "Zurich", "Rome", "Madrid", "Vienna", "Oslo", "Helsinki", "Stockholm",
	"Copenhagen", "Lisbon", "Dublin", "Brussels", "Amsterdam", "Prague", "Warsaw", "Budapest", "Athens", "Istanbul", "Cairo", "Lagos",
	"Delhi", "Mumbai", "Beijing", "Shanghai", "Seoul", "Singapore", "Bangkok", "Sydney", "Melbourne", "Toronto", "Montreal", "Boston",
	"Chicago", "Seattle", "Houston", "Miami", "Austin", "Denver", "Munich", "Hamburg", "Geneva", "Moscow", "Kyiv", "Lima", "Bogota",
}

// findPlaces returns the places that a text speaks of, in its order: cities that are known, and names that follow "in",
// or "and" behind another place.
func findPlaces(text string) []string {
	var places []string
	previous, linked := "", false
	for rest := text; rest != ""; {
		rest = strings.TrimLeft(rest, " \t\n\r,.;:!?()\"'")
		if rest == "" {
			break
		}
		if city := knownCity(rest); city != "" {
			places, rest, linked = append(places, city), rest[len(city):], true
			previous = city
			continue
		}
		end := strings.IndexAny(rest, " \t\n\r,.;:!?()\"'")
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end]
		rest = rest[end:]
		switch {
		case word[0] >= 'A' && word[0] <= 'Z' && (previous == "in" || linked && (previous == "and" || previous == "or")):
			places, linked = append(places, word), true
		case word != "and" && word != "or" && word != "in":
			linked = false
		}
		previous = word
	}
	return places
}

func knownCity(text string) string {
	for _, city := range cities {
		if strings.HasPrefix(text, city) {
			if next := text[len(city):]; next == "" || !isLetter(next[0]) {
				return city
			}
		}
	}
	return ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }
