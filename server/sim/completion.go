package sim

// serveCompletion answers POST /completions (wire facts: OpenAI, Completions).
func (x *exchange) serveCompletion(f *fields) *refusal {
	if f.prompt == nil {
		return errMissing("prompt")
	}
	if f.streamOptions != nil && !f.stream {
		return errStreamOnly
	}
	x.choices = f.number("n", f.n, 1, 1, choicesLimit)
	maxTokens := f.number("max_tokens", f.maxTokens, tokensLimit, 0, 1<<30)
	if f.bad != "" {
		return errParam(f.bad)
	}
	x.limitTokens(maxTokens)
	from := len(x.buf)
	if f.stream {
		x.buf = append(x.buf, `data: `...)
	}
	x.buf = append(x.buf, `{"id":"`...)
	x.buf = appendID(x.buf, "cmpl-", x.seed)
	x.buf = append(x.buf, `","object":"text_completion","created":`...)
	x.buf = x.appendCreated(x.buf)
	x.buf = append(x.buf, `,"model":"`...)
	x.buf = append(x.buf, x.view(x.model)...)
	x.buf = append(x.buf, `","choices":[{"index":`...)
	x.pre = x.since(from)
	x.mid = x.lay([]byte(`,"text":"`))
	if !f.stream {
		x.replyMade(x.wholeCompletion(x.lane.scratch[:0]))
		return nil
	}
	x.form, x.usage = formCompletion, f.includeUsage
	from = len(x.buf)
	x.buf = append(x.buf, `","logprobs":null,"finish_reason":null`...)
	x.buf = append(x.buf, x.chatEnd("")...)
	x.post = x.since(from)
	x.stream(x.tokens * x.choices)
	return nil
}

func (x *exchange) wholeCompletion(b []byte) []byte {
	pre := x.view(x.pre)
	b = append(b, pre[:len(pre)-len(`{"index":`)]...)
	for i := range x.choices {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"index":`...)
		b = appendInt(b, i)
		b = append(b, x.view(x.mid)...)
		b = x.appendText(b)
		b = append(b, `","logprobs":null,"finish_reason":"`...)
		b = append(b, x.finishReason()...)
		b = append(b, `"}`...)
	}
	b = append(b, `],"usage":`...)
	return append(x.appendChatUsage(b, x.outputTokens()), '}')
}

func (x *exchange) closeCompletion(b []byte) []byte {
	for i := range x.choices {
		b = append(b, x.view(x.pre)...)
		b = appendInt(b, i)
		b = append(b, `,"text":"","logprobs":null,"finish_reason":"`...)
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
