package sim

// The identifiers of one exchange differ in prefix alone; salts keep those of its parts apart.
const (
	saltItem = 0x10
	saltCall = 0x100
)

// serveChat answers POST /chat/completions (wire facts: OpenAI, Chat).
func (x *exchange) serveChat(f *fields) *refusal {
	if len(f.messages) < 3 || f.messages[0] != '[' {
		if f.messages == nil {
			return errMissing("messages")
		}
		return errMessages
	}
	if f.streamOptions != nil && !f.stream {
		return errStreamOnly
	}
	x.choices = f.number("n", f.n, 1, 1, choicesLimit)
	maxTokens := f.number("max_completion_tokens", f.maxTokens, tokensLimit, 1, 1<<30)
	if f.bad != "" {
		return errParam(f.bad)
	}
	if f.tools != nil || f.responseFormat != nil || x.plan.calls > 0 || x.plan.echo {
		if r := x.readIntent(f, &chatDialect); r != nil {
			return r
		}
	}
	if len(x.calls) > 0 {
		x.choices = 1
	} else {
		x.limitTokens(maxTokens)
	}
	if !f.stream {
		x.replyMade(x.wholeChat(x.lane.scratch[:0]))
		return nil
	}
	x.form, x.usage = formChat, f.includeUsage
	x.layChat()
	if len(x.calls) > 0 {
		x.scriptChat()
		x.stream(len(x.script))
	} else {
		x.stream(x.tokens * x.choices)
	}
	return nil
}

func (x *exchange) appendCreated(b []byte) []byte { return appendInt(b, int(x.created)) }

func (x *exchange) wholeChat(b []byte) []byte {
	b = append(b, `{"id":"`...)
	b = appendID(b, "chatcmpl-", x.seed)
	b = append(b, `","object":"chat.completion","created":`...)
	b = x.appendCreated(b)
	b = append(b, `,"model":"`...)
	b = append(b, x.view(x.model)...)
	b = append(b, `","choices":[`...)
	for i := range x.choices {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"index":`...)
		b = appendInt(b, i)
		b = append(b, `,"message":{"role":"assistant","content":`...)
		if len(x.calls) > 0 {
			b = append(b, `null,"refusal":null,"annotations":[],"tool_calls":[`...)
			for k := range x.calls {
				if k > 0 {
					b = append(b, ',')
				}
				b = append(b, `{"id":"`...)
				b = appendID(b, "call_", x.seed+saltCall+uint64(k))
				b = append(b, `","type":"function","function":{"name":"`...)
				b = append(b, x.view(x.calls[k].name)...)
				b = append(b, `","arguments":"`...)
				b = append(b, x.view(x.calls[k].escaped)...)
				b = append(b, `"}}`...)
			}
			b = append(b, `]},"logprobs":null,"finish_reason":"tool_calls"}`...)
			continue
		}
		b = append(b, '"')
		b = x.appendText(b)
		b = append(b, `","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"`...)
		b = append(b, x.finishReason()...)
		b = append(b, `"}`...)
	}
	b = append(b, `],"usage":`...)
	b = x.appendChatUsage(b, x.outputTokens())
	return append(b, `,"service_tier":"default","system_fingerprint":"fp_sim"}`...)
}

func (x *exchange) finishReason() string {
	switch {
	case len(x.calls) > 0:
		return "tool_calls"
	case x.cut:
		return "length"
	}
	return "stop"
}

// outputTokens is what a whole answer counts: its chunks of text, or the pieces of its calls.
func (x *exchange) outputTokens() int {
	if len(x.calls) == 0 {
		return x.tokens * x.choices
	}
	n := 0
	for k := range x.calls {
		n += 1 + pieces(x.view(x.calls[k].escaped))
	}
	return n
}

func (x *exchange) appendChatUsage(b []byte, completion int) []byte {
	b = append(b, `{"prompt_tokens":`...)
	b = appendInt(b, x.prompt)
	b = append(b, `,"completion_tokens":`...)
	b = appendInt(b, completion)
	b = append(b, `,"total_tokens":`...)
	b = appendInt(b, x.prompt+completion)
	return append(b, `,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,`+
		`"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`...)
}

// layChat lays down the parts that all chunks of a chat stream share.
func (x *exchange) layChat() {
	from := len(x.buf)
	x.buf = append(x.buf, `data: {"id":"`...)
	x.buf = appendID(x.buf, "chatcmpl-", x.seed)
	x.buf = append(x.buf, `","object":"chat.completion.chunk","created":`...)
	x.buf = x.appendCreated(x.buf)
	x.buf = append(x.buf, `,"model":"`...)
	x.buf = append(x.buf, x.view(x.model)...)
	x.buf = append(x.buf, `","service_tier":"default","system_fingerprint":"fp_sim","choices":[{"index":`...)
	x.pre = x.since(from)
	x.mid = x.lay([]byte(`,"delta":{"content":"`))
	from = len(x.buf)
	x.buf = append(x.buf, `"}`...)
	x.buf = append(x.buf, x.chatEnd("null")...)
	x.post = x.since(from)
}

// chatEnd is the end of a chunk with the finish reason given as JSON.
func (x *exchange) chatEnd(reason string) string {
	switch {
	case reason == "null" && x.usage:
		return `,"logprobs":null,"finish_reason":null}],"usage":null}` + "\n\n"
	case reason == "null":
		return `,"logprobs":null,"finish_reason":null}]}` + "\n\n"
	case x.usage:
		return `}],"usage":null}` + "\n\n"
	}
	return `}]}` + "\n\n"
}

func (x *exchange) openChat(b []byte) []byte {
	for i := range x.choices {
		b = append(b, x.view(x.pre)...)
		b = appendInt(b, i)
		if len(x.calls) > 0 {
			b = append(b, `,"delta":{"role":"assistant","content":null,"refusal":null}`...)
		} else {
			b = append(b, `,"delta":{"role":"assistant","content":"","refusal":null}`...)
		}
		b = append(b, x.chatEnd("null")...)
	}
	return b
}

func (x *exchange) closeChat(b []byte) []byte {
	for i := range x.choices {
		b = append(b, x.view(x.pre)...)
		b = appendInt(b, i)
		b = append(b, `,"delta":{},"logprobs":null,"finish_reason":"`...)
		b = append(b, x.finishReason()...)
		b = append(b, '"')
		b = append(b, x.chatEnd("")...)
	}
	if x.usage {
		pre := x.view(x.pre)
		b = append(b, pre[:len(pre)-len(`{"index":`)]...)
		b = append(b, `],"usage":`...)
		b = x.appendChatUsage(b, x.outputTokens())
		b = append(b, "}\n\n"...)
	}
	return append(b, "data: [DONE]\n\n"...)
}

// scriptChat lays down the events of tool calls: each call's head, then its arguments in pieces.
func (x *exchange) scriptChat() {
	for k := range x.calls {
		from := len(x.buf)
		x.buf = append(x.buf, x.view(x.pre)...)
		x.buf = append(x.buf, `0,"delta":{"tool_calls":[{"index":`...)
		x.buf = appendInt(x.buf, k)
		x.buf = append(x.buf, `,"id":"`...)
		x.buf = appendID(x.buf, "call_", x.seed+saltCall+uint64(k))
		x.buf = append(x.buf, `","type":"function","function":{"name":"`...)
		x.buf = append(x.buf, x.view(x.calls[k].name)...)
		x.buf = append(x.buf, `","arguments":""}}]}`...)
		x.buf = append(x.buf, x.chatEnd("null")...)
		x.script = append(x.script, x.since(from))
		x.eachPiece(x.calls[k].escaped, func(piece span) {
			x.buf = append(x.buf, x.view(x.pre)...)
			x.buf = append(x.buf, `0,"delta":{"tool_calls":[{"index":`...)
			x.buf = appendInt(x.buf, k)
			x.buf = append(x.buf, `,"function":{"arguments":"`...)
			x.buf = append(x.buf, x.view(piece)...)
			x.buf = append(x.buf, `"}}]}`...)
			x.buf = append(x.buf, x.chatEnd("null")...)
		})
	}
}

// eachPiece makes one event of the script from each piece of a text.
func (x *exchange) eachPiece(text span, event func(piece span)) {
	for i := text.from; i < text.to; {
		end := text.from + int32(nextPiece(x.view(text), int(i-text.from)))
		from := len(x.buf)
		event(span{i, end})
		x.script = append(x.script, x.since(from))
		i = end
	}
}
