package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// providersIntro has ~ where Markdown has a backquote.
const providersIntro = `# When providers misbehave

Each row is something that a provider does, and what follows. The rows are tables of ~server/penstock/e2e/hostile_*_test.go~: each is played
over real sockets against the built binary, and this file is written from them, so neither can say what the other does not.

**In time** is what the client gets while nothing of the answer is its own yet: before the first byte of an event stream, and as long as
less than 64 KiB of a plain JSON answer have come within a second. The error has the form of the client's API; its code is given here.
**Too late, in a stream** is what ends an event stream that has begun. A plain answer that is already under way is cut off instead: the
client sees a body that is incomplete, never one that is complete and wrong. "Whole" is the right answer, as if nothing had happened.

**Sent again** says whether the same provider is asked again, in time, up to ~retry.attempts~: where it did not work on the request, or
where ~retry.on~ holds ~reset~. Where a model has other targets, the next one may be asked in every row that fails in time, as far as
~retry.on~ allows. **Connection** is that to the provider: one that goes on serves the next request. **Counted as** is the label ~kind~ of
~llm_upstream_failures_total~.

In all rows: no byte of an answer reaches anybody but its client, the next request is answered once the provider behaves, and no exchange,
stream or connection stays behind. Lines of HTTP/1.1 end with CR LF; a bare LF is refused, since where two readers disagree about the end
of a head, the bytes behind it become somebody else's answer.

ENHANCE_YOUR_CALM, by RST_STREAM or GOAWAY, has the request wait before the same provider gets it again: 200 ms, then 800 ms. Under
~http: auto~ a provider that agreed to HTTP/2 and says HTTP_1_1_REQUIRED is spoken to in HTTP/1.1 from then on, and
the request counts as not processed. A provider that is killed and comes back is dialled after the same pauses: requests of which nothing had come
are answered then.

A provider that does not read holds at most 256 KiB of an HTTP/2 connection's output and the request's own body, which goes with the first-byte
timer; a connection that takes nothing for 10 s although something waits is closed (~closed~), whatever the provider says meanwhile. One that
takes no stream (MAX_CONCURRENT_STREAMS 0) costs a request its first-byte timer, and is not dialled again for it. DATA beyond a window ends the
stream, or where it is the connection's the connection, with FLOW_CONTROL_ERROR (~protocol~). Answers of any length pass in bounded memory. Over
TLS a body of HTTP/1.1 that ends with its connection is whole after close_notify alone.

A kept-alive connection that turns out to be closed as a request is put on it counts as no attempt: the request goes to a new one. After a
request has waited in vain on an HTTP/2 connection from which nothing was heard, other requests go elsewhere until it answers a PING; it is
closed after 3 s without. For 100 ms after a failed dial, requests get its failure. Floods are bounded per second and connection by ~Floods~
in ~upstream/h2/limits.go~.
`

// TestProvidersDocument keeps docs/providers.md what the rows say.
func TestProvidersDocument(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "providers.md")
	want := providersDocument()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the rows say: go test -run TestProvidersDocument -update", path)
	}
	var names []string
	for _, d := range hostileRows() {
		names = append(names, string(d.over)+d.name)
	}
	slices.Sort(names)
	if n := len(slices.Compact(names)); n != len(hostileRows()) {
		t.Errorf("%d different names of %d", n, len(hostileRows()))
	}
}

func providersDocument() string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(providersIntro, "~", "`"))
	for _, part := range []struct {
		over  []protocol
		title string
	}{{[]protocol{h2c}, "HTTP/2"}, {[]protocol{http1}, "HTTP/1.1"}, {[]protocol{tlsH2}, "TLS"}} {
		fmt.Fprintf(&b, "\n## %s\n\n| the provider … | in time | too late, in a stream | sent again | connection | counted as |\n"+
			"| --- | --- | --- | --- | --- | --- |\n", part.title)
		for _, d := range hostileRows() {
			if !slices.Contains(part.over, d.over) {
				continue
			}
			again, kind := "no", "–"
			if d.again {
				again = "yes"
			}
			if d.kind != "" {
				kind = "`" + d.kind + "`"
			}
			row := fmt.Sprintf("| %s | %s | %s | %s | %s | %s |\n", d.name, d.beforeHead(), d.inAnswer(true), again, d.conn, kind)
			b.WriteString(strings.ReplaceAll(row, "| - |", "| |"))
		}
	}
	b.WriteString("\n" + strings.ReplaceAll(eventsIntro, "~", "`"))
	for _, f := range eventForms() {
		fmt.Fprintf(&b, "| %s | %s |\n", f.name, f.what)
	}
	return b.String()
}

const eventsIntro = `## Event streams

What a provider may write, and what of it reaches the client, however the bytes are cut. Where the client did not ask for usage the gateway does
(~include_usage~), and takes out what comes of it: the event that holds nothing else, and ~"usage":null~ in events of up to 64 KiB. Every
other byte is the provider's own. An event of one ~data:~ line alone is looked into.

| the provider … | the client gets |
| --- | --- |
`
