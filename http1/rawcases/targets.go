package rawcases

import (
	"slices"
	"strings"
)

// asks makes a request of a request line, with the fields that every request has.
func asks(requestLine string) string { return requestLine + "\r\nHost: a\r\n" + auth + "\r\n" }

// open: other servers may refuse it, ours answers it with status.
func open(status int) Want { return Want{Rule: May, Status: status, Keep: true} }

var targets = slices.Concat(
	[]Case{
		one("target", "origin form", "RFC 9112 §3.2.1", asks("GET /v1/models HTTP/1.1"), answered(200)),
		one("target", "origin form with query", "RFC 9112 §3.2.1", asks("GET /v1/models?limit=5&x HTTP/1.1"), answered(200)),
		one("target", "absolute form", "RFC 9112 §3.2.2", asks("GET http://a/v1/models HTTP/1.1"), open(200)),
		one("target", "absolute form, scheme in capitals", "RFC 9112 §3.2.2", asks("GET HTTP://A/v1/models HTTP/1.1"), open(200)),
		one("target", "absolute form, Host disagrees", "RFC 9112 §3.2.2", asks("GET http://b/v1/models HTTP/1.1"), open(200)),
		one("target", "absolute form, Host has a port", "RFC 9112 §3.2.2", "GET http://a/v1/models HTTP/1.1\r\nHost: a:81\r\n"+auth+"\r\n", open(200)),
		one("target", "absolute form with a body", "RFC 9112 §3.2.2",
			strings.Replace(chat(docLength, Doc), "POST /", "POST http://a/", 1), Want{Rule: May, Status: 200, Content: Doc, Forward: true, Keep: true}),
		one("target", "absolute form without Host", "RFC 9112 §3.2", "GET http://a/v1/models HTTP/1.1\r\n"+auth+"\r\n", refused(400)),
		one("target", "asterisk form", "RFC 9110 §9.3.7", asks("OPTIONS * HTTP/1.1"), Want{Rule: May, Status: 405, Keep: true, Own: true}),
		one("target", "asterisk with GET", "RFC 9112 §3.2.4", asks("GET * HTTP/1.1"), strict(400, "")),
		one("target", "authority form", "RFC 9110 §9.3.6", asks("CONNECT a:443 HTTP/1.1"), open(501)),
		one("target", "CONNECT to a path", "RFC 9112 §3.2.3", asks("CONNECT /v1/models HTTP/1.1"), strict(400, "")),
		one("target", "GET with authority form", "RFC 9112 §3.2", asks("GET a:443 HTTP/1.1"), strict(400, "")),
		one("target", "unknown path", "RFC 9110 §15.5.5", asks("GET /nothing HTTP/1.1"), answered(404)),
		one("target", "root", "RFC 9112 §3.2.1", asks("GET / HTTP/1.1"), answered(404)),
		one("target", "slash behind", "RFC 3986 §6.2.3", asks("GET /v1/models/ HTTP/1.1"), answered(404)),
		one("target", "two slashes", "RFC 3986 §6.2.2", asks("GET //v1/models HTTP/1.1"), open(404)),
		one("target", "dot segments", "RFC 3986 §6.2.2.3", asks("GET /v1/x/../models HTTP/1.1"), open(404)),
		one("target", "dot segments out of the root", "RFC 3986 §6.2.2.3", asks("GET /../../etc/passwd HTTP/1.1"), open(404)),
		one("target", "dot segments in escapes", "RFC 3986 §6.2.2", asks("GET /v1/%2e%2e/models HTTP/1.1"), open(404)),
		one("target", "slash in escapes", "RFC 3986 §2.2", asks("GET /v1%2fmodels HTTP/1.1"), open(404)),
		one("target", "backslash", "RFC 3986 §2", asks("GET /v1\\models HTTP/1.1"), open(404)),
		one("target", "semicolon", "RFC 3986 §3.3", asks("GET /v1/models;a=b HTTP/1.1"), answered(404)),
		one("target", "fragment", "RFC 9112 §3.2", asks("GET /v1/models#top HTTP/1.1"), strict(400, "")),
		one("target", "space", "RFC 9112 §3.2", asks("GET /v1/mod els HTTP/1.1"), refused(400)),
		one("target", "lone percent sign", "RFC 3986 §2.1", asks("GET /v1/models% HTTP/1.1"), strict(400, "")),
		one("target", "bad escape", "RFC 3986 §2.1", asks("GET /v1/models%zz HTTP/1.1"), strict(400, "")),
		one("target", "escaped NUL", "RFC 3986 §2.1", asks("GET /v1/models%00 HTTP/1.1"), strict(400, "")),
		one("target", "escaped CRLF", "RFC 3986 §2.1", asks("GET /v1/models%0d%0aX:%20y HTTP/1.1"), open(404)),
		one("target", "UTF-8", "RFC 3986 §2", asks("GET /v1/mod\xc3\xa9ls HTTP/1.1"), strict(400, "")),
		one("target", "8000 bytes", "RFC 9112 §3", asks("GET /"+strings.Repeat("a", 7986)+" HTTP/1.1"), answered(404)),

		one("method", "HEAD", "RFC 9110 §9.3.2", asks("HEAD /v1/models HTTP/1.1"), Want{Status: 200, Keep: true, Head: true}),
		one("method", "HEAD where only POST is", "RFC 9110 §9.3.2", asks("HEAD /v1/chat/completions HTTP/1.1"), Want{Status: 405, Keep: true, Head: true}),
		one("method", "HEAD of an unknown path", "RFC 9110 §9.3.2", asks("HEAD /nothing HTTP/1.1"), Want{Status: 404, Keep: true, Head: true}),
		one("method", "HEAD, refused head", "RFC 9110 §9.3.2", "HEAD /v1/models HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", Want{Rule: Refuse, Status: 400, Head: true}),
		one("method", "HEAD, no Host", "RFC 9110 §9.3.2", "HEAD /v1/models HTTP/1.1\r\n\r\n", Want{Rule: Refuse, Status: 400, Head: true}),
		one("method", "HEAD, other version", "RFC 9110 §9.3.2", asks("HEAD /v1/models HTTP/2.0"), Want{Rule: May, Status: 505, Head: true}),
		one("method", "HEAD, no key", "RFC 9110 §9.3.2", "HEAD /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", Want{Status: 401, Keep: true, Head: true}),
		one("method", "HEAD, expectation", "RFC 9110 §9.3.2", "HEAD /v1/models HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", Want{Rule: May, Status: 417, Head: true}),
		one("method", "GET where only POST is", "RFC 9110 §15.5.6", asks("GET /v1/chat/completions HTTP/1.1"), answered(405)),
		one("method", "POST where only GET is", "RFC 9110 §15.5.6", "POST /v1/models HTTP/1.1\r\nHost: a\r\n"+auth+docLength+"\r\n"+Doc, Want{Status: 405, Content: Doc, Keep: true}),
		one("method", "PUT", "RFC 9110 §15.5.6", asks("PUT /v1/models HTTP/1.1"), open(405)),
		one("method", "PATCH", "RFC 9110 §15.5.6", asks("PATCH /v1/models HTTP/1.1"), open(405)),
		one("method", "DELETE", "RFC 9110 §15.5.6", asks("DELETE /v1/models HTTP/1.1"), open(405)),
		one("method", "OPTIONS", "RFC 9110 §9.3.7", asks("OPTIONS /v1/models HTTP/1.1"), Want{Rule: May, Status: 405, Keep: true, Own: true}),
		one("method", "TRACE", "RFC 9110 §9.3.8", asks("TRACE /v1/models HTTP/1.1"), Want{Rule: May, Status: 405, Keep: true, Own: true}),
		one("method", "unknown", "RFC 9110 §9.1", asks("BREW /v1/models HTTP/1.1"), open(501)),
		one("method", "of another protocol", "RFC 9110 §9.1", asks("PROPFIND /v1/models HTTP/1.1"), open(501)),
		one("method", "lower case", "RFC 9110 §9.1", asks("get /v1/models HTTP/1.1"), open(501)),
		one("method", "without end", "RFC 9112 §3", strings.Repeat("A", 40)+" /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", strict(501, "")),

		one("version", "HTTP/1.0", "RFC 9112 §9.3", asks("GET /v1/models HTTP/1.0"), last(answered(200))),
		one("version", "HTTP/1.0 without Host", "RFC 9112 §3.2", "GET /v1/models HTTP/1.0\r\n"+auth+"\r\n", last(answered(200))),
		one("version", "HTTP/1.0 with keep-alive", "RFC 9112 §9.3", "GET /v1/models HTTP/1.0\r\nConnection: keep-alive\r\n"+auth+"\r\n", answered(200)),
		one("version", "HTTP/1.0 with a body", "RFC 9112 §6.3", strings.Replace(chat(docLength, Doc), "/1.1", "/1.0", 1), last(passes(Doc))),
		one("version", "HTTP/1.2", "RFC 9110 §6.2", asks("GET /v1/models HTTP/1.2"), open(200)),
		one("version", "HTTP/1.9 with a body", "RFC 9110 §6.2", strings.Replace(chat(docLength, Doc), "/1.1", "/1.9", 1), Want{Rule: May, Status: 200, Content: Doc, Forward: true, Keep: true}),
		one("version", "HTTP/1.10", "RFC 9112 §2.3", asks("GET /v1/models HTTP/1.10"), strict(400, "")),
		one("version", "HTTP/01.1", "RFC 9112 §2.3", asks("GET /v1/models HTTP/01.1"), strict(400, "")),
		one("version", "HTTP/2.0", "RFC 9110 §15.6.6", asks("GET /v1/models HTTP/2.0"), strict(505, "")),
		one("version", "HTTP/3.0", "RFC 9110 §15.6.6", asks("GET /v1/models HTTP/3.0"), strict(505, "")),
		one("version", "preface of HTTP/2", "RFC 9113 §3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", strict(505, "")),
		one("version", "lower case", "RFC 9112 §2.3", asks("GET /v1/models http/1.1"), strict(400, "")),
		one("version", "none", "RFC 9112 §3", "GET /v1/models\r\n", strict(400, "")),
	},
	everyHost(),
)

// everyHost puts the Host field of the codec's table before a request with a body.
func everyHost() []Case {
	var cases []Case
	for _, v := range []struct {
		name, fields string
		w            Want
	}{
		{"none", "", refused(400)},
		{"twice", "Host: a\r\nHost: b\r\n", refused(400)},
		{"twice, equal", "Host: a\r\nHost: a\r\n", refused(400)},
		{"list", "Host: a, b\r\n", refused(400)},
		{"user", "Host: u@a\r\n", refused(400)},
		{"path", "Host: a/b\r\n", refused(400)},
		{"query", "Host: a?b\r\n", refused(400)},
		{"space", "Host: a b\r\n", refused(400)},
		{"bad port", "Host: a:8x\r\n", refused(400)},
		{"NUL", "Host: a\x00b\r\n", strict(400, Doc)},
		{"space before the colon", "Host : a\r\n", refused(400)},
		{"folded", "Host:\r\n a\r\n", strict(400, Doc)},
		{"empty", "Host:\r\n", Want{Rule: May, Status: 200, Content: Doc, Forward: true, Keep: true}},
		{"port", "Host: a:8080\r\n", passes(Doc)},
		{"IPv6", "Host: [::1]:8080\r\n", passes(Doc)},
	} {
		in := "POST /v1/chat/completions HTTP/1.1\r\n" + v.fields + auth + docLength + "\r\n" + Doc
		cases = append(cases, one("host", v.name, "RFC 9112 §3.2", in, v.w))
	}
	return cases
}
