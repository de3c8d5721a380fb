package route

const (
	// maxTargets bounds the targets of a model, fallbacks included: a plan is tried from its start, and retries are few.
	maxTargets = 32
	// maxWeight bounds a weight, so that sums cannot overflow and a cycle stays within sight.
	maxWeight = 1_000_000
)
