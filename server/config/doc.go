// Package config turns one YAML file, or the environment alone, into a checked, immutable Snapshot. It exists so that
// `penstock check`, start and reload run one and the same code, and so that everything behind it may take its settings for
// granted: a Snapshot that exists is complete, within range and free of dangling references.
//
// May not know: gateway, loops, upstream, sockets; what a setting does to those who use it.
// Threads: Load, Parse and FromEnvironment run anywhere but on a loop (they read files); a Snapshot never changes after they
// return it and may be read on every thread.
// Bytes: Parse borrows its text; a Snapshot holds copies only. Secrets come out by Reveal and in no other way.
package config

//go:generate sh -c "go run ./gen > ../../docs/configuration.md"
