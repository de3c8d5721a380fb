package main

import "testing"

func TestOnlyThisHost(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.8.8.8:0": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true, "localhost:80": true, "unix:/run/a.sock": true,
		"0.0.0.0:80": false, ":80": false, "[::]:80": false, "10.0.0.1:80": false, "[::ffff:10.0.0.1]:80": false, "example.com:80": false,
		"localhost.example.com:80": false, "": false, "127.0.0.1": false,
	} {
		if got := onlyThisHost(address); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}
