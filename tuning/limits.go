package tuning

const (
	// fileLimitBytes bounds what is kept of one file of /proc or /sys. The largest we read is /proc/interrupts: about 12 bytes
	// per core and line, so 512 cores with 400 lines stay below it.
	fileLimitBytes = 4 << 20

	// coreLimit is the greatest number of cores that Linux can be built for on x86-64 (NR_CPUS); it bounds what a list of
	// cores may unfold to.
	coreLimit = 8192

	// diffCellLimit bounds the table of Diff (4 bytes a cell). A generated file has about 150 lines; an old file of 50,000
	// lines still fits, and beyond that Diff shows a whole replacement.
	diffCellLimit = 8 << 20

	// diffContextLines is the usual number of unchanged lines around a change.
	diffContextLines = 3

	// textWidth is where the report wraps its sentences, so that it reads on a terminal of 100 columns.
	textWidth = 96
)
