package rawcases

import "strings"

const (
	good    = "GET /v1/models HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n"
	closing = "Connection: close\r\n"
)

var goodChat = chat(docLength, Doc)

// several is a case of several requests in one piece.
func several(name, section, in string, want ...Want) Case {
	return Case{Family: "pipeline", Name: name, Section: section, Send: []string{in}, Want: want}
}

var connections = []Case{
	one("connection", "close", "RFC 9112 §9.6", models(closing), last(answered(200))),
	one("connection", "close with a body", "RFC 9112 §9.6", chat(closing+docLength, Doc), last(passes(Doc))),
	one("connection", "close in capitals", "RFC 9110 §7.6.1", models("CONNECTION: CLOSE\r\n"), last(answered(200))),
	one("connection", "close in a list", "RFC 9110 §7.6.1", models("Connection: x, close\r\n"), last(answered(200))),
	one("connection", "close in a second field", "RFC 9110 §7.6.1", models("Connection: keep-alive\r\nConnection: close\r\n"), last(answered(200))),
	one("connection", "close and keep-alive", "RFC 9112 §9.3", models("Connection: close, keep-alive\r\n"), last(answered(200))),
	one("connection", "keep-alive", "RFC 9112 §9.3", models("Connection: keep-alive\r\nKeep-Alive: timeout=0\r\n"), answered(200)),
	one("connection", "empty", "RFC 9110 §5.6.1", models("Connection: ,,\r\n"), answered(200)),
	one("connection", "Proxy-Connection", "RFC 9110 §7.6.1", models("Proxy-Connection: close\r\n"), answered(200)),
	one("connection", "TE: trailers", "RFC 9110 §10.1.4", chat("TE: trailers\r\nConnection: TE\r\n"+docLength, Doc), passes(Doc)),
	one("connection", "names Transfer-Encoding", "RFC 9110 §7.6.1", chat("Connection: Transfer-Encoding\r\n"+chunked, docChunks), Want{Rule: May, Status: 200, Content: Doc, Forward: true, Keep: true}),
	one("connection", "upgrade to h2c", "RFC 9113 §3.1", models("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), answered(200)),
	one("connection", "upgrade to h2c with a body", "RFC 9113 §3.1",
		chat("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"+docLength, Doc), passes(Doc)),
	one("connection", "upgrade to websocket", "RFC 6455 §4.2",
		models("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), answered(200)),
	one("connection", "upgrade, and bytes behind it", "RFC 9110 §7.8", models("Connection: Upgrade, close\r\nUpgrade: raw\r\n")+good, last(answered(200))),
	one("connection", "no key", "RFC 9110 §15.5.2", "GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", answered(401)),
	one("connection", "two keys", "RFC 9110 §11.6.2", models("Authorization: Bearer other\r\n"), open(400)),
}

var pipelines = []Case{
	several("two good", "RFC 9112 §9.3.2", good+good, answered(200), answered(200)),
	several("two with bodies", "RFC 9112 §9.3.2", goodChat+goodChat, passes(Doc), passes(Doc)),
	several("answered here, asked there, answered here", "RFC 9112 §9.3.2", good+goodChat+good, answered(200), passes(Doc), answered(200)),
	several("length, then chunks", "RFC 9112 §9.3.2", goodChat+chat(chunked, docChunks)+goodChat, passes(Doc), passes(Doc), passes(Doc)),
	several("fifty deep", "RFC 9112 §9.3.2", strings.Repeat(good, 50), repeat(answered(200), 50)...),
	several("ten deep, with bodies", "RFC 9112 §9.3.2", strings.Repeat(goodChat, 10), repeat(passes(Doc), 10)...),
	several("unknown path between", "RFC 9112 §9.3.2", good+asks("GET /nothing HTTP/1.1")+good, answered(200), answered(404), answered(200)),
	several("no key between", "RFC 9112 §9.3.2", good+strings.Replace(goodChat, auth, "", 1)+good, answered(200), Want{Status: 401, Content: Doc, Keep: true}, answered(200)),
	several("HEAD between", "RFC 9112 §9.3.2", good+asks("HEAD /v1/models HTTP/1.1")+good, answered(200), Want{Status: 200, Head: true, Keep: true}, answered(200)),
	several("empty line between", "RFC 9112 §2.2", goodChat+"\r\n"+good, passes(Doc), open(200)),
	several("LF between", "RFC 9112 §2.2", goodChat+"\n"+good, passes(Doc), strict(400, "")),
	several("empty lines before", "RFC 9112 §2.2", "\r\n\r\n"+good, open(200)),
	several("close, then good", "RFC 9112 §9.6", models(closing)+good, last(answered(200))),
	several("close with a body, then good", "RFC 9112 §9.6", chat(closing+docLength, Doc)+good, last(passes(Doc))),
	several("HTTP/1.0, then good", "RFC 9112 §9.3", asks("GET /v1/models HTTP/1.0")+good, last(answered(200))),
	several("good, then bare LF", "RFC 9112 §2.2", good+"GET /v1/models HTTP/1.1\nHost: a\n\n", answered(200), strict(400, "")),
	several("good, then two lengths", "RFC 9112 §6.3", good+chat("Content-Length: 1\r\n"+docLength, Doc)+good, answered(200), refused(400)),
	several("asked there, then two hosts", "RFC 9112 §3.2", goodChat+models("Host: b\r\n")+good, passes(Doc), refused(400)),
	several("good, then rubbish", "RFC 9112 §3", good+"\x00\x01\x02\r\n\r\n"+good, answered(200), refused(400)),
	several("bad, then good", "RFC 9112 §6.3", chat("Content-Length: x\r\n", Doc)+good, refused(400)),
	several("space before colon, then good", "RFC 9112 §5.1", models("A : b\r\n")+good, refused(400)),
	several("bad chunk, then good", "RFC 9112 §7.1", chat(chunked, "x\r\n"+Doc+"\r\n"+end)+good, refused(400)),
	several("chunk too long by one, then good", "RFC 9112 §7.1", chat(chunked, "c\r\n"+Doc+"\r\n"+end)+good, refused(400)),
	several("chunk too short by one", "RFC 9112 §7.1", chat(chunked, "e\r\n"+Doc+"\r\n"+end), strict(400, Doc+"\r")),
	several("length too short by one, then good", "RFC 9112 §6.3", chat("Content-Length: 12\r\n", Doc)+good,
		Want{Status: 400, Content: Doc[:12], Keep: true}, Want{Rule: May, Status: 400}),
	several("length too long by one, then good", "RFC 9112 §6.3", chat("Content-Length: 14\r\n", Doc)+good,
		Want{Status: 400, Content: Doc + "G", Keep: true}, Want{Rule: May, Status: 501, Keep: true}),
	several("both framings, then good", "RFC 9112 §6.1", chat(docLength+chunked, docChunks)+good, byCoding()),
}

func repeat(w Want, n int) []Want {
	list := make([]Want, n)
	for i := range list {
		list[i] = w
	}
	return list
}
