package upstream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestResolverKeepsAnswers(t *testing.T) {
	now := time.Unix(1000, 0)
	asked := 0
	fail := false
	r := &Resolver{
		Clock: func() time.Time { return now },
		LookupHost: func(context.Context, string) ([]string, error) {
			asked++
			if fail {
				return nil, errors.New("no such luck")
			}
			return []string{"192.0.2.1"}, nil
		},
	}
	get := func() []string {
		t.Helper()
		a, err := r.Resolve(context.Background(), "provider.example")
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for range 3 {
		if a := get(); !slices.Equal(a, []string{"192.0.2.1"}) {
			t.Fatalf("got %v", a)
		}
	}
	if asked != 1 {
		t.Fatalf("asked %d times within the fresh time", asked)
	}
	now = now.Add(freshFor + time.Second)
	fail = true
	get()
	if asked != 2 {
		t.Fatalf("asked %d times after the fresh time", asked)
	}
	if s := r.Stats(); s.Stale != 1 || s.Failures != 1 || s.Lookups != 2 {
		t.Fatalf("stats %+v", s)
	}
	now = now.Add(staleFor + freshFor)
	if _, err := r.Resolve(context.Background(), "provider.example"); err == nil {
		t.Fatal("an answer of yesterday was used")
	}
}

func TestResolverAsksOnceForMany(t *testing.T) {
	gate, entered := make(chan struct{}), make(chan struct{}, 8)
	r := &Resolver{LookupHost: func(context.Context, string) ([]string, error) {
		entered <- struct{}{}
		<-gate
		return []string{"192.0.2.7"}, nil
	}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := r.Resolve(context.Background(), "provider.example"); err != nil {
				t.Error(err)
			}
		}()
	}
	<-entered
	close(gate)
	wg.Wait()
	if n := r.Stats().Lookups; n != 1 {
		t.Fatalf("%d questions", n)
	}
}

func TestResolverLeavesAddressesAlone(t *testing.T) {
	r := &Resolver{LookupHost: func(context.Context, string) ([]string, error) {
		t.Error("an address was looked up")
		return nil, nil
	}}
	for _, a := range []string{"127.0.0.1", "::1"} {
		if got, err := r.Resolve(context.Background(), a); err != nil || !slices.Equal(got, []string{a}) {
			t.Errorf("%s: %v %v", a, got, err)
		}
	}
}
