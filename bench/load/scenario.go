package main

import (
	"time"

	"penstock/bench/stand"
)

// scenario is one row of requirement 6.2, or the memory budgets of 2.7.
type scenario struct {
	name     string
	about    string
	length   time.Duration // as required; -duration sets another
	model    string        // of every request, with the provider's knobs
	saturate int           // connections of a closed loop for the first tenth; 0: none
	steps    func(d time.Duration) []stand.Step
	settle   time.Duration // of the calm afterwards, at calmRate
	aims     aims
	sheds    bool // 429 and 503 are a proper answer here
	growth   bool // memory must not grow from the first tenth to the end
	budgets  bool // the memory budgets are measured instead of a load
	bounded  bool // ten times what the gateway may have in flight is offered instead
	replaced bool // the gateway is replaced again and again meanwhile
}

// aims are the times that a scenario is to keep. They depend on the machine and on whoever else uses it, so that they fail a run
// only where -strict asks for it.
type aims struct {
	p50, p95, p99 time.Duration
	rate          float64       // requests per second answered by wrk's closed loop
	recovery      time.Duration // from the end of a spike to the first calm second
}

// chatModel answers after 20 ms with 32 tokens, the lower end of what the service-level objectives take for a provider.
const (
	chatModel = "chat?latency=20ms"
	fastModel = "chat" // at once, for the closed loop
)

const (
	calmRate       = 100 // requests per second of smoke and of the calm after a scenario
	errorsPermille = 0.1 // H3: less than 0.01 % of the requests
	connections    = 4096
)

func steady(rate float64) func(time.Duration) []stand.Step {
	return func(d time.Duration) []stand.Step { return []stand.Step{stand.Steady(d, rate)} }
}

var scenarios = []scenario{
	{
		name: "smoke", about: "100 requests/s, no error at all", length: time.Minute, model: chatModel, steps: steady(calmRate),
	},
	{
		name: "load", about: "10,000 requests/s behind a closed loop that finds the limit", length: 5 * time.Minute, model: chatModel,
		saturate: 64, steps: steady(10_000), growth: true,
		aims: aims{p50: 45 * time.Millisecond, p95: 120 * time.Millisecond, p99: 350 * time.Millisecond, rate: 12_500},
	},
	{
		name: "stress", about: "15,000 requests/s: refuses in order where it must, never collapses", length: 3 * time.Minute,
		model: chatModel, steps: steady(15_000), settle: 5 * time.Second, sheds: true,
	},
	{
		name: "spike", about: "from nothing to 20,000 requests/s and back", length: 2 * time.Minute, model: chatModel,
		steps: func(d time.Duration) []stand.Step {
			return []stand.Step{{For: d / 2, From: 0, To: 20_000}, {For: d - d/2, From: 20_000, To: 0}}
		},
		settle: 30 * time.Second, sheds: true, aims: aims{recovery: 30 * time.Second},
	},
	{
		name: "endurance", about: "5,000 requests/s for an hour: nothing grows", length: time.Hour, model: chatModel,
		steps: steady(5_000), growth: true,
	},
	{
		name: "overload", about: "ten times what may be in flight: the rest is refused at once, and what is served stays", length: time.Minute,
		model: overloadModel, sheds: true, bounded: true,
	},
	{
		name: "memory", about: "what a process, a connection, a stream and a large body hold", length: 30 * time.Second,
		model: fastModel, budgets: true,
	},
	{
		name: "restart", about: "2,000 requests/s and 500 streams through 20 upgrades: nothing refused, nothing cut", length: time.Minute,
		model: fastModel, replaced: true,
	},
}

// settleFor shortens the calm with the scenario.
func (s *scenario) settleFor(d time.Duration) time.Duration {
	if s.settle == 0 {
		return 0
	}
	return max(min(s.settle, d/4), time.Second)
}
