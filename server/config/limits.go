package config

// Bounds of this package's own work. The file is the operator's, not an attacker's: these keep a mistake (a wrong file, a
// generator gone wild, a device) from taking the process's memory or time, no more.
const (
	// fileLimitBytes is the longest file read. Ten thousand keys with limits make about 1 MiB.
	fileLimitBytes = 4 << 20

	// secretLimitBytes bounds one secret; it has to fit into a request's head beside everything else.
	secretLimitBytes = 16 << 10

	// depthLimit is how deep values may nest. The deepest key of ours is at 4; the YAML parser recurses per level.
	depthLimit = 64

	// columnLimit is the deepest indentation of a key or list entry, which bounds the nesting of the block form.
	columnLimit = 256

	// mapLimit is the number of keys of one map in the block form: the YAML parser takes quadratic time in it.
	mapLimit = 2048

	// readLimit is the number of values read, those behind aliases once per use. A file of fileLimitBytes full of keys with
	// their limits has about half as many.
	readLimit = 1 << 19

	// faultLimit is the number of faults reported; nobody reads more.
	faultLimit = 1000

	// shownLimitBytes is how much of a wrong value a fault repeats.
	shownLimitBytes = 64

	// keyLengthMin is the length of a client's key below which guessing it becomes thinkable.
	keyLengthMin = 8

	// adminTokenMin is the length of the admin token: what it opens can be asked for without end, and profiles the process.
	adminTokenMin = 16

	// nameLimitBytes bounds the names of providers, models and keys, which appear in metric labels.
	nameLimitBytes = 256

	// unixPathLimitBytes is sun_path of unix(7) less the closing zero.
	unixPathLimitBytes = 107
)
