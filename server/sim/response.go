package sim

import "bytes"

// responseOpeningEvents is how many events come before the first piece of text: their sequence numbers are used up.
const responseOpeningEvents = 4

// serveResponse answers POST /responses (wire facts: OpenAI, Responses).
func (x *exchange) serveResponse(f *fields) *refusal {
	if f.input == nil {
		return errMissing("input")
	}
	if c := f.input[0]; c != '"' && c != '[' {
		return errParam("input")
	}
	maxTokens := f.number("max_output_tokens", f.maxTokens, tokensLimit, 1, 1<<30)
	if f.bad != "" {
		return errParam(f.bad)
	}
	if f.tools != nil || f.text != nil || x.plan.calls > 0 || x.plan.echo {
		if r := x.readIntent(f, &responseDialect); r != nil {
			return r
		}
	}
	if len(x.calls) == 0 {
		x.limitTokens(maxTokens)
	}
	x.layResponse(f)
	if !f.stream {
		x.replyMade(x.appendResponse(x.lane.scratch[:0], x.outcome()))
		return nil
	}
	x.form = formResponse
	x.pre = x.lay([]byte("event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":"))
	from := len(x.buf)
	x.buf = append(x.buf, `,"item_id":"`...)
	x.buf = appendID(x.buf, "msg_", x.seed+saltItem)
	x.buf = append(x.buf, `","output_index":0,"content_index":0,"delta":"`...)
	x.mid = x.since(from)
	x.post = x.lay([]byte("\",\"logprobs\":[]}\n\n"))
	if len(x.calls) > 0 {
		x.scriptResponse()
		x.stream(len(x.script))
	} else {
		x.stream(x.tokens)
	}
	return nil
}

func (x *exchange) outcome() string {
	if x.cut && len(x.calls) == 0 {
		return "incomplete"
	}
	return "completed"
}

// layResponse lays down the members of a response object that repeat the request.
func (x *exchange) layResponse(f *fields) {
	from := len(x.buf)
	echo := func(name string, raw []byte, fallback string) {
		x.buf = append(x.buf, `,"`...)
		x.buf = append(x.buf, name...)
		x.buf = append(x.buf, `":`...)
		if raw == nil {
			x.buf = append(x.buf, fallback...)
		} else {
			x.buf = append(x.buf, raw...)
		}
	}
	echo("instructions", f.instructions, "null")
	echo("max_output_tokens", f.maxTokens, "null")
	echo("metadata", f.metadata, "{}")
	echo("text", f.text, `{"format":{"type":"text"},"verbosity":"medium"}`)
	echo("tool_choice", f.toolChoice, `"auto"`)
	echo("tools", f.tools, "[]")
	x.buf = append(x.buf, `,"parallel_tool_calls":`...)
	x.buf = appendBool(x.buf, !f.oneCall)
	x.buf = append(x.buf, `,"store":`...)
	x.buf = appendBool(x.buf, !f.noStore)
	x.echo = x.since(from)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, `true`...)
	}
	return append(b, `false`...)
}

// appendResponse appends a response object in the given status; only a final one has output and usage.
func (x *exchange) appendResponse(b []byte, status string) []byte {
	b = append(b, `{"id":"`...)
	b = appendID(b, "resp_", x.seed)
	b = append(b, `","object":"response","created_at":`...)
	b = x.appendCreated(b)
	b = append(b, `,"status":"`...)
	b = append(b, status...)
	b = append(b, `","background":false,"error":null,"incomplete_details":`...)
	if status == "incomplete" {
		b = append(b, `{"reason":"max_output_tokens"}`...)
	} else {
		b = append(b, `null`...)
	}
	b = append(b, `,"model":"`...)
	b = append(b, x.view(x.model)...)
	b = append(b, `","max_tool_calls":null,"previous_response_id":null,"prompt_cache_key":null,`+
		`"reasoning":{"effort":null,"summary":null},"safety_identifier":null,"service_tier":"default","temperature":1.0,`+
		`"top_logprobs":0,"top_p":1.0,"truncation":"disabled","user":null`...)
	b = append(b, x.view(x.echo)...)
	if status == "in_progress" {
		return append(b, `,"output":[],"usage":null}`...)
	}
	b = append(b, `,"completed_at":`...)
	if status == "completed" {
		b = x.appendCreated(b)
	} else {
		b = append(b, `null`...)
	}
	b = append(b, `,"output":[`...)
	if len(x.calls) == 0 {
		b = x.appendItem(b, status)
	}
	for k := range x.calls {
		if k > 0 {
			b = append(b, ',')
		}
		b = x.appendCallItem(b, k, "completed", x.view(x.calls[k].escaped))
	}
	output := x.outputTokens()
	b = append(b, `],"usage":{"input_tokens":`...)
	b = appendInt(b, x.prompt)
	b = append(b, `,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"output_tokens":`...)
	b = appendInt(b, output)
	b = append(b, `,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":`...)
	b = appendInt(b, x.prompt+output)
	return append(b, `}}`...)
}

// appendItem appends the message item.
func (x *exchange) appendItem(b []byte, status string) []byte {
	b = append(b, `{"id":"`...)
	b = appendID(b, "msg_", x.seed+saltItem)
	b = append(b, `","type":"message","role":"assistant","status":"`...)
	b = append(b, status...)
	b = append(b, `","content":[`...)
	if status != "in_progress" {
		b = x.appendPart(b)
	}
	return append(b, `]}`...)
}

func (x *exchange) appendPart(b []byte) []byte {
	b = append(b, `{"type":"output_text","text":"`...)
	b = x.appendText(b)
	return append(b, `","annotations":[],"logprobs":[]}`...)
}

func (x *exchange) appendCallItem(b []byte, k int, status string, arguments []byte) []byte {
	b = append(b, `{"id":"`...)
	b = appendID(b, "fc_", x.seed+saltItem+uint64(k))
	b = append(b, `","type":"function_call","status":"`...)
	b = append(b, status...)
	b = append(b, `","call_id":"`...)
	b = appendID(b, "call_", x.seed+saltCall+uint64(k))
	b = append(b, `","name":"`...)
	b = append(b, x.view(x.calls[k].name)...)
	b = append(b, `","arguments":"`...)
	b = append(b, arguments...)
	return append(b, `"}`...)
}

// appendEvent appends the beginning of an event, up to the members that are its own.
func appendEvent(b []byte, name string, sequence int) []byte {
	b = append(b, "event: "...)
	b = append(b, name...)
	b = append(b, "\ndata: {\"type\":\""...)
	b = append(b, name...)
	b = append(b, `","sequence_number":`...)
	return appendInt(b, sequence)
}

func (x *exchange) openResponse(b []byte) []byte {
	for i, name := range [...]string{"response.created", "response.in_progress"} {
		b = appendEvent(b, name, i)
		b = append(b, `,"response":`...)
		b = x.appendResponse(b, "in_progress")
		b = append(b, "}\n\n"...)
	}
	if len(x.calls) > 0 {
		return b
	}
	b = appendEvent(b, "response.output_item.added", 2)
	b = append(b, `,"output_index":0,"item":`...)
	b = x.appendItem(b, "in_progress")
	b = append(b, "}\n\n"...)
	b = appendEvent(b, "response.content_part.added", 3)
	b = x.appendPlace(b)
	return append(b, ",\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[],\"logprobs\":[]}}\n\n"...)
}

// appendPlace says which part of the output an event is about.
func (x *exchange) appendPlace(b []byte) []byte {
	b = append(b, `,"item_id":"`...)
	b = appendID(b, "msg_", x.seed+saltItem)
	return append(b, `","output_index":0,"content_index":0`...)
}

func (x *exchange) closeResponse(b []byte) []byte {
	sequence := x.responseEvents()
	if len(x.calls) == 0 {
		b = appendEvent(b, "response.output_text.done", sequence)
		b = x.appendPlace(b)
		b = append(b, `,"text":"`...)
		b = x.appendText(b)
		b = append(b, "\",\"logprobs\":[]}\n\n"...)
		b = appendEvent(b, "response.content_part.done", sequence+1)
		b = x.appendPlace(b)
		b = append(b, `,"part":`...)
		b = x.appendPart(b)
		b = append(b, "}\n\n"...)
		b = appendEvent(b, "response.output_item.done", sequence+2)
		b = append(b, `,"output_index":0,"item":`...)
		b = x.appendItem(b, x.outcome())
		b = append(b, "}\n\n"...)
		sequence += 3
	}
	name := "response.completed"
	if x.outcome() == "incomplete" {
		name = "response.incomplete"
	}
	b = appendEvent(b, name, sequence)
	b = append(b, `,"response":`...)
	b = x.appendResponse(b, x.outcome())
	return append(b, "}\n\n"...)
}

// responseEvents is how many events of a response have been made, which is the next one's sequence number.
func (x *exchange) responseEvents() int {
	if len(x.calls) == 0 {
		return responseOpeningEvents + x.made
	}
	n := responseOpeningEvents - 2 // there is no item with a part of text
	for _, s := range x.script[:x.made] {
		n += bytes.Count(x.view(s), []byte("\ndata: "))
	}
	return n
}

// scriptResponse lays down the events of function calls, one output item for each.
func (x *exchange) scriptResponse() {
	sequence := responseOpeningEvents - 2
	event := func(name string) {
		x.buf = appendEvent(x.buf, name, sequence)
		sequence++
	}
	for k := range x.calls {
		from := len(x.buf)
		event("response.output_item.added")
		x.buf = append(x.buf, `,"output_index":`...)
		x.buf = appendInt(x.buf, k)
		x.buf = append(x.buf, `,"item":`...)
		x.buf = x.appendCallItem(x.buf, k, "in_progress", nil)
		x.buf = append(x.buf, "}\n\n"...)
		x.script = append(x.script, x.since(from))
		x.eachPiece(x.calls[k].escaped, func(piece span) {
			event("response.function_call_arguments.delta")
			x.buf = x.appendCallPlace(x.buf, k)
			x.buf = append(x.buf, `,"delta":"`...)
			x.buf = append(x.buf, x.view(piece)...)
			x.buf = append(x.buf, "\"}\n\n"...)
		})
		from = len(x.buf)
		event("response.function_call_arguments.done")
		x.buf = x.appendCallPlace(x.buf, k)
		x.buf = append(x.buf, `,"name":"`...)
		x.buf = append(x.buf, x.view(x.calls[k].name)...)
		x.buf = append(x.buf, `","arguments":"`...)
		x.buf = append(x.buf, x.view(x.calls[k].escaped)...)
		x.buf = append(x.buf, "\"}\n\n"...)
		event("response.output_item.done")
		x.buf = append(x.buf, `,"output_index":`...)
		x.buf = appendInt(x.buf, k)
		x.buf = append(x.buf, `,"item":`...)
		x.buf = x.appendCallItem(x.buf, k, "completed", x.view(x.calls[k].escaped))
		x.buf = append(x.buf, "}\n\n"...)
		x.script = append(x.script, x.since(from))
	}
}

func (x *exchange) appendCallPlace(b []byte, k int) []byte {
	b = append(b, `,"item_id":"`...)
	b = appendID(b, "fc_", x.seed+saltItem+uint64(k))
	b = append(b, `","output_index":`...)
	return appendInt(b, k)
}
