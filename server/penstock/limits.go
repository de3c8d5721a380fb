package main

import "time"

const (
	// heirTime is how long a new process may take to come up in an upgrade: a start takes well under a second, a host under memory
	// pressure or with a slow disk some more.
	heirTime = 60 * time.Second

	// heirEndTime is how long a new process that has said why it does not come up may take to end.
	heirEndTime = 5 * time.Second

	// upgradeTime is how long `penstock upgrade` waits for word: longer than the process that it asked waits for its heir.
	upgradeTime = heirTime + 2*heirEndTime

	// cutTime is how long clients have, once the drain time is over, to take what they are told of it.
	cutTime = 2 * time.Second

	// adminEndTime is how long answers of the admin port that are under way have to end.
	adminEndTime = 2 * time.Second
)
