package config

import (
	"slices"
	"strconv"
	"strings"
)

// Load reads the file at path and checks it. The error is always Faults. A nil env is the process's own.
func Load(path string, env Environment) (*Snapshot, error) {
	env = orSystem(env)
	text, err := env.ReadFile(path)
	if err != nil {
		return nil, Faults{{File: path, Got: "the file cannot be used: " + readFailure(err)}}
	}
	s, err := Parse(path, text, env)
	if err != nil {
		return nil, err
	}
	if s.literal {
		r := &reader{env: env}
		place{r: r, key: path}.warnIfOpen(path)
		s.Warnings = append(s.Warnings, r.warnings...)
	}
	s.files = sortedSet(append(s.files, path))
	return s, nil
}

// Parse checks a configuration's text; name stands in faults and in Snapshot.Source. The error is always Faults. Parse borrows
// text. A nil env is the process's own.
func Parse(name string, text []byte, env Environment) (*Snapshot, error) {
	r := &reader{file: name, env: orSystem(env)}
	tree := r.parseTree(text)
	if len(r.faults) > 0 && tree == nil {
		return nil, r.faults
	}
	s := r.snapshot(tree)
	for _, d := range r.duplicates {
		r.faultAt(d.line, "", "a key stands for the second time in one map; the first is at line "+strconv.Itoa(d.first), "")
	}
	if len(r.faults) > 0 {
		r.faults.sort()
		return nil, r.faults
	}
	return s, nil
}

// snapshot reads the whole tree. What it gives is only complete when there was no fault.
func (r *reader) snapshot(tree *node) *Snapshot {
	top := place{r: r, b: root, n: tree}
	if tree != nil {
		top.line = tree.line
		if tree.form == formNull {
			top.n = nil
		}
	}
	top = top.opened()
	s := &Snapshot{
		Source:       r.file,
		AuthInsecure: top.child("auth_insecure").boolean(),
		Loops:        top.child("loops").integer(),
		Pin:          top.child("pin").boolean(),
		Profile:      top.child("profile").chosen(),
		Bounds:       top.child("bounds").opened().bounds(),
		Timeouts:     top.child("timeouts").opened().timeouts(),
		Stream:       Stream{KeepAlive: top.child("stream").opened().child("keepalive").duration()},
		Retry:        top.child("retry").opened().retry(),
		Breaker:      top.child("breaker").opened().breaker(),
		State:        State{Dir: top.child("state").opened().child("dir").text()},
		Log:          top.child("log").opened().log(),
		Trace:        top.child("trace").opened().trace(),
	}
	var public *place
	s.Listen, public = top.listeners()
	s.Admin, s.AdminOff, s.AdminToken = top.admin(s.Listen)
	s.Redis = top.child("redis").opened().redis()
	s.Cache = top.child("cache").opened().cache(s.Redis)
	s.Providers = top.providers()
	s.Models = top.models(s.Providers, s.Cache)
	s.Keys = top.keys()
	s.Auth = top.auth(public, s.AuthInsecure, len(s.Keys))
	if t := s.Timeouts; t.FirstByte > t.Total {
		r.warn("timeouts.first_byte", "is longer than timeouts.total, which ends the exchange before")
	}
	if len(s.Providers) == 0 {
		r.warn("providers", "none are listed, so no request can be answered")
	}
	s.checkReach(r)
	s.Warnings, s.files, s.literal = r.warnings, sortedSet(r.files), r.literal
	return s
}

func sortedSet(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func (p place) chosen() string { return p.b.choices[p.choice()] }

func (p place) bounds() Bounds {
	return Bounds{
		Head:            int(p.child("head").size()),
		Headers:         p.child("headers").integer(),
		Body:            p.child("body").size(),
		ResponseBuffer:  int(p.child("response_buffer").size()),
		Connections:     p.child("connections").integer(),
		RequestsPerLoop: p.child("requests_per_loop").integer(),
		Memory:          p.child("memory").size(),
	}
}

func (p place) timeouts() Timeouts {
	return Timeouts{
		Head: p.child("head").duration(), Body: p.child("body").duration(), Idle: p.child("idle").duration(),
		Connect: p.child("connect").duration(), Handshake: p.child("handshake").duration(),
		FirstByte: p.child("first_byte").duration(), BetweenBytes: p.child("between_bytes").duration(),
		Total: p.child("total").duration(), Drain: p.child("drain").duration(),
	}
}

func (p place) retry() Retry {
	return Retry{
		Attempts: p.child("attempts").integer(), Budget: p.child("budget").ratio(), On: p.child("on").retryOn(),
	}
}

func (p place) retryOn() RetryOn {
	var on RetryOn
	if !p.given() || p.n.form != formList {
		p.items() // reports another form
		for text := range strings.SplitSeq(strings.Trim(p.b.def, "[]"), ", ") {
			on.add(text)
		}
		return on
	}
	for _, at := range p.items() {
		if text, ok := at.scalar(); ok && !on.add(text) {
			at.fault(at.shown()+" is not a failure that can be tried again", "connect, reset, timeout, or a status code from 400 to 599")
		}
	}
	slices.Sort(on.Statuses)
	on.Statuses = slices.Compact(on.Statuses)
	return on
}

func (on *RetryOn) add(text string) bool {
	switch text {
	case "connect":
		on.Connect = true
	case "reset":
		on.Reset = true
	case "timeout":
		on.Timeout = true
	default:
		status, ok := parseCount(text)
		if !ok || status < 400 || status > 599 {
			return false
		}
		on.Statuses = append(on.Statuses, status)
	}
	return true
}

func (p place) breaker() Breaker {
	return Breaker{
		Window: p.child("window").duration(), MinRequests: p.child("min_requests").integer(),
		ErrorRatio: p.child("error_ratio").ratio(), Open: p.child("open").duration(),
	}
}

func (p place) cache(redis Redis) Cache {
	shared := p.child("redis")
	c := Cache{Memory: p.child("memory").size(), TTL: p.child("ttl").duration(), Redis: shared.boolean()}
	if c.Redis && redis.URL.IsZero() && !p.r.faultedBelow("redis.url") {
		shared.fault("needs Redis", "set redis.url, or write false")
	}
	return c
}

// redis checks no more than the scheme: hosts, clusters and sentinels are spelled in the ways of the Redis client.
func (p place) redis() Redis {
	at := p.child("url")
	url, ok := at.secret()
	if !ok || url.IsZero() {
		return Redis{}
	}
	scheme, rest, _ := strings.Cut(url.Reveal(), "://")
	if !slices.Contains(redisSchemes, scheme) || rest == "" || !isVisible(rest) {
		at.fault("the value is not the URL of a Redis", "one that begins with "+strings.Join(redisSchemes, "://, ")+"://")
		return Redis{}
	}
	return Redis{URL: url}
}

var redisSchemes = []string{
	"redis", "rediss", "unix", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel",
}

func (p place) log() Log {
	l := Log{
		Access: p.child("access").text(), Format: p.child("format").chosen(), Level: p.child("level").chosen(),
		Sample: p.child("sample").ratio(),
	}
	return l
}

func (p place) trace() Trace {
	t := Trace{Sample: p.child("sample").ratio()}
	if at := p.child("otlp"); at.given() && at.n.text != "" {
		if text := at.text(); text != "" {
			t.OTLP, _ = at.baseURL(text)
		}
	}
	return t
}
