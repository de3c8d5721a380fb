// Command flamegraph takes a CPU profile of a gateway under load and draws it as an SVG:
//
//	go run ./bench/flamegraph -seconds 30 -out flamegraph.svg
//
// Beside the drawing it leaves the profile itself (.pprof), which go tool pprof and a profile-guided build take. With -profile
// it draws a profile that is there already, of CPU or any other kind.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"penstock/bench/stand"
)

func main() {
	seconds := flag.Int("seconds", 30, "how long the profile is taken")
	out := flag.String("out", "flamegraph.svg", "the drawing")
	file := flag.String("profile", "", "draw this profile instead of taking one")
	binary := flag.String("bin", os.Getenv("PENSTOCK_BIN"), "penstock to profile; empty: built from this checkout")
	upstream := flag.String("http", "h2c", "between gateway and provider: h2c or http1")
	rate := flag.Float64("rate", 0, "requests per second; 0: as many as 64 connections bring (wrk)")
	stream := flag.Bool("stream", false, "event streams instead of whole answers")
	flag.Parse()
	if *seconds < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	take := func() ([]byte, error) {
		return profileUnderLoad(stand.Options{Binary: *binary, HTTP: *upstream}, *seconds, *rate, *stream)
	}
	kept := strings.TrimSuffix(*out, ".svg") + ".pprof"
	if *file != "" {
		take = func() ([]byte, error) { return os.ReadFile(*file) }
		kept = ""
	}
	err := whole(take, kept, *out)
	if err != nil {
		fmt.Fprintf(os.Stderr, "flamegraph: %v\n", err)
		os.Exit(1)
	}
	fmt.Println(*out)
}

// whole takes a profile, keeps it where kept names a file, and draws it.
func whole(take func() ([]byte, error), kept, out string) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	raw, err := take()
	if err != nil {
		return err
	}
	if kept != "" {
		if err := os.WriteFile(kept, raw, 0o644); err != nil {
			return err
		}
	}
	return draw(raw, out)
}

// draw writes the SVG of a profile.
func draw(raw []byte, name string) error {
	p, err := readProfile(raw)
	if err != nil {
		return err
	}
	root := p.fold()
	if root.value == 0 {
		return errors.New("the profile has no samples: was there load?")
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(writeSVG(out, root, p.unit), out.Close())
}

// profileUnderLoad starts a gateway, loads it, and takes the profile in the middle.
func profileUnderLoad(o stand.Options, seconds int, rate float64, stream bool) (_ []byte, err error) {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	s, err := stand.Start(o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	const margin = 2 * time.Second // of load before and after
	length := time.Duration(seconds)*time.Second + 2*margin
	loaded := make(chan error, 1)
	loadCtx, endLoad := context.WithCancel(ctx)
	defer endLoad()
	go func() { loaded <- load(loadCtx, s, length, rate, stream) }()
	select {
	case err := <-loaded:
		return nil, fmt.Errorf("the load ended at once: %w", err)
	case <-time.After(margin):
	}
	raw, err := fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.AdminURL, seconds))
	if err != nil {
		return nil, err
	}
	return raw, <-loaded
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %s", url, response.StatusCode, raw)
	}
	return raw, err
}

// load keeps the gateway busy for d. The profile is of no use where the answers are errors, so that one of them ends it.
func load(ctx context.Context, s *stand.Stand, d time.Duration, rate float64, stream bool) error {
	body := stand.ChatBody("chat", stream, 0)
	if rate == 0 {
		r, err := s.Saturate(ctx, stand.Wrk{Script: filepath.Join("bench", "load", "wrk.lua"), Connections: 64, For: d}, body)
		if err == nil && r.Errors > 0 {
			err = fmt.Errorf("%d errors in %d requests", r.Errors, r.Requests)
		}
		return err
	}
	defer stand.HoldThread()()
	f, err := stand.NewFleet(s.Address, stand.Request(s.Address, body))
	if err != nil {
		return err
	}
	defer f.Close()
	if t := f.Pace(1024, stand.Steady(d, rate)); t.Errors()+t.Shed > 0 {
		return fmt.Errorf("%d errors and %d refusals in %d requests: %v", t.Errors(), t.Shed, t.Requests(), t.Kinds)
	}
	return nil
}
