package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"time"
)

// hangTime is after how long a request counts as hanging: the gateway's longest timer, and what a busy machine may add.
const hangTime = wholeTime + 10*time.Second

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// want is what a request is to get.
type want struct {
	claude bool
	stream bool
	status int    // 0: 200
	text   string // what the model has to say; "" where that is not known
	length int    // of what it says, where the text is not known; 0: any
	raw    bool   // the body is not looked at
}

// troubled says that an event may have touched a request at some time of its life.
type troubled func() bool

// judge says what an answer is worth. calm is false where an event may have touched the request.
func judge(a *answer, w want, trouble troubled) verdict {
	if v, bad := never(a, w); bad {
		return v
	}
	status := w.status
	if status == 0 {
		status = 200
	}
	if a.err == nil && a.status == status && !(a.stream && (!a.done || a.failure != "")) {
		return whole(a, w, status)
	}
	if trouble() {
		return inTrouble(a, w)
	}
	if a.shed() {
		return fine(shedding)
	}
	v := fault("%s", describe(a))
	v.excusable = !a.began && a.err != nil
	return v
}

// shedding is the verdict of a request that the gateway refused because it was behind. A machine that others use as well may hold it up
// for longer than it bears; more than shedLimit of all requests are a fault all the same.
const (
	shedding  = "shed"
	shedLimit = 0.001
)

// shed says that the gateway refused for want of time, and says when to come again.
func (a *answer) shed() bool {
	return a.err == nil && a.status == 503 && a.header.Get("Retry-After") != "" && bytes.Contains(a.body, []byte("overloaded"))
}

// never looks for what no answer may be, whatever happens around it.
func never(a *answer, w want) (verdict, bool) {
	switch {
	case hung(a.err):
		return fault("a hang: no end of the answer within %v; %s", hangTime, describe(a)), true
	case a.malformed():
		return fault("a malformed answer: %v", a.err), true
	case a.late:
		return fault("an event after the end of the stream, or a line that is no event; %s", describe(a)), true
	case a.failure != "" && !inForm([]byte(a.failure), w.claude):
		return fault("an error event that is not in the API's form: %s", a.failure), true
	case a.stream && w.text != "" && !strings.HasPrefix(w.text, string(a.text)):
		return fault("somebody else's text: %q, want %q", clip(a.text), clip([]byte(w.text))), true
	case a.stream && a.done && w.text != "" && string(a.text) != w.text:
		return fault("a fake finish: %d bytes of text of %d, and then the end", len(a.text), len(w.text)), true
	case a.status >= 400 && a.err == nil && !a.stream && !inForm(a.body, w.claude):
		return fault("an error that is not in the API's form: status %d, %q", a.status, clip(a.body)), true
	}
	return verdict{}, false
}

// whole judges an answer that came to its end with the status that was wanted.
func whole(a *answer, w want, status int) verdict {
	switch {
	case status >= 400:
		return fine("refused as it should")
	case w.raw:
		return fine("ok")
	case w.stream != a.stream:
		return fault("an event stream was answered without one, or the other way round; %s", describe(a))
	case a.stream:
		if w.length > 0 && len(a.text) != w.length {
			return fault("%d bytes of text, want %d", len(a.text), w.length)
		}
		return fine("ok")
	}
	text, right := a.said(w.claude)
	if !right {
		return fault("a 200 that is not in the API's form: %q", clip(a.body))
	}
	if w.text != "" && text != w.text {
		return fault("somebody else's text, or not all of it: %q, want %q", clip([]byte(text)), clip([]byte(w.text)))
	}
	return fine("ok")
}

// inTrouble judges what came while an event was on: an error of the API, an error event, or a cut of what cannot carry one.
func inTrouble(a *answer, w want) verdict {
	switch {
	case a.err == nil && (a.status == 502 || a.status == 503 || a.status == 504 || a.status == 429):
		return fine("refused in trouble")
	case a.stream && a.err == nil && a.failure != "":
		return fine("error event in trouble")
	case a.status == 200 && !a.stream && !w.stream && brokenOff(a.err):
		return fine("cut in trouble")
	}
	v := fault("in trouble, but not like this: %s", describe(a))
	v.excusable = !a.began && a.err != nil
	return v
}

// broken judges an answer that the provider breaks on purpose: a status of the list, an error event, or a cut where cut is true.
func broken(a *answer, w want, cut bool, statuses ...int) verdict {
	if v, bad := never(a, w); bad {
		return v
	}
	if a.err == nil && !a.stream {
		for _, s := range statuses {
			if a.status == s {
				return fine("refused as it should")
			}
		}
	}
	switch {
	case a.stream && a.done:
		return fault("a fake finish: the provider broke the stream, and it was ended as whole; %s", describe(a))
	case a.stream && a.err == nil && a.failure != "":
		return fine("error event as it should")
	case cut && !a.stream && a.status == 200 && brokenOff(a.err):
		return fine("cut as it should")
	}
	v := fault("the provider broke it, but not like this: %s", describe(a))
	v.excusable = !a.began && a.err != nil
	return v
}

func clip(b []byte) []byte {
	const most = 200
	if len(b) > most {
		return append(bytes.Clone(b[:most]), "…"...)
	}
	return b
}

func describe(a *answer) string {
	var b strings.Builder
	switch {
	case !a.began && errors.Is(a.err, io.EOF):
		return "closed without an answer"
	case !a.began:
		return "no answer: " + a.err.Error()
	}
	b.WriteString("status " + itoa(a.status))
	if a.stream {
		b.WriteString(", " + itoa(a.events) + " events, " + itoa(len(a.text)) + " bytes of text")
		if a.done {
			b.WriteString(", finished")
		}
		if a.failure != "" {
			b.WriteString(", error event " + a.failure)
		}
	} else {
		b.WriteString(", body " + string(clip(a.body)))
	}
	if a.err != nil {
		b.WriteString(", then " + a.err.Error())
	}
	return b.String()
}
