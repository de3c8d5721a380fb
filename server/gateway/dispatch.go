package gateway

import (
	"errors"

	"penstock/http1"
	"penstock/server/dialect"
	"penstock/server/observe"
	"penstock/server/route"
	"penstock/upstream/stream"
)

// dispatch finds out where a complete request goes, and sends it there.
func (ex *exchange) dispatch() {
	if ex.ep.Local {
		ex.models()
		return
	}
	ex.startStages()
	if !ex.read() {
		return
	}
	ex.stage(observe.StageScan)
	if !ex.route() {
		return
	}
	ex.stage(observe.StageRoute)
	ex.at = -1
	if !ex.next(false) {
		ex.refuse(observe.RefusedNotImplemented, fault{
			status: 501, code: "not_implemented",
			message: "the provider of this model speaks another API, and translating between them is not implemented",
		})
		return
	}
	ex.attempt()
}

// read finds in the body what decides the route.
func (ex *exchange) read() bool {
	kind := ex.ep.Body
	if kind == dialect.BodyAny {
		kind = dialect.BodyMultipart
		if !hasPrefixFold(ex.contentType, "multipart/") {
			kind = dialect.BodyJSON
		}
	}
	switch kind {
	case dialect.BodyJSON:
		if ex.ep.Model == dialect.ModelNone && len(ex.body) == 0 {
			return true
		}
		if err := ex.scan.JSON(ex.body); err != nil {
			return ex.badJSON(err)
		}
		ex.isDoc = true
		ex.model, ex.event = ex.arena.Copy(ex.scan.Model), ex.streamed()
		return ex.ep.Model == dialect.ModelNone || ex.hasModel(ex.scan.HasModel)
	case dialect.BodyMultipart:
		if err := ex.form.Multipart(ex.contentType, ex.body); err != nil {
			return ex.badJSON(err)
		}
		ex.isFrm = true
		ex.model, ex.event = ex.arena.Copy(ex.form.Model), ex.streamed()
		return ex.ep.Model == dialect.ModelNone || ex.hasModel(ex.form.HasModel)
	}
	return true
}

func (ex *exchange) badJSON(err error) bool {
	var e *dialect.ScanError
	if !errors.As(err, &e) {
		e = &dialect.ScanError{Reason: "the request body cannot be read"}
	}
	ex.refuse(observe.RefusedBadRequest, fault{status: 400, code: "invalid_body", param: e.Param, message: e.Reason})
	return false
}

func (ex *exchange) hasModel(has bool) bool {
	if has && len(ex.model) > 0 {
		return true
	}
	ex.refuse(observe.RefusedBadRequest, fault{status: 400, code: "missing_required_parameter", param: "model", message: "the request names no model"})
	return false
}

// route makes the plan: which targets, in which order.
func (ex *exchange) route() bool {
	p := ex.policy
	if ex.ep.Model == dialect.ModelNone {
		return ex.routeByProvider()
	}
	if ex.key != nil && !ex.key.Allows(ex.model) {
		ex.refuse(observe.RefusedForbidden, fault{status: 403, code: "model_not_allowed", param: "model", message: "this API key may not use the model `%s`", detail: ex.model})
		return false
	}
	if !p.Routes.Resolve(ex.model, &ex.resolved) {
		ex.refuse(observe.RefusedUnknownModel, fault{status: 404, code: "model_not_found", param: "model", message: "The model `%s` does not exist or you do not have access to it.", detail: ex.model})
		return false
	}
	ex.plan = p.Routes.Plan(&ex.resolved, ex.g.state, ex.plan)
	return true
}

// routeByProvider serves requests that name no model, such as files: the client names a provider, or the first one that speaks the
// API gets it.
func (ex *exchange) routeByProvider() bool {
	for i, p := range ex.policy.Providers {
		if len(ex.wanted) > 0 && string(ex.wanted) != p.Name {
			continue
		}
		if len(ex.wanted) == 0 && !p.Speaks[ex.ep.API] {
			continue
		}
		if ex.key != nil && len(ex.key.Models) > 0 {
			// A key that may use some models only gets at a provider's other resources if it may use all of that provider's models.
			ex.g.scratch = append(append(ex.g.scratch[:0], p.Name...), "/*"...)
			if !ex.key.Allows(ex.g.scratch) {
				continue
			}
		}
		ex.plan = append(ex.plan[:0], route.Target{Provider: i})
		return true
	}
	ex.refuse(observe.RefusedNotFound, fault{status: 404, code: "unknown_provider", message: "no provider here serves this request; name one in the penstock-provider field", detail: ex.wanted})
	return false
}

// next moves on to the next target that speaks the client's dialect; elsewhere says that the current provider will not do.
func (ex *exchange) next(elsewhere bool) bool {
	from := ex.at
	for i := ex.at + 1; i < len(ex.plan); i++ {
		if !ex.policy.Providers[ex.plan[i].Provider].Speaks[ex.ep.API] {
			continue
		}
		if elsewhere && ex.plan[i].Provider == ex.plan[from].Provider && ex.plan[i].Model == ex.plan[from].Model {
			continue
		}
		ex.at = i
		return true
	}
	return false
}

// attempt sends the request to the current target.
func (ex *exchange) attempt() {
	g, t := ex.g, &ex.plan[ex.at]
	p := ex.policy.Providers[t.Provider]
	if n := len(p.Replicas); n > 0 {
		g.replica++
		p = p.Replicas[g.replica%n]
	}
	ex.provider = p
	ex.attempts++
	ex.attemptAt, ex.downAt = g.loop.Now(), max(ex.downAt, ex.startAt)
	ex.answered, ex.sent, ex.headAt = false, false, 0
	ex.strip.Reset()
	ex.ends.Reset(ex.ep)
	ex.compose(p, t)
	ex.ticket.Sink, ex.ticket.Class = ex, ex.slot
	ex.running = true
	if f := g.pools[p.Up].Open(&ex.ticket); f != nil {
		ex.running = false
		ex.failed(f)
		return
	}
	ex.arm()
}

// compose fills in the upstream request: constant head, passed-on fields, the body's pieces with the model patched.
func (ex *exchange) compose(p *Provider, t *route.Target) {
	r := &ex.ticket.Request
	ex.startStages()
	ex.g.turn++
	key := p.turns[ex.g.turn%len(p.turns)]
	r.Block, r.Path, r.Method = p.blocks[ex.ep.ID][key], nil, nil
	if r.Block.Path == "" || len(ex.query) > 0 || isPrefix(ex.ep) {
		r.Block, r.Path = p.bare[ex.ep.ID][key], ex.upstreamPath(p)
	}
	r.Extra = ex.extra
	r.Body, r.BodyBytes = nil, -1
	ex.pieces = ex.pieces[:0]
	ex.stripping = false
	ex.modelJSON = t.ModelJSON
	if t.ModelView != nil {
		ex.modelJSON = route.AppendJSON(ex.arena.Alloc(6*len(t.ModelView) + 2)[:0], t.ModelView)
	}
	switch {
	case ex.isDoc:
		ex.stripping = ex.ep.UsageInStream && p.UsageInStream && ex.scan.Stream && !ex.scan.IncludeUsage
		ex.pieces, r.BodyBytes = ex.scan.Patch(ex.pieces, ex.body, ex.patchModel(), ex.stripping)
	case ex.isFrm:
		plain := t.ModelView
		if plain == nil && t.Model != "" {
			plain = append(ex.arena.Alloc(len(t.Model))[:0], t.Model...)
		}
		if !ex.form.HasModel {
			plain = nil
		}
		ex.pieces, r.BodyBytes = ex.form.Patch(ex.pieces, ex.body, plain)
	case len(ex.body) > 0:
		ex.pieces, r.BodyBytes = append(ex.pieces, ex.body), int64(len(ex.body))
	case ex.ep.Body != dialect.BodyNone:
		r.BodyBytes = 0
	}
	r.Body = ex.pieces
	ex.stage(observe.StageSerialise)
}

func (ex *exchange) patchModel() []byte {
	if ex.ep.Model == dialect.ModelNone {
		return nil
	}
	return ex.modelJSON
}

func (ex *exchange) upstreamPath(p *Provider) []byte {
	base := p.path(ex.ep)
	b := ex.arena.Alloc(len(base) + len(ex.rest) + 1 + len(ex.query))[:0]
	b = append(append(b, base...), ex.rest...)
	if len(ex.query) > 0 {
		b = append(append(b, '?'), ex.query...)
	}
	return b
}

// models answers the list of models, or one of them, from the configuration.
func (ex *exchange) models() {
	g, p := ex.g, ex.policy
	out := g.scratch[:0]
	if len(ex.rest) > 0 {
		name, ok := dialect.AppendPathUnescaped(ex.arena.Alloc(len(ex.rest))[:0], ex.rest)
		if !ok || ex.key != nil && !ex.key.Allows(name) || !p.Routes.Resolve(name, &ex.resolved) {
			ex.refuse(observe.RefusedUnknownModel, fault{status: 404, code: "model_not_found", param: "model", message: "The model `%s` does not exist or you do not have access to it.", detail: ex.rest})
			return
		}
		out = dialect.AppendModel(out, ex.api, string(name), p.Created)
	} else {
		names := p.Names
		if ex.key != nil && len(ex.key.Models) > 0 {
			names = nil
			for _, n := range p.Names {
				if ex.key.Allows([]byte(n)) {
					names = append(names, n)
				}
			}
		}
		out = dialect.AppendModels(out, ex.api, names, p.Created)
	}
	g.scratch = out
	ex.status = 200
	b := ex.cl.c.Buffer(len(out) + 256)
	at := len(*b)
	*b = http1.AppendStatus(*b, 200)
	*b = http1.AppendFieldString(*b, "content-type", "application/json")
	ex.ownFields(b)
	*b = http1.AppendContentLength(*b, int64(len(out)))
	*b = append(*b, "\r\n"...)
	if !ex.noBody {
		*b = append(*b, out...)
	}
	ex.bytesOut += int64(len(*b) - at)
	ex.headSent = true
	ex.finish("ok", "")
}

var _ stream.Sink = (*exchange)(nil)
