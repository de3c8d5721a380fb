// Package tuning holds the host profiles of Penstock and the check that compares a host with one of them: what the kernel, the
// cores and the network card should be set to, why, and what each difference costs. It exists because a gateway that is fast on
// one host and slow on the next is usually the same gateway on two kernels, and nobody remembers thirty settings.
//
// May not know: anything else of ours; net/http, sockets, goroutines.
// Threads: no state that changes; a Profile is shared and read only, everything else belongs to its caller. Reads files, so it
// never runs on a loop.
// Bytes: AppendSysctlFile appends to its argument; rows and diffs are new strings.
package tuning

//go:generate go test -run "TestSysctlFilesAreCurrent|TestManualIsCurrent" . -update
