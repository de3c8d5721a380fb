// Command penstock is an LLM inference gateway: one static binary between applications and model providers.
//
// The package exists to put the parts together: configuration into a policy, loops, listeners, the admin port, signals. What
// the parts do is decided in their own packages.
//
// May not know: how bytes are parsed or framed; what an exchange does.
// Threads: everything here runs off the loops and reaches them through their mailboxes.
// Bytes: none of a request pass through here.
package main
