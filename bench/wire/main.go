// Command wire sends the table of raw requests (http1/rawcases) to Penstock, nginx, HAProxy and Go's net/http, each as a reverse proxy
// before a provider that reads strictly, and says for each case whether what became of it is allowed by the RFCs:
//
//	go run ./bench/wire
//
// It fails where a peer does better than Penstock. Peers that are not installed are left out and named.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"penstock/http1/rawcases"
)

func main() {
	binary := flag.String("bin", os.Getenv("PENSTOCK_BIN"), "penstock to judge; empty: built from this checkout")
	out := flag.String("out", "bench/results/wire.md", "file of the table; empty: standard output alone")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	behind, err := compare(*binary, *out)
	if err != nil {
		fmt.Fprintf(os.Stderr, "wire: %v\n", err)
		os.Exit(1)
	}
	if behind {
		fmt.Fprintln(os.Stderr, "wire: a peer does better than Penstock")
		os.Exit(1)
	}
}

// result is what one system did.
type result struct {
	system *system
	faults map[string]error // by case: what is not allowed
}

// compare runs everything; behind says that a peer has the better score.
func compare(binary, out string) (behind bool, err error) {
	folder, err := os.MkdirTemp("", "penstock-wire-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(folder)
	systems, missing := installed(binary)
	results := make([]result, len(systems))
	errs := make([]error, len(systems))
	var running sync.WaitGroup
	for i := range systems {
		running.Go(func() {
			results[i], errs[i] = judge(systems[i], filepath.Join(folder, strconv.Itoa(i)), rawcases.Cases())
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return false, err
		}
	}
	text := report(results, missing)
	fmt.Print(text)
	if out != "" {
		if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
			return false, err
		}
	}
	for _, r := range results[1:] {
		behind = behind || len(r.faults) < len(results[0].faults)
	}
	return behind, nil
}

// judge starts a system with a provider of its own and plays the cases.
func judge(s *system, folder string, cases []rawcases.Case) (result, error) {
	r := result{system: s, faults: map[string]error{}}
	o, err := listen()
	if err != nil {
		return r, err
	}
	defer o.close()
	if err := os.Mkdir(folder, 0o755); err != nil {
		return r, err
	}
	addr, stop, err := s.start(folder, o.addr())
	if err != nil {
		return r, fmt.Errorf("%s: %w", s.name, err)
	}
	defer stop()
	if err := await(addr, o); err != nil {
		return r, fmt.Errorf("%s: %w", s.name, err)
	}
	for _, c := range cases {
		seen, err := play(addr, o, &c)
		if err == nil {
			err = c.Allowed(&seen, s.plain)
		}
		if err != nil {
			r.faults[title(&c)] = err
		}
	}
	return r, nil
}

func title(c *rawcases.Case) string { return c.Family + ": " + c.Name }
