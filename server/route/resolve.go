package route

import (
	"bytes"

	"penstock/server/route/pattern"
)

// Resolved is what a model name stands for.
type Resolved struct {
	// Entry is the configured model; nil where a prefix or a provider's Serves decided.
	Entry *Entry
	// Provider is the index of the provider where Entry is nil.
	Provider int
	// Model is what that provider is asked for on a prefix route, a view of the name given to Resolve; nil = as the client said.
	Model []byte
}

// Resolve finds what model stands for and writes it into r, whatever that held. In this order: the exact name of a configured
// model; "provider/rest" with a configured provider, which is asked for rest (in which '/' and ':' may stand); a literal name
// in a provider's Serves; the longest pattern there that matches. Between equals the provider that was configured first wins.
// False means that the name is unknown; r is empty then.
func (t *Table) Resolve(model []byte, r *Resolved) bool {
	*r = Resolved{}
	if len(model) > pattern.MaxNameBytes {
		return false
	}
	if e := t.models[string(model)]; e != nil {
		r.Entry = e
		return true
	}
	if i := bytes.IndexByte(model, '/'); i > 0 && i+1 < len(model) {
		if p, ok := t.providers[string(model[:i])]; ok {
			r.Provider, r.Model = p, model[i+1:len(model):len(model)]
			return true
		}
	}
	if p, ok := t.exact[string(model)]; ok {
		r.Provider = p
		return true
	}
	if len(model) == 0 {
		return false
	}
	patterns := t.patterns[model[0]]
	for i := range patterns {
		if pattern.Match(patterns[i].pattern, model) {
			r.Provider = patterns[i].provider
			return true
		}
	}
	return false
}
