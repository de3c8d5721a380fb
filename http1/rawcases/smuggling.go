package rawcases

import (
	"slices"
	"strconv"
)

// planted is a request that stands where a reader who is out of step would look for one. Nobody may answer it.
const planted = "GET /v1/models?planted HTTP/1.1\r\nHost: a\r\n" + auth + "\r\n"

// contentLength makes the field for a body.
func contentLength(body string) string {
	return "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
}

func smuggle(name, section, in string, w Want) Case { return one("smuggling", name, section, in, w) }

// byCoding: whoever takes the request has to go by Transfer-Encoding and to close (RFC 9112 §6.1).
func byCoding() Want { return last(strict(400, Doc)) }

var smuggling = slices.Concat(
	[]Case{
		smuggle("CL.TE", "RFC 9112 §6.1", chat(contentLength(docChunks+planted)+chunked, docChunks+planted), byCoding()),
		smuggle("CL.TE, length of the chunk line", "RFC 9112 §6.1", chat("Content-Length: 3\r\n"+chunked, docChunks), byCoding()),
		smuggle("CL.TE, length 0", "RFC 9112 §6.1", chat("Content-Length: 0\r\n"+chunked, docChunks), byCoding()),
		smuggle("TE.CL", "RFC 9112 §6.1", chat(chunked+"Content-Length: 4\r\n", docChunks+planted), byCoding()),
		smuggle("TE.CL, the planted request in a chunk", "RFC 9112 §6.1",
			chat(chunked+"Content-Length: 4\r\n", strconv.FormatInt(int64(len(planted)), 16)+"\r\n"+planted+"\r\n"+end), last(strict(400, planted))),
		smuggle("TE.0: an empty chunked body and a planted request", "RFC 9112 §6.1", chat(chunked+contentLength(end+planted), end+planted), last(strict(400, ""))),
		smuggle("coding in HTTP/1.0, with a length", "RFC 9112 §6.1",
			"POST /v1/chat/completions HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n"+auth+docLength+chunked+"\r\n"+docChunks, byCoding()),
		smuggle("coding in HTTP/1.0", "RFC 9112 §6.1", "POST /v1/chat/completions HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n"+auth+chunked+"\r\n"+docChunks+planted, byCoding()),
		smuggle("length of a GET", "RFC 9110 §9.3.1", models(contentLength(planted))+planted, Want{Status: 200, Content: planted, Keep: true}),
		smuggle("chunks of a GET", "RFC 9110 §9.3.1", models(chunked)+strconv.FormatInt(int64(len(planted)), 16)+"\r\n"+planted+"\r\n"+end, Want{Status: 200, Content: planted, Keep: true}),
		smuggle("length of a HEAD", "RFC 9110 §9.3.2", "HEAD /v1/models HTTP/1.1\r\nHost: a\r\n"+auth+contentLength(planted)+"\r\n"+planted, Want{Status: 200, Content: planted, Keep: true, Head: true}),
		smuggle("length of an OPTIONS", "RFC 9110 §9.3.7", "OPTIONS /v1/models HTTP/1.1\r\nHost: a\r\n"+contentLength(planted)+"\r\n"+planted, Want{Rule: May, Status: 405, Content: planted, Keep: true}),
		smuggle("length of a request to an unknown path", "RFC 9112 §9.3", "POST /nothing HTTP/1.1\r\nHost: a\r\n"+contentLength(planted)+"\r\n"+planted, Want{Status: 404, Content: planted, Keep: true}),
		smuggle("length of a request without a key", "RFC 9112 §9.3", "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"+contentLength(planted)+"\r\n"+planted, Want{Status: 401, Content: planted, Keep: true}),
		smuggle("chunks of a request without a key", "RFC 9112 §9.3", "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"+chunked+"\r\n"+strconv.FormatInt(int64(len(planted)), 16)+"\r\n"+planted+"\r\n"+end, Want{Status: 401, Content: planted}),
		smuggle("no framing, but a body", "RFC 9112 §6.3", chat("Connection: close\r\n", planted), last(answered(400))),
	},
	everyCoding(),
	everyLength(),
)

// everyCoding hides Transfer-Encoding from one of two readers, with a length beside it that fits the other reading.
func everyCoding() []Case {
	body := docChunks + planted
	var cases []Case
	for _, v := range []struct {
		name, section, field string
		w                    Want
	}{
		{"tab", "RFC 9112 §6.1", "Transfer-Encoding:\tchunked", byCoding()},
		{"no space", "RFC 9112 §6.1", "Transfer-Encoding:chunked", byCoding()},
		{"much space", "RFC 9112 §6.1", "Transfer-Encoding: \t  chunked\t ", byCoding()},
		{"capitals", "RFC 9112 §7", "TRANSFER-ENCODING: CHUNKED", byCoding()},
		{"mixed case", "RFC 9112 §7", "tRANSFER-eNCODING: cHUNKED", byCoding()},
		{"comma behind", "RFC 9110 §5.6.1", "Transfer-Encoding: chunked,", byCoding()},
		{"comma before", "RFC 9110 §5.6.1", "Transfer-Encoding: ,chunked", byCoding()},
		{"parameter", "RFC 9112 §7", "Transfer-Encoding: chunked;a=b", byCoding()},
		{"folded", "RFC 9112 §5.2", "Transfer-Encoding:\r\n chunked", byCoding()},
		{"folded with tab", "RFC 9112 §5.2", "Transfer-Encoding:\r\n\tchunked", byCoding()},
		{"behind a bare LF", "RFC 9112 §2.2", "X: y\nTransfer-Encoding: chunked", byCoding()},
		{"identity before", "RFC 9112 §6.1", "Transfer-Encoding: identity, chunked", byCoding()},
		{"identity before, two fields", "RFC 9112 §6.1", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", byCoding()},
		{"unknown before, two fields", "RFC 9112 §6.1", "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", byCoding()},
		{"chunked twice", "RFC 9112 §6.1", "Transfer-Encoding: chunked, chunked", byCoding()},
		{"chunked twice, two fields", "RFC 9112 §6.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", byCoding()},
		{"space before the colon", "RFC 9112 §5.1", "Transfer-Encoding : chunked", refused(400)},
		{"tab before the colon", "RFC 9112 §5.1", "Transfer-Encoding\t: chunked", refused(400)},
		{"vertical tab before", "RFC 9112 §6.3", "Transfer-Encoding: \vchunked", refused(400)},
		{"vertical tab behind", "RFC 9112 §6.3", "Transfer-Encoding: chunked\v", refused(400)},
		{"form feed before", "RFC 9112 §6.3", "Transfer-Encoding: \fchunked", refused(400)},
		{"no-break space before", "RFC 9112 §6.3", "Transfer-Encoding: \xa0chunked", refused(400)},
		{"no-break space in UTF-8 behind", "RFC 9112 §6.3", "Transfer-Encoding: chunked\xc2\xa0", refused(400)},
		{"NUL behind", "RFC 9110 §5.5", "Transfer-Encoding: chunked\x00", refused(400)},
		{"DEL behind", "RFC 9112 §6.3", "Transfer-Encoding: chunked\x7f", refused(400)},
		{"xchunked", "RFC 9112 §6.3", "Transfer-Encoding: xchunked", refused(400)},
		{"chunkedx", "RFC 9112 §6.3", "Transfer-Encoding: chunkedx", refused(400)},
		{"chunk", "RFC 9112 §6.3", "Transfer-Encoding: chunk", refused(400)},
		{"two words", "RFC 9112 §6.3", "Transfer-Encoding: x chunked", refused(400)},
		{"quoted", "RFC 9112 §6.3", "Transfer-Encoding: \"chunked\"", refused(400)},
		{"in single quotes", "RFC 9112 §6.3", "Transfer-Encoding: 'chunked'", refused(400)},
		{"in brackets", "RFC 9112 §6.3", "Transfer-Encoding: [chunked]", refused(400)},
		{"semicolon before", "RFC 9112 §6.3", "Transfer-Encoding: ;chunked", refused(400)},
		{"two colons", "RFC 9112 §6.3", "Transfer-Encoding:: chunked", refused(400)},
		{"equals sign", "RFC 9112 §6.3", "Transfer-Encoding: =chunked", refused(400)},
		{"identity behind", "RFC 9112 §6.3", "Transfer-Encoding: chunked, identity", refused(400)},
		{"identity behind, two fields", "RFC 9112 §6.3", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", refused(400)},
		{"unknown behind, two fields", "RFC 9112 §6.3", "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", refused(400)},
		{"identity alone", "RFC 9112 §6.3", "Transfer-Encoding: identity", refused(400)},
		{"gzip alone", "RFC 9112 §6.3", "Transfer-Encoding: gzip", refused(400)},
		{"words of a list", "RFC 9112 §6.3", "Transfer-Encoding: chunked identity", refused(400)},
		{"Kelvin sign", "RFC 9112 §6.3", "Transfer-Encoding: chun\xe2\x84\xaaed", refused(400)},
	} {
		cases = append(cases,
			smuggle("TE.TE: "+v.name+", length first", v.section, chat(contentLength(body)+v.field+"\r\n", body), v.w),
			smuggle("TE.TE: "+v.name+", short length behind", v.section, chat(v.field+"\r\nContent-Length: 3\r\n", body), v.w))
	}
	// What is not that field: the length decides alone.
	for _, v := range []struct {
		name, section, field string
		w                    Want
	}{
		{"underscore", "RFC 9110 §5.1", "Transfer_Encoding: chunked", passes(Doc)},
		{"other name", "RFC 9110 §5.1", "X-Transfer-Encoding: chunked", passes(Doc)},
		{"letter missing", "RFC 9110 §5.1", "Transfer-Encodin: chunked", passes(Doc)},
		{"TE", "RFC 9110 §10.1.4", "TE: chunked", Want{Rule: May, Status: 200, Content: Doc, Forward: true, Keep: true}},
		{"Content-Transfer-Encoding", "RFC 9110 §5.1", "Content-Transfer-Encoding: chunked", passes(Doc)},
		{"announced as trailer", "RFC 9110 §6.6.2", "Trailer: Transfer-Encoding", Want{Rule: May, Status: 200, Content: Doc, Forward: true, Keep: true}},
		{"hop-by-hop length", "RFC 9110 §7.6.1", "Connection: Content-Length", Want{Rule: May, Status: 200, Content: Doc, Forward: true, Keep: true}},
		{"hop-by-hop host", "RFC 9110 §7.6.1", "Connection: Host", Want{Rule: May, Status: 200, Content: Doc, Forward: true, Keep: true}},
		{"folded into another field", "RFC 9112 §5.2", "X: y\r\n Transfer-Encoding: chunked", strict(400, Doc)},
		{"behind a bare CR", "RFC 9112 §2.2", "X: y\rTransfer-Encoding: chunked", strict(400, Doc)},
		{"behind a NUL", "RFC 9110 §5.5", "X: y\x00Transfer-Encoding: chunked", strict(400, Doc)},
		{"NUL in the name", "RFC 9110 §5.1", "Transfer-Encoding\x00: chunked", strict(400, Doc)},
		{"high byte in the name", "RFC 9110 §5.1", "Transfer-Encoding\xff: chunked", strict(400, Doc)},
		{"quoted name", "RFC 9110 §5.1", "\"Transfer-Encoding\": chunked", strict(400, Doc)},
		{"comma in the name", "RFC 9110 §5.1", "X, Transfer-Encoding: chunked", strict(400, Doc)},
		{"no colon", "RFC 9112 §5", "Transfer-Encoding chunked", strict(400, Doc)},
		{"equals sign for the colon", "RFC 9112 §5", "Transfer-Encoding= chunked", strict(400, Doc)},
		{"empty", "RFC 9112 §6.1", "Transfer-Encoding:", strict(400, Doc)},
	} {
		cases = append(cases, smuggle("no TE: "+v.name, v.section, chat(v.field+"\r\n"+docLength, Doc), v.w))
	}
	return cases
}

// everyLength writes the length in every way that two readers could take differently.
func everyLength() []Case {
	var cases []Case
	for _, v := range []struct {
		name, field string
		w           Want
	}{
		{"leading zero", "Content-Length: 013", passes(Doc)},
		{"many leading zeros", "Content-Length: 000000000000000000000000013", passes(Doc)},
		{"white space around", "Content-Length: \t 13 \t", passes(Doc)},
		{"no space", "Content-Length:13", passes(Doc)},
		{"capitals", "CONTENT-LENGTH: 13", passes(Doc)},
		{"underscore beside it", "Content_Length: 100\r\nContent-Length: 13", passes(Doc)},
		{"equal twice", "Content-Length: 13\r\nContent-Length: 13", strict(400, Doc)},
		{"equal in a list", "Content-Length: 13, 13", strict(400, Doc)},
		{"equal but for a zero", "Content-Length: 13\r\nContent-Length: 013", strict(400, Doc)},
		{"comma behind", "Content-Length: 13,", strict(400, Doc)},
		{"folded", "Content-Length:\r\n 13", strict(400, Doc)},
		{"behind a bare LF", "X: y\nContent-Length: 13", strict(400, Doc)},
		{"different, longer behind", "Content-Length: 13\r\nContent-Length: 130", refused(400)},
		{"different, shorter behind", "Content-Length: 13\r\nContent-Length: 1", refused(400)},
		{"different, 0 first", "Content-Length: 0\r\nContent-Length: 13", refused(400)},
		{"different in a list", "Content-Length: 13, 14", refused(400)},
		{"different, three", "Content-Length: 13\r\nContent-Length: 13\r\nContent-Length: 14", refused(400)},
		{"plus", "Content-Length: +13", refused(400)},
		{"minus", "Content-Length: -13", refused(400)},
		{"minus zero", "Content-Length: -0", refused(400)},
		{"hex", "Content-Length: 0xd", refused(400)},
		{"octal", "Content-Length: 0o15", refused(400)},
		{"hex digit", "Content-Length: d", refused(400)},
		{"decimal point", "Content-Length: 13.0", refused(400)},
		{"exponent", "Content-Length: 13e0", refused(400)},
		{"underscore inside", "Content-Length: 1_3", refused(400)},
		{"space inside", "Content-Length: 1 3", refused(400)},
		{"two words", "Content-Length: 13 13", refused(400)},
		{"parameter", "Content-Length: 13;a=b", refused(400)},
		{"quoted", "Content-Length: \"13\"", refused(400)},
		{"vertical tab", "Content-Length: \v13", refused(400)},
		{"no-break space", "Content-Length: \xa013", refused(400)},
		{"full-width digits", "Content-Length: \xef\xbc\x91\xef\xbc\x93", refused(400)},
		{"superscript", "Content-Length: 13\xc2\xb2", refused(400)},
		{"NUL", "Content-Length: 13\x00", refused(400)},
		{"empty", "Content-Length:", refused(400)},
		{"empty beside it", "Content-Length:\r\nContent-Length: 13", refused(400)},
		{"word", "Content-Length: chunked", refused(400)},
		{"wraps 64 bits", "Content-Length: 18446744073709551629", refused(400)},
		{"beyond 63 bits", "Content-Length: 9223372036854775821", refused(400)},
		{"forty digits", "Content-Length: 1300000000000000000000000000000000000000", refused(400)},
		{"space before the colon", "Content-Length : 13", refused(400)},
		{"folded digit", "Content-Length: 1\r\n 3", refused(400)},
	} {
		cases = append(cases, smuggle("length: "+v.name, "RFC 9112 §6.3", chat(v.field+"\r\n", Doc), v.w))
	}
	return cases
}
