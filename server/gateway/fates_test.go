package gateway_test

import (
	"strconv"
	"time"

	"penstock/loop/looptest"
)

// fate names what a provider does with one request.
type fate string

// Fates that tests ask for by name.
const (
	fateWell   fate = "well"
	fateSilent fate = "silent"
	fateHangUp fate = "hang up"
)

// fates are all of them: a new one is an entry here. The weights are those among requests that do not go well from the start.
var fates = map[fate]*fateRow{
	fateWell: {weight: 4, script: func(p *scene) { p.well(); p.over(p.to.end) }},
	"well, with trailers": {weight: 4, script: func(p *scene) {
		p.well()
		p.over(p.to.trailers)
	}},
	"well, in drops": {weight: 3, script: func(p *scene) {
		b := p.a.body()
		p.slow = 40 * time.Millisecond
		p.head(200, len(b))
		p.paying()
		p.pieces(b, 40)
		p.over(p.to.end)
	}},
	"well, late": {weight: 3, script: func(p *scene) {
		p.slow = 5 * time.Second
		p.well()
		p.over(p.to.end)
	}},
	"well, after many interim heads": {weight: 1, script: func(p *scene) {
		for range 10 {
			p.step(p.to.interim)
		}
		p.well()
		p.over(p.to.end)
	}},
	"well, then takes no more": {weight: 6, script: func(p *scene) {
		p.step(p.to.goAway)
		p.well()
		p.over(p.to.end)
	}},
	"too many interim heads": {weight: 1, script: func(p *scene) {
		for range 40 {
			p.step(p.to.interim)
		}
		p.well()
		p.over(p.to.end)
	}},

	"error status": {weight: 8, script: func(p *scene) { p.refuseAs([]int{400, 401, 403, 404, 500, 529}, "") }},
	"too many":     {weight: 6, script: func(p *scene) { p.refuseAs([]int{429, 503}, "") }},
	"too many, with Retry-After": {weight: 6, script: func(p *scene) {
		p.refuseAs([]int{429, 503}, "retry-after: "+strconv.Itoa(p.r.w.RNG.Intn(3)))
	}},
	"strange status": {weight: 3, script: func(p *scene) { p.refuseAs([]int{302, 305, 407, 600, 999}, "") }},
	"no content": {weight: 2, script: func(p *scene) {
		p.headAs(respHead{status: []int{204, 304}[p.r.w.RNG.Intn(2)], length: -1})
		p.over(p.to.end)
	}},
	"not what was asked for": {weight: 2, script: func(p *scene) {
		b := p.a.op.whole(p.a.exchanged())
		p.headAs(respHead{status: 200, media: p.a.op.media, length: len(b)})
		p.paying()
		p.pieces(b, 3)
		p.over(p.to.end)
	}},
	"huge head": {weight: 1, script: func(p *scene) {
		h := respHead{status: 200, media: p.a.op.media, length: -1}
		for i := range 80 {
			h.fields = append(h.fields, "x-filling-"+strconv.Itoa(i)+": "+string(make1k))
		}
		p.headAs(h)
		p.over(p.to.end)
	}},

	fateSilent: {weight: 5, script: func(*scene) {}},
	"stall":    {weight: 5, script: func(p *scene) { p.some() }},
	"stall after all but the end": {weight: 4, script: func(p *scene) {
		p.well()
	}},
	"reset":           {weight: 5, script: func(p *scene) { p.over(p.to.reset) }},
	"break off":       {weight: 6, script: func(p *scene) { p.some(); p.over(p.to.reset) }},
	"reset at end":    {weight: 4, script: func(p *scene) { p.well(); p.over(p.to.reset) }},
	"refuse":          {weight: 6, script: func(p *scene) { p.over(p.to.refuse) }},
	fateHangUp:        {weight: 5, script: func(p *scene) { p.over(p.to.hangUp) }},
	"cut":             {weight: 6, script: func(p *scene) { p.some(); p.over(p.to.hangUp) }},
	"go away without": {weight: 5, script: func(p *scene) { p.over(func() { p.to.refuse(); p.to.goAway() }) }},
	"garbage": {weight: 6, script: func(p *scene) {
		p.over(func() { p.to.garbageOf(p.r.w.RNG.Intn(1 << 10)) })
	}},
	"garbage in the middle": {weight: 5, script: func(p *scene) {
		p.some()
		p.over(func() { p.to.garbageOf(p.r.w.RNG.Intn(1 << 10)) })
	}},
	"surplus": {weight: 5, script: func(p *scene) {
		p.well()
		p.over(func() { p.to.end(); p.to.surplus() })
	}},
	"short stream": {weight: 6, script: func(p *scene) {
		p.some()
		if p.a.streams() {
			p.over(p.to.end)
		} else {
			p.over(p.to.reset)
		}
	}},
	"empty stream": {weight: 2, script: func(p *scene) {
		if !p.a.streams() {
			p.over(p.to.reset)
			return
		}
		p.head(200, -1)
		p.over(p.to.end)
	}},
	"error event": {weight: 6, script: func(p *scene) { p.failInside(); p.over(p.to.end) }},
	"error event, then stall": {weight: 3, script: func(p *scene) {
		p.failInside()
	}},
	"error event, then reset": {weight: 3, script: func(p *scene) {
		p.failInside()
		p.over(p.to.reset)
	}},
	"length too large": {weight: 4, script: func(p *scene) {
		b := p.a.body()
		p.headAs(respHead{status: 200, media: p.media(), length: len(b) + 1 + p.r.w.RNG.Intn(50)})
		p.paying()
		p.pieces(b, 4)
		p.over(func() { p.to.end(); p.to.hangUp() })
	}},
	"length too small": {weight: 4, script: func(p *scene) {
		b := p.a.body()
		p.headAs(respHead{status: 200, media: p.media(), length: p.r.w.RNG.Intn(len(b))})
		p.paying()
		p.pieces(b, 4)
		p.over(p.to.hangUp)
	}},
}

var make1k = func() []byte {
	b := make([]byte, 1024)
	for i := range b {
		b[i] = 'x'
	}
	return b
}()

type fateRow struct {
	weight int
	script func(*scene)
}

// refuseAs answers with a status of the provider's own.
func (p *scene) refuseAs(statuses []int, field string) {
	status := statuses[p.r.w.RNG.Intn(len(statuses))]
	b := errorAnswer(p.a.exchanged(), p.a.api, status)
	h := respHead{status: status, media: "application/json", length: len(b)}
	if field != "" {
		h.fields = append(h.fields, field)
	}
	p.headAs(h)
	p.pieces(b, 3)
	p.over(p.to.end)
}

// failInside sends some whole events and then the provider's own error event. What does not stream fails with a status.
func (p *scene) failInside() {
	if !p.a.streams() {
		b := errorAnswer(p.a.exchanged(), p.a.api, 500)
		p.head(500, len(b))
		p.pieces(b, 2)
		p.over(p.to.end)
		return
	}
	var b []byte
	for _, e := range p.a.op.events(p.a.exchanged()) {
		if e.finish || p.r.w.RNG.Chance(15) {
			break
		}
		if p.a.usage || !e.usage {
			b = append(b, e.bytes...)
		}
	}
	p.head(200, -1)
	p.paying()
	p.step(func() { p.a.failing = true })
	p.pieces(append(b, errorEvent(p.a.exchanged(), p.a.op)...), 6)
}

func (p *scene) media() string {
	if p.a.streams() {
		return "text/event-stream"
	}
	return p.a.op.media
}

// fateNames and fateTotal are fates in an order that is always the same.
var fateNames, fateTotal = func() (names []fate, total int) {
	for f, row := range fates {
		total += row.weight
		names = append(names, f)
	}
	sortStrings(names)
	return names, total
}()

func drawFate(rng *looptest.RNG) fate {
	n := rng.Intn(fateTotal)
	for _, f := range fateNames {
		if n -= fates[f].weight; n < 0 {
			return f
		}
	}
	return fateWell
}
