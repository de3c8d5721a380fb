package loop

import "sync/atomic"

// mailbox is how other threads hand work to a loop: a lock-free stack that the loop empties in one swap.
type mailbox struct {
	head atomic.Pointer[letter]
}

type letter struct {
	next *letter
	run  func()
}

// PostOffLoop has f called on the loop's thread, in the order of the posts of one thread. It never waits. After the loop has
// ended, f is dropped.
func (l *Loop) PostOffLoop(f func()) {
	m := &letter{run: f}
	for {
		h := l.mail.head.Load()
		m.next = h
		if l.mail.head.CompareAndSwap(h, m) {
			if h == nil {
				l.backend.Wake()
			}
			return
		}
	}
}

func (l *Loop) runMail() {
	m := l.mail.head.Load()
	if m == nil {
		return
	}
	m = l.mail.head.Swap(nil)
	var first *letter
	for m != nil {
		m.next, first, m = first, m, m.next
	}
	for ; first != nil; first = first.next {
		l.runLetter(first)
	}
}

func (l *Loop) runLetter(m *letter) {
	defer l.confine("mailbox", nil)
	l.stats.MailboxRuns++
	m.run()
}

// MailWaiting says that something was posted and not yet run. For backends.
func (l *Loop) MailWaiting() bool { return l.mail.head.Load() != nil }
