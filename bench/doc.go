// Package bench holds what measures Penstock; the folder itself has no code. Nothing of the gateway stands on it.
//
//   - stages: micro-benchmarks of the hot path, stage by stage (make bench, make bench-compare)
//   - load: load scenarios against a whole gateway (make load SCENARIO=…)
//   - aborts: clients that go away in mid-stream, and what is left of them
//   - wire: raw requests to Penstock, nginx, HAProxy and net/http, judged by the RFCs (make wire)
//   - flamegraph: a CPU profile under load as an SVG (make flamegraph)
//   - compare, rig: Penstock beside other proxies in the shared rig
//   - stand: the test stand that load, aborts and flamegraph share
//   - fixtures, wrk: bodies, and a wrk script for operators
//   - results: what was measured
package bench
