package rawcases

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Seen is what became of a case.
type Seen struct {
	Answers  []Answer // without that to FollowUp
	Junk     string   // bytes that are no response
	Closed   bool     // the connection has ended
	Followed bool     // FollowUp was answered with 200, and with nothing behind it
	Requests []Request
	Fault    string // what a provider got that is no request
}

const followTarget = "/v1/models?follow"

// FollowUp is a request that shows whether a connection that was kept is in step; the connection ends with it.
const FollowUp = "GET " + followTarget + " HTTP/1.1\r\nHost: a\r\n" + auth + "Connection: close\r\n\r\n"

// Asked is how many answers of ours the case has.
func (c *Case) Asked() int {
	n := 0
	for _, w := range c.Want {
		if w.Status != 0 {
			n++
		}
	}
	return n
}

// Keeps says that ours keeps the connection after the case.
func (c *Case) Keeps() bool { return c.Input == Open && c.Want[len(c.Want)-1].Keep }

// Heads says which answers are to HEAD.
func (c *Case) Heads() []bool {
	heads := make([]bool, len(c.Want))
	for i, w := range c.Want {
		heads[i] = w.Head
	}
	return heads
}

// forwarded is the contents that providers got, but for FollowUp's.
func (s *Seen) forwarded() []string {
	contents := []string{}
	for _, r := range s.Requests {
		if !strings.HasSuffix(r.Target, followTarget) {
			contents = append(contents, r.Content)
		}
	}
	return contents
}

// Ours compares with what our gateway has to do, exactly.
func (c *Case) Ours(s *Seen) error {
	if s.Junk != "" {
		return fmt.Errorf("no response: %q", s.Junk)
	}
	if len(s.Answers) != c.Asked() {
		return fmt.Errorf("%d answers (%s), want %d", len(s.Answers), s.statuses(), c.Asked())
	}
	contents := []string{}
	for i := range s.Answers {
		a, w := &s.Answers[i], &c.Want[i]
		if a.Status != w.Status {
			return fmt.Errorf("answer %d is %d, want %d: %s", i+1, a.Status, w.Status, a.Content)
		}
		if (a.Interim > 0) != w.Interim || a.Interim > 1 {
			return fmt.Errorf("%d interim responses before answer %d", a.Interim, i+1)
		}
		if c.Input != Shut && a.Close == w.Keep {
			return fmt.Errorf("answer %d says close: %v", i+1, a.Close)
		}
		if w.Forward {
			contents = append(contents, w.Content)
		}
	}
	if c.Keeps() && !s.Followed {
		return errors.New("the next request on the connection is not answered")
	}
	if !s.Closed {
		return errors.New("the connection stays open")
	}
	if s.Fault != "" {
		return fmt.Errorf("the provider got %s", s.Fault)
	}
	if got := s.forwarded(); !slices.Equal(got, contents) {
		return fmt.Errorf("the provider got the contents %q, want %q", got, contents)
	}
	return nil
}

func (s *Seen) statuses() string {
	var list []string
	for _, a := range s.Answers {
		list = append(list, fmt.Sprint(a.Status))
	}
	return strings.Join(list, " ")
}

// Allowed compares with what the RFCs allow any server. A plain one passes on whatever it serves; ours answers some requests itself, and
// refuses some for what they ask.
func (c *Case) Allowed(s *Seen, plain bool) error {
	if len(s.Answers) > len(c.Want) {
		return fmt.Errorf("answers %d requests (%s) where %d may be seen", len(s.Answers), s.statuses(), len(c.Want))
	}
	if s.Fault != "" {
		return fmt.Errorf("passes on an invalid request: %s", s.Fault)
	}
	got := s.forwarded()
	take := func(content string) bool {
		if len(got) > 0 && got[0] == content {
			got = got[1:]
			return true
		}
		return false
	}
	for i, w := range c.Want {
		if i >= len(s.Answers) {
			switch {
			case s.Junk != "" && w.Rule != Serve: // an older or newer HTTP
			case s.Junk != "":
				return fmt.Errorf("answers what is no response: %q", s.Junk)
			case !s.Closed:
				return errors.New("neither answers nor closes")
			case w.Rule == Serve:
				return errors.New("closes without an answer")
			}
			if w.Rule != Refuse {
				take(w.Content)
			}
			break
		}
		a := &s.Answers[i]
		if a.Status >= 300 {
			if w.Rule == Serve && (plain || a.Status != w.Status) {
				return fmt.Errorf("refuses a valid request with %d", a.Status)
			}
			if a.Status >= 500 && w.Rule == May {
				take(w.Content) // it was passed on, and that failed
			}
			continue
		}
		switch {
		case w.Rule == Refuse:
			return fmt.Errorf("serves it (%d), the provider got %q", a.Status, got)
		case (plain || w.Forward) && !take(w.Content) && !w.Own:
			return fmt.Errorf("serves it in another reading: the provider got %q, want %q", got, w.Content)
		case w.Close && (!s.Closed || s.Followed || i+1 < len(s.Answers)):
			return errors.New("keeps the connection that has to close")
		}
	}
	if len(got) > 0 {
		return fmt.Errorf("the provider got more than what was answered: %q", got)
	}
	return nil
}
