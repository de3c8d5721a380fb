package gateway

import (
	"penstock/http1"
	"penstock/server/auth"
	"penstock/server/dialect"
	"penstock/server/observe"
	"penstock/upstream/stream"
)

// picked is what one pass over a request's fields finds.
type picked struct {
	authorization, xAPIKey, xGoogAPIKey, apiKey []byte
	contentType, contentEncoding, wanted        []byte
	anthropic                                   bool // anthropic-version is there
	connection                                  bool // Connection names fields
	twice                                       bool // a credential field stands twice
}

var methodGET = []byte("GET")

// begin starts the exchange of a request whose head is complete: endpoint, key, bounds; a refusal answers before any body work.
func (g *Gateway) begin(cl *client, h *http1.Head, headBytes int) {
	ex := g.newExchange(cl)
	ex.startStages()
	ex.bytesIn = int64(headBytes)
	ex.keepAlive = h.KeepAlive
	ex.oldClient = h.Minor == 0
	ex.expects = h.Expect100
	cl.body.Start(h, &ex.policy.Head)
	cl.length = h.ContentLength
	method := h.Method
	if string(method) == "HEAD" {
		ex.noBody, method = true, methodGET
	}
	var p picked
	g.pass = g.pass[:0]
	g.names = g.names[:0]
	g.pick(h, &p)
	ep, rest, status, allow := dialect.Lookup(method, h.Path)
	ex.setPath(h)
	ex.stage(observe.StageParse)
	if ep == nil {
		ex.api = dialect.APIOf(h.Path, p.anthropic)
		ex.refuseTarget(status, allow)
		return
	}
	ex.ep, ex.api = ep, ep.API
	if ep.Local && p.anthropic {
		ex.api = dialect.APIAnthropic
	}
	if !ex.authenticate(&p) {
		return
	}
	ex.stage(observe.StageAuth)
	if !ex.admit() {
		return
	}
	if len(p.contentEncoding) > 0 && !equalFold(p.contentEncoding, "identity") {
		ex.refuse(observe.RefusedUnsupportedMedia, fault{status: 415, code: "unsupported_content_encoding", message: "request bodies with a content encoding are not taken", detail: p.contentEncoding})
		return
	}
	if h.ContentLength > ex.policy.BodyBytes {
		ex.tooLarge()
		return
	}
	ex.keepFields(h, &p, rest)
	if cl.body.Done() {
		ex.complete()
		return
	}
	cl.phase = phaseBody
	if h.ContentLength > 0 {
		ex.body = g.loop.Slabs.Get(int(min(h.ContentLength, bodyFirstBytes)))
	}
	g.loop.Arm(&cl.timer, ex.policy.BodyTimeout)
	if h.Expect100 {
		cl.c.Write([]byte(http1.Continue))
	}
}

// refuseTarget refuses a request for which there is no endpoint. status and allow are what dialect.Lookup says.
func (ex *exchange) refuseTarget(status int, allow string) {
	if string(ex.path) == "*" {
		status, allow = 405, allMethods // the server as a whole (RFC 9110 §9.3.7)
	}
	switch {
	case !knownMethod(ex.method):
		ex.refuse(observe.RefusedMethod, fault{status: 501, code: "method_not_implemented", message: "this method is not implemented"})
	case status == 405:
		ex.allow = allow
		ex.refuse(observe.RefusedMethod, fault{status: 405, code: "method_not_allowed", message: "this path does not take this method"})
	default:
		ex.refuse(observe.RefusedNotFound, fault{status: 404, code: "unknown_url", message: "unknown path", detail: ex.path})
	}
}

// allMethods are those that some endpoint takes.
const allMethods = "GET, HEAD, POST, DELETE"

// knownMethod tells a method that a resource may refuse (405) from one that nobody here knows (501, RFC 9110 §9.1). CONNECT is for
// proxies: there is no path that could refuse it.
func knownMethod(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// take notes a credential. Of two, somebody on the way may have looked at the other one.
func (p *picked) take(slot *[]byte, value []byte) {
	if *slot != nil {
		p.twice = true
	}
	*slot = value
}

// pick sorts the fields of a head: those that decide something, and those that go on to the provider (into g.pass).
func (g *Gateway) pick(h *http1.Head, p *picked) {
	for i := range h.Fields {
		f := &h.Fields[i]
		at := len(g.names)
		g.names = lowerInto(g.names, f.Name)
		name := g.names[at:len(g.names):len(g.names)]
		switch string(name) {
		case "authorization":
			p.take(&p.authorization, f.Value)
		case "x-api-key":
			p.take(&p.xAPIKey, f.Value)
		case "x-goog-api-key":
			p.take(&p.xGoogAPIKey, f.Value)
		case "api-key":
			p.take(&p.apiKey, f.Value)
		case "content-type":
			p.contentType = f.Value
		case "content-encoding":
			p.contentEncoding = f.Value
		case "penstock-provider":
			p.wanted = f.Value
		case "connection":
			p.connection = p.connection || !equalFold(f.Value, "keep-alive") && !equalFold(f.Value, "close")
		case "accept":
			// Every endpoint has one type of answer; what clients say here is that or anything.
		case "anthropic-version":
			p.anthropic = true
			g.pass = append(g.pass, stream.Field{Name: name, Value: f.Value})
		default:
			if passesUp(name) && !g.policy.OwnFields[string(name)] {
				g.pass = append(g.pass, stream.Field{Name: name, Value: f.Value})
			}
		}
	}
}

// keepFields copies out of the head what the exchange needs after its bytes are gone.
func (ex *exchange) keepFields(h *http1.Head, p *picked, rest []byte) {
	a := &ex.arena
	ex.rest = a.Copy(rest)
	query := h.Query
	if holdsCredential(query) {
		ex.g.scratch = appendWithoutCredentials(ex.g.scratch[:0], query)
		query = ex.g.scratch
	}
	ex.query = a.Copy(query)
	ex.wanted = a.Copy(p.wanted)
	if ex.ep.Body != dialect.BodyJSON {
		ex.contentType = a.Copy(p.contentType)
		if len(p.contentType) > 0 {
			ex.extra = append(ex.extra, stream.Field{Name: fieldContentType, Value: ex.contentType})
		}
	}
	for _, f := range ex.g.pass {
		if p.connection && http1.ConnectionLists(h, f.Name) {
			continue
		}
		ex.extra = append(ex.extra, stream.Field{Name: a.Copy(f.Name), Value: a.Copy(f.Value)})
	}
}

var fieldContentType = []byte("content-type")

func (ex *exchange) setPath(h *http1.Head) {
	ex.method = ex.arena.Copy(h.Method)
	ex.path = ex.arena.Copy(h.Path)
}

// authenticate finds out who calls.
func (ex *exchange) authenticate(p *picked) bool {
	if ex.policy.Auth == nil {
		return true
	}
	if p.twice {
		ex.refuse(observe.RefusedAuth, fault{status: 400, code: "duplicate_credentials", message: "a field with credentials stands twice"})
		return false
	}
	cred := auth.Credential(p.authorization, p.xAPIKey, p.xGoogAPIKey, p.apiKey)
	if cred == nil {
		ex.refuse(observe.RefusedAuth, fault{status: 401, code: "missing_api_key", message: "no API key was given: send it as Authorization: Bearer or x-api-key"})
		return false
	}
	if ex.key = ex.policy.Auth.Lookup(cred); ex.key == nil {
		ex.refuse(observe.RefusedAuth, fault{status: 401, code: "invalid_api_key", message: "the API key is not known here"})
		return false
	}
	return true
}

func (ex *exchange) tooLarge() {
	ex.keepAlive = false
	ex.refuse(observe.RefusedTooLarge, fault{status: 413, code: "request_too_large", message: "the request body is larger than this gateway takes"})
}

// gather adds a piece of the body; false means that the request was refused. announced is how much of it is known to come still: what a
// chunk says that it holds need not come before it is too much.
func (ex *exchange) gather(data []byte, announced int64) bool {
	n := len(ex.body) + len(data)
	ex.bytesIn += int64(len(data))
	if int64(n) > ex.policy.BodyBytes || announced > ex.policy.BodyBytes-int64(n) {
		ex.tooLarge()
		return false
	}
	if n > cap(ex.body) && !ex.growBody(n) {
		return false
	}
	ex.body = append(ex.body, data...)
	return true
}

// growBody makes room for n bytes: twice of what there was, but not beyond what Content-Length says will come. False means that
// the request was refused.
func (ex *exchange) growBody(n int) bool {
	want := max(n, 2*cap(ex.body))
	if length := int(ex.cl.length); length >= n {
		want = min(want, length)
	}
	if bound := ex.policy.MemoryPerLoop; bound > 0 && want > bodyFirstBytes && ex.g.loop.Slabs.Stats().LentBytes+int64(want) > bound {
		ex.keepAlive = false
		ex.overload("the requests in flight hold as much memory as they may; try again")
		return false
	}
	b := append(ex.g.loop.Slabs.Get(want), ex.body...)
	ex.g.loop.Slabs.Put(ex.body)
	ex.body = b
	return true
}

// complete goes on once the body is there.
func (ex *exchange) complete() {
	cl := ex.cl
	ex.g.loop.Disarm(&cl.timer)
	cl.phase = phaseAnswer
	ex.dispatch()
}
