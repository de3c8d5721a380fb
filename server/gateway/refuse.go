package gateway

import (
	"penstock/http1"
	"penstock/server/dialect"
	"penstock/server/observe"
	"penstock/upstream/stream"
)

// fault is a refusal: what reaches the client, in words that the dialect puts into its own form. message is constant text; a "%s" in
// it stands for detail, which is the client's own.
type fault struct {
	status           int
	typ, code, param string
	message          string
	detail           []byte
}

func (x *fault) dialect() dialect.Fault {
	return dialect.Fault{Status: x.status, Type: x.typ, Code: x.code, Param: x.param, Message: x.message, Detail: x.detail}
}

// refuse answers a request that no provider gets to see. A request whose body has not come yet keeps its connection only if
// little of it is left to be thrown away.
func (ex *exchange) refuse(reason observe.Reason, x fault) {
	cl := ex.cl
	ex.g.Counters.Refused(reason)
	ex.status = x.status
	skipping := false
	if !cl.body.Done() && ex.keepAlive {
		skipping = !ex.expects && cl.length >= 0 && cl.length <= drainBodyBytes
		ex.keepAlive = skipping
	}
	ex.writeError(&x)
	ex.finish("refused", x.code)
	if skipping && cl.phase == phaseHead {
		cl.phase, cl.skip = phaseSkip, drainBodyBytes
		cl.g.loop.Arm(&cl.timer, cl.g.policy.BodyTimeout)
	}
}

// writeError writes a whole error response in the client's API form.
func (ex *exchange) writeError(x *fault) {
	g := ex.g
	f := x.dialect()
	if ex.early {
		ex.breakOff(*x)
		return
	}
	g.scratch = dialect.AppendError(g.scratch[:0], ex.api, &f, ex.id[:])
	b := ex.cl.c.Buffer(len(g.scratch) + 512)
	at := len(*b)
	*b = http1.AppendStatus(*b, x.status)
	*b = http1.AppendFieldString(*b, "content-type", "application/json")
	if ex.allow != "" {
		*b = http1.AppendFieldString(*b, "allow", ex.allow)
	}
	if x.status == 503 {
		*b = http1.AppendFieldString(*b, "retry-after", retryAfterSeconds)
	}
	if x.status == 401 {
		*b = http1.AppendFieldString(*b, "www-authenticate", "Bearer")
	}
	ex.ownFields(b)
	*b = http1.AppendContentLength(*b, int64(len(g.scratch)))
	*b = append(*b, "\r\n"...)
	if !ex.noBody {
		*b = append(*b, g.scratch...)
	}
	ex.headSent = true
	ex.bytesOut += int64(len(*b) - at)
}

// refusals maps each kind of upstream failure to what the client is told. Nothing of the provider's address or the cause is in it.
var refusals = [...]fault{
	stream.KindNone:     {status: 502, code: "upstream_error", message: "the provider could not be asked"},
	stream.KindResolve:  {status: 502, code: "upstream_unreachable", message: "the provider's name could not be resolved"},
	stream.KindConnect:  {status: 502, code: "upstream_unreachable", message: "the provider could not be reached"},
	stream.KindTLS:      {status: 502, code: "upstream_unreachable", message: "no secure connection to the provider could be made"},
	stream.KindRefused:  {status: 503, code: "upstream_refused", message: "the provider refused the request without processing it"},
	stream.KindReset:    {status: 502, code: "upstream_reset", message: "the provider broke off before it had answered"},
	stream.KindClosed:   {status: 502, code: "upstream_closed", message: "the provider closed the connection before it had answered"},
	stream.KindProtocol: {status: 502, code: "upstream_protocol_error", message: "the provider's answer was not valid HTTP"},
	stream.KindTooLarge: {status: 502, code: "upstream_head_too_large", message: "the provider's answer had a head beyond all bounds"},
	stream.KindTimeout:  {status: 504, code: "upstream_timeout", message: "the provider did not answer in time"},
	stream.KindBusy:     {status: 503, code: "overloaded", message: "too many requests wait for this provider"},
	stream.KindShutdown: {status: 503, code: "shutting_down", message: "the gateway is going down"},
}

func refusalOf(f *stream.Failure, api dialect.API) fault {
	x := refusals[f.Kind]
	if f.Answered && (f.Kind == stream.KindReset || f.Kind == stream.KindClosed) {
		x.message = "the provider broke off in the middle of its answer"
	}
	switch f.Kind {
	case stream.KindTimeout:
		x.typ = timeoutType(api)
	case stream.KindBusy:
		x.typ = overloadedType(api)
	default:
	}
	return x
}

// overloadedType is what Anthropic's clients know an overload by; OpenAI's go by the status.
func overloadedType(api dialect.API) string {
	if api == dialect.APIAnthropic {
		return "overloaded_error"
	}
	return ""
}

func timeoutType(api dialect.API) string {
	if api == dialect.APIAnthropic {
		return "timeout_error"
	}
	return ""
}
