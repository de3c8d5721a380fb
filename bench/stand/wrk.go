package stand

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// Saturation is what wrk saw: a closed loop, in which each connection sends its next request once it has an answer.
type Saturation struct {
	Requests      int64
	Elapsed       time.Duration
	Errors        int64 // of all kinds: connect, read, write, timeout, status from 400 on
	P50, P95, P99 time.Duration
	GatewayCPU    time.Duration // per request
	ConnectErrors int64
	SocketErrors  int64
	StatusErrors  int64
	TimeoutErrors int64
	Connections   int
}

// Wrk is how the closed loop is run.
type Wrk struct {
	Script      string // file; gets the body's file in PENSTOCK_BODY and the key in PENSTOCK_KEY, prints one line "PENSTOCK {…}"
	CPUs        string // as taskset takes them; empty: any
	Connections int
	For         time.Duration // whole seconds
}

// ErrNoWrk says that wrk is not installed.
var ErrNoWrk = errors.New("wrk is not on PATH; install it (apt-get install wrk)")

// Saturate runs wrk against the gateway until w.For is over.
func (s *Stand) Saturate(ctx context.Context, w Wrk, body []byte) (*Saturation, error) {
	program, err := exec.LookPath("wrk")
	if err != nil {
		return nil, ErrNoWrk
	}
	file := filepath.Join(s.folder, "body.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return nil, err
	}
	args := []string{
		"-t1", "-c" + strconv.Itoa(w.Connections), "-d" + strconv.Itoa(max(1, int(w.For.Seconds()))) + "s", "--timeout", "10s",
		"-s", w.Script, "http://" + s.Address + "/v1/chat/completions",
	}
	if w.CPUs != "" {
		args = append([]string{"-c", w.CPUs, program}, args...)
		program = "taskset"
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), "PENSTOCK_BODY="+file, "PENSTOCK_KEY="+Key)
	before := s.Gateway.CPU()
	out, err := command.CombinedOutput()
	used := s.Gateway.CPU() - before
	if err != nil {
		return nil, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	r, err := readWrk(out)
	if err != nil {
		return nil, err
	}
	r.Connections = w.Connections
	if r.Requests > 0 {
		r.GatewayCPU = used / time.Duration(r.Requests)
	}
	return r, nil
}

// readWrk finds the script's line in what wrk printed.
func readWrk(out []byte) (*Saturation, error) {
	_, line, found := bytes.Cut(out, []byte("PENSTOCK {"))
	if !found {
		return nil, fmt.Errorf("wrk printed no result:\n%s", out)
	}
	var v struct {
		Requests, DurationUS, Connect, Read, Write, Status, Timeout, P50, P95, P99 int64
	}
	if err := json.NewDecoder(bytes.NewReader(append([]byte{'{'}, line...))).Decode(&v); err != nil {
		return nil, fmt.Errorf("wrk's result: %w", err)
	}
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	return &Saturation{
		Requests: v.Requests, Elapsed: us(v.DurationUS), P50: us(v.P50), P95: us(v.P95), P99: us(v.P99),
		Errors: v.Connect + v.Read + v.Write + v.Status + v.Timeout, ConnectErrors: v.Connect, SocketErrors: v.Read + v.Write,
		StatusErrors: v.Status, TimeoutErrors: v.Timeout,
	}, nil
}
