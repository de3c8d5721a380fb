package main

import (
	"fmt"

	"penstock/server/config"
)

// inactive names what a configuration asks for and this version does not do yet: an operator must not believe in a limit that nobody
// keeps.
func inactive(s *config.Snapshot) (out []string) {
	add := func(format string, args ...any) {
		out = append(out, fmt.Sprintf(format, args...)+" is set and has no effect in this version")
	}
	for _, k := range s.Keys {
		if k.Limits != (config.Limits{}) {
			add("limits of key %s", k.Name)
		}
	}
	for _, m := range s.Models {
		if m.Strategy != config.Weighted && m.Strategy != config.Ordered {
			out = append(out, fmt.Sprintf("strategy %s of model %s is set and has no effect in this version: its targets are weighted", m.Strategy, m.Name))
		}
		if m.Hedge.On() {
			add("hedge of model %s", m.Name)
		}
		if m.Cache.TTL > 0 {
			add("cache of model %s", m.Name)
		}
	}
	if s.Cache.TTL > 0 {
		add("cache.ttl")
	}
	if s.Redis.URL.Reveal() != "" {
		add("redis")
	}
	if s.Trace.OTLP != "" {
		add("trace.otlp")
	}
	for _, p := range s.Providers {
		switch p.Kind {
		case config.KindGemini, config.KindVertex, config.KindAzure, config.KindBedrock:
			out = append(out, fmt.Sprintf("provider %s is of kind %s, whose API is not spoken by this version: its models are answered 501", p.Name, p.Kind))
		}
	}
	return out
}
