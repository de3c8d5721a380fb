package main

import "time"

// Requests whose model's name has the provider break the answer. They go to the provider under another name, so that a connection that
// breaks is none that the well-behaved use; among themselves they may hit each other, so that a 502 is always in order.

func (q *ask) errorStatus() verdict {
	statuses := []int{400, 401, 403, 404, 408, 429, 500, 502, 503, 529}
	s := statuses[q.rng.IntN(len(statuses))]
	a := q.polite(false, post(chatPath, chatBody(q.model("bad-", "chat?error="+itoa(s)), q.text(60), q.number%2 == 0)))
	return broken(a, want{}, false, s, 502, 503, 504)
}

func (q *ask) breakStream() verdict {
	ways := []string{"reset=0", "close=0", "reset=5", "close=3", "cut=3", "fail=3"}
	text := q.text(100)
	a := q.polite(false, post(chatPath, chatBody(q.model("bad-", "chat?echo&"+ways[q.rng.IntN(len(ways))]), text, true)))
	return broken(a, want{stream: true, text: text}, false, 502, 503, 504)
}

func (q *ask) breakAnswer() verdict {
	ways := []string{"reset=0", "close=0", "reset=5", "close=3"}
	a := q.polite(false, post(chatPath, chatBody(q.model("bad-", "chat?"+ways[q.rng.IntN(len(ways))]), q.text(100), false)))
	return broken(a, want{}, true, 502, 503, 504)
}

// lastOnConnection has the provider end its connection in good order after the answer, which is whole.
func (q *ask) lastOnConnection() verdict {
	text := q.text(60)
	a := q.polite(false, post(chatPath, chatBody(q.model("bad-", "chat?echo&goaway"), text, false)))
	if a.err == nil && a.status == 200 {
		return q.judge(a, want{text: text})
	}
	return broken(a, want{}, true, 502, 503, 504)
}

// slowStart has the provider think for longer than the gateway lets a stream be silent: it gets comments first.
func (q *ask) slowStart() verdict {
	text := q.text(60)
	return q.judge(q.polite(false, post(chatPath, chatBody(q.model("", "chat?echo&latency=3s"), text, true))), want{stream: true, text: text})
}

// stall has the provider say nothing more, before the answer or within it: a timer has to end the wait.
func (q *ask) stall() verdict {
	stream := q.number%2 == 0
	way := "stall=0"
	if q.number%3 == 0 {
		way = "stall=3"
	}
	a := q.polite(false, post(chatPath, chatBody(q.model("bad-", "chat?"+way), q.text(60), stream)))
	v := broken(a, want{stream: stream}, true, 502, 503, 504)
	if took := time.Since(q.from); v.fault == "" && took > 2*silence {
		return fault("the provider was silent for %v before the gateway's timer of %v ended it", took, silence)
	}
	return v
}
