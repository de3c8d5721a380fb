package route

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"penstock/server/route/pattern"
)

// Table is the routing of one configuration. It is immutable and safe on every thread.
type Table struct {
	models    map[string]*Entry
	providers map[string]int
	exact     map[string]int // literal names of Serves
	patterns  [256][]serves  // by the first byte of a name: those that it can match, the longest first
	names     []string
	slots     int // of State
	maxPlan   int
}

// Entry is a configured model. It is never changed.
type Entry struct {
	Name     string
	Index    int // into Spec.Models
	Targets  []Target
	Fallback []Target

	weighted bool
	slot     int // of the first target in State
	total    int // sum of the weights
}

type serves struct {
	pattern  string
	provider int
}

// NewTable copies and checks spec. The error joins all faults.
func NewTable(spec Spec) (*Table, error) {
	t := &Table{
		models:    make(map[string]*Entry, len(spec.Models)),
		providers: make(map[string]int, len(spec.Providers)),
		exact:     make(map[string]int),
		maxPlan:   1,
	}
	var faults []error
	var patterns []serves
	for i := range spec.Providers {
		var err error
		patterns, err = t.addProvider(i, &spec.Providers[i], patterns)
		faults = append(faults, err)
	}
	for i := range spec.Models {
		faults = append(faults, t.addModel(i, &spec.Models[i], len(spec.Providers)))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	// Stable: between equals the order of configuration decides.
	slices.SortStableFunc(patterns, func(a, b serves) int { return cmp.Compare(len(b.pattern), len(a.pattern)) })
	for _, p := range patterns {
		for first := range t.patterns {
			if c := p.pattern[0]; c == '*' || int(c) == first {
				t.patterns[first] = append(t.patterns[first], p)
			}
		}
	}
	t.names = listNames(spec)
	return t, nil
}

// addProvider appends the patterns of p to patterns, and returns those.
func (t *Table) addProvider(index int, p *ProviderSpec, patterns []serves) ([]serves, error) {
	if p.Name == "" || strings.ContainsAny(p.Name, "/*") {
		return patterns, fmt.Errorf("provider %q: a name is not empty and has no '/' and no '*'", p.Name)
	}
	if _, twice := t.providers[p.Name]; twice {
		return patterns, fmt.Errorf("provider %q: configured twice", p.Name)
	}
	t.providers[p.Name] = index
	for _, s := range p.Serves {
		switch {
		case s == "":
			return patterns, fmt.Errorf("provider %q: serves has an empty name", p.Name)
		case pattern.IsPattern(s):
			for strings.Contains(s, "**") {
				s = strings.ReplaceAll(s, "**", "*")
			}
			patterns = append(patterns, serves{s, index})
		default:
			if _, taken := t.exact[s]; !taken {
				t.exact[s] = index
			}
		}
	}
	return patterns, nil
}

func (t *Table) addModel(index int, m *ModelSpec, providers int) error {
	if m.Name == "" || strings.Contains(m.Name, "*") || len(m.Name) > pattern.MaxNameBytes {
		return fmt.Errorf("model %q: a name is not empty, has no '*' and at most %d bytes", m.Name, pattern.MaxNameBytes)
	}
	if t.models[m.Name] != nil {
		return fmt.Errorf("model %q: configured twice", m.Name)
	}
	switch m.Strategy {
	case "", Ordered, Weighted:
	default:
		return fmt.Errorf("model %q: strategy %q does not exist: use %q or %q", m.Name, m.Strategy, Ordered, Weighted)
	}
	if len(m.Targets) == 0 || len(m.Targets)+len(m.Fallback) > maxTargets {
		return fmt.Errorf("model %q: has %d targets and %d fallbacks: at least one target, at most %d of both", m.Name,
			len(m.Targets), len(m.Fallback), maxTargets)
	}
	e := &Entry{Name: m.Name, Index: index, weighted: m.Strategy == Weighted, slot: t.slots}
	var err error
	if e.Targets, err = copyTargets(m, "target", m.Targets, providers); err != nil {
		return err
	}
	if e.Fallback, err = copyTargets(m, "fallback", m.Fallback, providers); err != nil {
		return err
	}
	for i := range e.Targets {
		e.total += e.Targets[i].Weight
	}
	if e.weighted {
		t.slots += len(e.Targets)
	}
	t.maxPlan = max(t.maxPlan, len(e.Targets)+len(e.Fallback))
	t.models[m.Name] = e
	return nil
}

func copyTargets(m *ModelSpec, what string, targets []Target, providers int) ([]Target, error) {
	out := slices.Clone(targets)
	for i := range out {
		g := &out[i]
		if g.Provider < 0 || g.Provider >= providers {
			return nil, fmt.Errorf("model %q: %s %d: there is no provider with index %d", m.Name, what, i, g.Provider)
		}
		if g.Weight < 0 || g.Weight > maxWeight {
			return nil, fmt.Errorf("model %q: %s %d: weight %d is not between 0 and %d", m.Name, what, i, g.Weight, maxWeight)
		}
		if !utf8.ValidString(g.Model) {
			return nil, fmt.Errorf("model %q: %s %d: model %q is not UTF-8", m.Name, what, i, g.Model)
		}
		if g.Weight == 0 {
			g.Weight = 1
		}
		g.ModelView, g.ModelJSON = nil, nil
		if g.Model != "" && g.Model != m.Name {
			g.ModelJSON = AppendJSON(nil, g.Model)
		}
	}
	return out, nil
}

// listNames returns the names to list: those of models, then the literal ones of Serves, each once.
func listNames(spec Spec) []string {
	var names []string
	seen := make(map[string]bool)
	add := func(name string) {
		if !seen[name] && !pattern.IsPattern(name) {
			seen[name] = true
			names = append(names, name)
		}
	}
	for i := range spec.Models {
		add(spec.Models[i].Name)
	}
	for i := range spec.Providers {
		for _, s := range spec.Providers[i].Serves {
			add(s)
		}
	}
	return names
}

// Names returns the model names to list for /v1/models: configured models, then the literal names of Serves, in the order of
// configuration and each once. The slice belongs to the Table and may not be changed.
func (t *Table) Names() []string { return t.names }

// MaxPlan is the length of the longest plan: a plan with that capacity never grows.
func (t *Table) MaxPlan() int { return t.maxPlan }
