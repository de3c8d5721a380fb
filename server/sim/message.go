package sim

// serveMessages answers POST /v1/messages and /v1/messages/count_tokens (wire facts: Anthropic).
func (x *exchange) serveMessages(f *fields) *refusal {
	if len(f.messages) < 3 || f.messages[0] != '[' {
		return errMessages
	}
	if f.sampling != "" && x.req.version == version2026 {
		return &refusal{status: 400, message: f.sampling + ": Extra inputs are not permitted"}
	}
	if x.req.endpoint == epCountTokens {
		b := append(x.lane.scratch[:0], `{"input_tokens":`...)
		x.reply(append(appendInt(b, x.prompt), '}'))
		return nil
	}
	if !f.hasMaxTokens {
		return errMaxTokens
	}
	maxTokens := f.number("max_tokens", f.maxTokens, tokensLimit, 0, 1<<30)
	if f.bad != "" {
		return &refusal{status: 400, message: "max_tokens: Input should be a valid integer"}
	}
	if f.tools != nil || f.responseFormat != nil || x.plan.calls > 0 || x.plan.echo {
		if r := x.readIntent(f, &messageDialect); r != nil {
			return r
		}
	}
	if len(x.calls) == 0 {
		x.limitTokens(maxTokens)
	}
	if !f.stream {
		x.replyMade(x.wholeMessage(x.lane.scratch[:0]))
		return nil
	}
	x.form = formMessage
	x.pre = x.lay([]byte("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"))
	x.mid = x.lay([]byte(`"delta":{"type":"text_delta","text":"`))
	x.post = x.lay([]byte("\"}}\n\n"))
	if len(x.calls) > 0 {
		x.scriptMessage()
		x.stream(len(x.script))
	} else {
		x.stream(x.tokens)
	}
	return nil
}

func (x *exchange) appendMessageHead(b []byte) []byte {
	b = append(b, `{"id":"`...)
	b = appendID(b, "msg_01", x.seed)
	b = append(b, `","type":"message","role":"assistant","model":"`...)
	b = append(b, x.view(x.model)...)
	return append(b, `","content":[`...)
}

func (x *exchange) stopReason() string {
	switch {
	case len(x.calls) > 0:
		return "tool_use"
	case x.cut:
		return "max_tokens"
	}
	return "end_turn"
}

// appendMessageUsage appends the usage of a message, with the output tokens known so far.
func (x *exchange) appendMessageUsage(b []byte, output int) []byte {
	b = append(b, `{"input_tokens":`...)
	b = appendInt(b, x.prompt)
	b = append(b, `,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":0,`+
		`"ephemeral_1h_input_tokens":0},"output_tokens":`...)
	b = appendInt(b, output)
	return append(b, `,"output_tokens_details":null,"server_tool_use":null,"service_tier":"standard","inference_geo":null,"speed":null}`...)
}

func (x *exchange) wholeMessage(b []byte) []byte {
	b = x.appendMessageHead(b)
	if len(x.calls) == 0 {
		b = append(b, `{"type":"text","text":"`...)
		b = x.appendText(b)
		b = append(b, `","citations":null}`...)
	}
	for k := range x.calls {
		if k > 0 {
			b = append(b, ',')
		}
		b = x.appendToolUse(b, k)
		b = append(b, x.view(x.calls[k].arguments)...)
		b = append(b, `,"caller":{"type":"direct"}}`...)
	}
	b = append(b, `],"stop_reason":"`...)
	b = append(b, x.stopReason()...)
	b = append(b, `","stop_sequence":null,"stop_details":null,"container":null,"diagnostics":null,"usage":`...)
	return append(x.appendMessageUsage(b, x.outputTokens()), '}')
}

// appendToolUse appends a tool_use block up to its input.
func (x *exchange) appendToolUse(b []byte, k int) []byte {
	b = append(b, `{"type":"tool_use","id":"`...)
	b = appendID(b, "toolu_01", x.seed+saltCall+uint64(k))
	b = append(b, `","name":"`...)
	b = append(b, x.view(x.calls[k].name)...)
	return append(b, `","input":`...)
}

func (x *exchange) openMessage(b []byte) []byte {
	b = append(b, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":"...)
	b = x.appendMessageHead(b)
	b = append(b, `],"stop_reason":null,"stop_sequence":null,"stop_details":null,"container":null,"diagnostics":null,"usage":`...)
	b = x.appendMessageUsage(b, 1)
	b = append(b, "}}\n\n"...)
	if len(x.calls) == 0 {
		b = append(b, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"+
			"\"content_block\":{\"type\":\"text\",\"text\":\"\",\"citations\":null}}\n\n"...)
	}
	return append(b, "event: ping\ndata: {\"type\":\"ping\"}\n\n"...)
}

func (x *exchange) closeMessage(b []byte) []byte {
	if len(x.calls) == 0 {
		b = append(b, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"...)
	}
	b = append(b, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\""...)
	b = append(b, x.stopReason()...)
	b = append(b, `","stop_sequence":null,"stop_details":null,"container":null},"usage":{"input_tokens":`...)
	b = appendInt(b, x.prompt)
	b = append(b, `,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":`...)
	b = appendInt(b, x.outputTokens())
	b = append(b, ",\"output_tokens_details\":null,\"server_tool_use\":null}}\n\n"...)
	return append(b, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"...)
}

// scriptMessage lays down the events of tool calls, one content block for each.
func (x *exchange) scriptMessage() {
	for k := range x.calls {
		from := len(x.buf)
		x.buf = append(x.buf, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":"...)
		x.buf = appendInt(x.buf, k)
		x.buf = append(x.buf, `,"content_block":`...)
		x.buf = x.appendToolUse(x.buf, k)
		x.buf = append(x.buf, "{},\"caller\":{\"type\":\"direct\"}}}\n\n"...)
		x.buf = x.appendInputDelta(x.buf, k, span{})
		x.script = append(x.script, x.since(from))
		if string(x.view(x.calls[k].arguments)) != "{}" {
			x.eachPiece(x.calls[k].escaped, func(piece span) { x.buf = x.appendInputDelta(x.buf, k, piece) })
		}
		from = len(x.buf)
		x.buf = append(x.buf, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":"...)
		x.buf = appendInt(x.buf, k)
		x.buf = append(x.buf, "}\n\n"...)
		x.script = append(x.script, x.since(from))
	}
}

func (x *exchange) appendInputDelta(b []byte, k int, piece span) []byte {
	b = append(b, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":"...)
	b = appendInt(b, k)
	b = append(b, `,"delta":{"type":"input_json_delta","partial_json":"`...)
	b = append(b, x.view(piece)...)
	return append(b, "\"}}\n\n"...)
}
