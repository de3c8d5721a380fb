package main

import (
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// notify tells the service manager of a change of state (sd_notify(3)); without one, nobody.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		return // whoever wanted to know has gone
	}
	defer c.Close()
	_, _ = c.Write([]byte(state))
}

// notifyReloading says that READY=1 follows when a change of configuration or of process is done. The time tells it from an older one.
func notifyReloading() {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	notify("RELOADING=1\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10))
}
