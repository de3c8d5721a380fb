package tuning

import _ "embed" // the units travel inside the binary, so that `penstock tune unit` needs no checkout

//go:embed systemd/penstock.service
var serviceUnit string

//go:embed systemd/penstock.socket
var socketUnit string
