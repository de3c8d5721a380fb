package config

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// models reads the models; providers are those that targets may name.
func (p place) models(providers []Provider, cache Cache) []Model {
	list := p.child("models").items()
	models := make([]Model, 0, len(list))
	names := map[string]string{}
	known := make([]string, len(providers))
	for i := range providers {
		known[i] = providers[i].Name
	}
	for _, at := range list {
		if at = at.opened(); !at.given() {
			continue
		}
		m := Model{Name: at.child("name").required(), Strategy: Strategy(at.child("strategy").choice())}
		at.child("name").checkName(m.Name, true)
		at.unique(names, "name", m.Name)
		targets := at.child("targets")
		if !targets.given() {
			targets.fault("is missing", "a list of targets is needed")
		}
		m.Targets = targets.targets(m.Name, known)
		m.Fallback = at.child("fallback").targets(m.Name, known)
		if targets.given() && targets.n.form == formList {
			targets.checkWeights(m.Targets)
		}
		m.Hedge = at.child("hedge").hedge()
		m.Cache.TTL = at.child("cache").opened().child("ttl").durationOr(cache.TTL)
		models = append(models, m)
	}
	return models
}

func (p place) targets(model string, providers []string) []Target {
	var targets []Target
	for _, at := range p.items() {
		if at = at.opened(); !at.given() {
			continue
		}
		provider := at.child("provider")
		t := Target{Provider: provider.required(), Model: at.child("model").text(), Weight: at.child("weight").integer()}
		if t.Model == "" {
			t.Model = model
		} else {
			at.child("model").checkName(t.Model, false)
		}
		if t.Provider != "" && !slices.Contains(providers, t.Provider) {
			want := "none are listed"
			if near := nearest(t.Provider, providers); near != "" {
				want = "did you mean " + near + "?"
			} else if len(providers) > 0 {
				want = "one of " + strings.Join(providers, ", ")
			}
			provider.fault(provider.shown()+" is not one of the providers", want)
		}
		targets = append(targets, t)
	}
	return targets
}

// checkWeights makes sure that a target can be chosen at all.
func (p place) checkWeights(targets []Target) {
	if len(p.n.items) == 0 {
		p.fault("is an empty list", "one target at least is needed")
		return
	}
	for _, t := range targets {
		if t.Weight > 0 {
			return
		}
	}
	if len(targets) > 0 {
		p.fault("every weight is 0", "one at least has to be above 0")
	}
}

func (p place) hedge() Hedge {
	if p = p.opened(); !p.given() {
		return Hedge{}
	}
	h := Hedge{MaxRatio: p.child("max_ratio").ratio()}
	after := p.child("after")
	if !after.given() {
		after.fault("is missing", "a time or a percentile is needed, such as 200ms or p95")
		return h
	}
	text, ok := after.scalar()
	if !ok {
		return Hedge{}
	}
	if digits, percentile := strings.CutPrefix(text, "p"); percentile {
		if h.Percentile, ok = parseRatio(digits); ok && h.Percentile > 0 && h.Percentile < 100 {
			return h
		}
	} else if h.After, ok = parseDuration(text); ok && h.After > 0 && h.After <= 24*time.Hour {
		return h
	}
	after.fault(after.shown()+" is neither a time nor a percentile", "such as 200ms or p95")
	return Hedge{}
}

// checkName checks a name that appears in requests, logs and metric labels. An exact one has no place for a pattern.
func (p place) checkName(name string, exact bool) {
	switch {
	case name == "":
	case len(name) > nameLimitBytes:
		p.fault("is longer than a name may be", "")
	case !isPlain(name):
		p.fault(p.shown()+" has a space or a control character in it", "")
	case exact && strings.Contains(name, "*"):
		p.fault(p.shown()+" has a * in it", "patterns belong under serves")
	}
}

func isPlain(name string) bool {
	return !strings.ContainsFunc(name, func(ch rune) bool { return unicode.IsSpace(ch) || !unicode.IsPrint(ch) })
}

// patterns reads a list of names in which * stands for any run of characters.
func (p place) patterns() []string {
	var patterns []string
	for _, at := range p.items() {
		if text := at.text(); text != "" {
			at.checkName(text, false)
			patterns = append(patterns, text)
		}
	}
	return patterns
}

// overlap reports whether some name fits both patterns.
func overlap(a, b string) bool {
	// can[j] says whether the part of a so far and the first j bytes of b have a name in common.
	can := make([]bool, len(b)+1)
	can[0] = true
	for j := range len(b) {
		can[j+1] = can[j] && b[j] == '*'
	}
	for i := range len(a) {
		diagonal := can[0]
		can[0] = can[0] && a[i] == '*'
		for j := range len(b) {
			above := can[j+1]
			if a[i] == '*' || b[j] == '*' {
				can[j+1] = above || can[j]
			} else {
				can[j+1] = diagonal && a[i] == b[j]
			}
			diagonal = above
		}
	}
	return can[len(b)]
}
