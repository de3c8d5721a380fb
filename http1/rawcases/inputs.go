package rawcases

import "strings"

const expects = "Expect: 100-continue\r\n"

var expectations = []Case{
	{Family: "expect", Name: "body after the head", Section: "RFC 9110 §10.1.1", Send: []string{chat(expects+docLength, ""), Doc}, Want: []Want{interim(passes(Doc))}},
	{Family: "expect", Name: "chunks after the head", Section: "RFC 9110 §10.1.1", Send: []string{chat(expects+chunked, ""), docChunks}, Want: []Want{interim(passes(Doc))}},
	{Family: "expect", Name: "capitals", Section: "RFC 9110 §10.1.1", Send: []string{chat("EXPECT: 100-CONTINUE\r\n"+docLength, ""), Doc}, Want: []Want{interim(passes(Doc))}},
	{
		Family: "expect", Name: "body in pieces, and another request", Section: "RFC 9110 §10.1.1",
		Send: []string{chat(expects+docLength, ""), Doc[:5], Doc[5:] + good}, Want: []Want{interim(passes(Doc)), answered(200)},
	},
	one("expect", "no body", "RFC 9110 §10.1.1", models(expects), answered(200)),
	one("expect", "empty body", "RFC 9110 §10.1.1", chat(expects+"Content-Length: 0\r\n", ""), answered(400)),
	one("expect", "HTTP/1.0", "RFC 9110 §10.1.1", strings.Replace(chat(expects+docLength, Doc), "/1.1", "/1.0", 1), last(passes(Doc))),
	one("expect", "no key", "RFC 9110 §10.1.1", strings.Replace(chat(expects+docLength, ""), auth, "", 1), Want{Rule: May, Status: 401}),
	one("expect", "unknown path", "RFC 9110 §10.1.1", "POST /nothing HTTP/1.1\r\nHost: a\r\n"+expects+docLength+"\r\n", Want{Rule: May, Status: 404}),
	one("expect", "too large a body", "RFC 9110 §10.1.1", chat(expects+"Content-Length: 99999999999\r\n", ""), Want{Rule: May, Status: 413}),
	one("expect", "something else", "RFC 9110 §10.1.1", chat("Expect: the-best\r\n"+docLength, Doc), strict(417, Doc)),
	one("expect", "something else beside it", "RFC 9110 §10.1.1", chat("Expect: 100-continue, x=y\r\n"+docLength, Doc), strict(417, Doc)),
}

func interim(w Want) Want {
	w.Interim = true
	return w
}

// breaks is a case whose input ends too early: no request came, so there is none to be answered.
func breaks(name, in string) Case {
	return Case{Family: "input", Name: "ends " + name, Section: "RFC 9112 §8", Send: []string{in}, Input: Shut, Want: []Want{{Rule: Refuse}}}
}

// stalls is a case whose input does not go on.
func stalls(name, in string, status int) Case {
	return Case{Family: "input", Name: "stalls " + name, Section: "RFC 9110 §15.5.9", Send: []string{in}, Input: Stall, Want: []Want{{Rule: Refuse, Status: status}}}
}

// slow is a case whose input comes in pieces.
func slow(name string, w Want, pieces ...string) Case {
	return Case{Family: "input", Name: "slow " + name, Section: "RFC 9112 §2.1", Send: pieces, Want: []Want{w}}
}

var inputs = []Case{
	breaks("before it begins", ""),
	breaks("after an empty line", "\r\n"),
	breaks("in the method", "PO"),
	breaks("in the target", "GET /v1/mod"),
	breaks("in the version", "GET /v1/models HTTP/1."),
	breaks("after the request line", "GET /v1/models HTTP/1.1\r\n"),
	breaks("in a field", "GET /v1/models HTTP/1.1\r\nHost: a\r\nA: "),
	breaks("before the last LF", strings.TrimSuffix(good, "\n")),
	breaks("before the body", chat(docLength, "")),
	breaks("in the body", chat(docLength, Doc[:12])),
	breaks("before the first chunk", chat(chunked, "")),
	breaks("in a chunk size", chat(chunked, "d")),
	breaks("in a chunk", chat(chunked, "d\r\n"+Doc[:12])),
	breaks("after a chunk", chat(chunked, docChunk)),
	breaks("in the last chunk", chat(chunked, docChunk+"0\r\n")),
	breaks("in the trailers", chat(chunked, docChunk+"0\r\nA: b\r\n")),
	breaks("before the last LF of the chunks", chat(chunked, strings.TrimSuffix(docChunks, "\n"))),
	{Family: "input", Name: "ends after a request", Section: "RFC 9112 §9.6", Send: []string{good}, Input: Shut, Want: []Want{{Rule: May, Status: 200}}},
	{Family: "input", Name: "ends in the second request", Section: "RFC 9112 §8", Send: []string{good + "GET /v1/mo"}, Input: Shut, Want: []Want{open(200), {Rule: Refuse}}},

	stalls("in the request line", "GET /v1/mod", 408),
	stalls("in the fields", "GET /v1/models HTTP/1.1\r\nHost: a\r\nA: b", 408),
	stalls("after an empty line", "\r\n", 408),
	stalls("before the body", chat(docLength, ""), 408),
	stalls("in the body", chat(docLength, Doc[:7]), 408),
	stalls("in a chunk", chat(chunked, "d\r\n"+Doc[:7]), 408),
	stalls("in the trailers", chat(chunked, docChunk+"0\r\nA: b\r\n"), 408),
	{
		Family: "input", Name: "stalls after 100 (Continue)", Section: "RFC 9110 §15.5.9", Send: []string{chat(expects+docLength, "")}, Input: Stall,
		Want: []Want{{Rule: Refuse, Status: 408, Interim: true}},
	},

	slow("head", answered(200), "GE", "T /v1/mod", "els HTTP/1.1\r", "\nHost: a\r\nAuthor", "ization: Bearer "+Key, "\r\n\r", "\n"),
	slow("body", passes(Doc), chat(docLength, Doc[:1]), Doc[1:4], Doc[4:12], Doc[12:]),
	slow("chunks", passes(Doc), chat(chunked, ""), "5\r", "\n"+Doc[:4], Doc[4:5]+"\r", "\n8;a", "=b\r\n", Doc[5:], "\r\n0", "\r\n", "A: b\r\n", "\r", "\n"),
	slow("pipeline", answered(200), good[:20], good[20:]),
}

var limits = []Case{
	one("limit", "length beyond any bound", "RFC 9110 §15.5.14", chat("Content-Length: 999999999999\r\n", Doc), Want{Rule: May, Status: 413}),
	one("limit", "length of 32 bits and Doc's", "RFC 9110 §15.5.14", chat("Content-Length: 4294967309\r\n", Doc), Want{Rule: May, Status: 413}),
	one("limit", "chunk beyond any bound, announced", "RFC 9110 §15.5.14", chat(chunked, "ffffffffff\r\n"), Want{Rule: May, Status: 413}),
	one("limit", "largest chunk", "RFC 9110 §15.5.14", chat(chunked, "7fffffffffffffff\r\n"+Doc), Want{Rule: May, Status: 413}),
	one("limit", "small chunk, then one beyond any bound", "RFC 9110 §15.5.14", chat(chunked, docChunk+"ffffffffff\r\n"+Doc), Want{Rule: May, Status: 413}),
	one("limit", "chunks that overflow together", "RFC 9110 §15.5.14", chat(chunked, docChunk+"7ffffffffffffff3\r\n"+Doc), Want{Rule: May, Status: 413}),
	one("limit", "request line beyond any bound", "RFC 9110 §15.5.15", asks("GET /"+strings.Repeat("a", 40<<10)+" HTTP/1.1"), strict(414, "")),
	one("limit", "field beyond any bound", "RFC 6585 §5", models("A: "+strings.Repeat("a", 40<<10)+"\r\n"), strict(431, "")),
	one("limit", "fields beyond any bound", "RFC 6585 §5", models(strings.Repeat("A: b\r\n", 2000)), strict(431, "")),
	one("limit", "name beyond any bound", "RFC 6585 §5", models(strings.Repeat("A", 40<<10)+": b\r\n"), strict(431, "")),
	one("limit", "sixty fields", "RFC 6585 §5", models(strings.Repeat("A: b\r\n", 60)), answered(200)),
	one("limit", "4 KiB of a field", "RFC 6585 §5", models("A: "+strings.Repeat("a", 4<<10)+"\r\n"), answered(200)),
}
