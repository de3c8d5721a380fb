// Package stages has a micro-benchmark for each stage of the hot path, named by the row of requirement 5 that it shows: the
// stages as the gateway puts them together, while the benchmarks beside the code measure the parts.
//
//	go test -run '^$' -bench . -benchmem ./bench/stages
//
// 5.4 (cache) and 5.7 (rate limit) come with their packages. Ceilings stand at each benchmark: they are the requirement's, for
// a whole stage on a server of today, and no test fails by them, because time on a shared machine says nothing. What can be
// held is held: TestNoAllocations.
package stages
