package gateway

import (
	"bytes"

	"penstock/http1"
)

// passesUp says whether a client's field goes on to the provider (name in lower case). What the gateway does not know passes, so that a
// vendor's next header works on the day it appears. What stays here:
//   - credentials: they are the gateway's, or another gateway's that the application was set up for, never the provider's;
//   - what is settled hop by hop or by the upstream request's own head: framing, addressing, encodings of the response, which would hide
//     the usage, and digests of a body in which the model may be patched;
//   - what names or overrides who asks for what: forwarded addresses, other methods and paths, accounts to be billed;
//   - what browsers and edges put in, and the client library's telemetry.
//
// An underscore counts as a hyphen: servers behind CGI-like interfaces take them for the same name.
func passesUp(name []byte) bool {
	var spelt [64]byte
	if bytes.IndexByte(name, '_') >= 0 && len(name) <= len(spelt) {
		n := copy(spelt[:], name)
		name = spelt[:n]
		for i, c := range name {
			if c == '_' {
				name[i] = '-'
			}
		}
	}
	switch string(name) {
	case "authorization", "cookie", "cookie2", "host", "http2-settings", "content-length", "expect",
		"accept-encoding", "content-encoding", "user-agent", "content-md5", "digest", "content-digest", "repr-digest", "signature", "signature-input",
		"forwarded", "via", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip", "cdn-loop",
		"x-http-method-override", "x-http-method", "x-method-override", "x-rewrite-url",
		"openai-organization", "openai-project", "anthropic-workspace-id", "x-goog-user-project", "x-hf-bill-to",
		"origin", "referer":
		return false
	}
	return !http1.HopByHop(name) && !hasAnyPrefix(name, stayUp) && !endsLikeCredential(name)
}

// stayUp are the beginnings of names that passesUp keeps here.
var stayUp = []string{
	"access-control-", "cf-", "penstock-", "proxy-", "sec-", "x-amz-", "x-envoy-", "x-forwarded-", "x-ms-client-principal", "x-original-",
	"x-stainless-",
}

// endsLikeCredential finds x-api-key, api-key, x-goog-api-key, and what other gateways and clouds call theirs, such as helicone-auth,
// cf-aig-authorization or ocp-apim-subscription-key.
func endsLikeCredential(name []byte) bool {
	switch name[len(name)-1] {
	case 'y':
		return hasSuffix(name, "api-key") || hasSuffix(name, "-subscription-key")
	case 'n':
		return hasSuffix(name, "authorization") || hasSuffix(name, "auth-token") || hasSuffix(name, "access-token") || hasSuffix(name, "security-token")
	case 'h':
		return hasSuffix(name, "-auth")
	}
	return false
}

// passesDown says whether a provider's field goes on to the client (name in lower case). What applications read passes: request ids,
// rate limits, retry hints, processing times, and what the gateway does not know. What stays here: framing, which is the gateway's own,
// digests of a body from which something may be stripped, what names the operator's account or the provider's front end, and what
// would act on the client as if the provider were the gateway: cookies, redirects, challenges, and all that tells browsers what they
// may do with this origin.
func passesDown(name []byte) bool {
	switch string(name) {
	case "content-length", "content-md5", "digest", "content-digest", "repr-digest", "signature", "signature-input",
		"openai-organization", "openai-project", "anthropic-organization-id", "anthropic-workspace-id",
		"server", "via", "x-powered-by", "x-served-by", "x-cache", "x-azure-ref", "server-timing",
		"set-cookie", "set-cookie2", "location", "content-location", "refresh", "www-authenticate", "authentication-info",
		"alt-svc", "strict-transport-security", "expect-ct", "report-to", "reporting-endpoints", "nel", "clear-site-data", "service-worker-allowed":
		return false
	}
	return !http1.HopByHop(name) && !hasAnyPrefix(name, stayDown)
}

// stayDown are the beginnings of names that passesDown keeps here.
var stayDown = []string{"access-control-", "cf-", "penstock-", "proxy-", "public-key-pins", "x-amz-cf-", "x-envoy-"}

// hasAnyPrefix looks for name's beginning in a list that is sorted by its first bytes.
func hasAnyPrefix(name []byte, list []string) bool {
	for _, prefix := range list {
		if prefix[0] > name[0] {
			return false
		}
		if prefix[0] == name[0] && len(name) >= len(prefix) && string(name[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}

func hasSuffix(name []byte, suffix string) bool {
	return len(name) >= len(suffix) && string(name[len(name)-len(suffix):]) == suffix
}

// appendWithoutCredentials appends a query without the parameters that hold a client's key, as Google's clients send it.
func appendWithoutCredentials(dst, query []byte) []byte {
	first := true
	for part := range bytes.SplitSeq(query, ampersand) {
		if isCredentialParameter(part) {
			continue
		}
		if !first {
			dst = append(dst, '&')
		}
		dst, first = append(dst, part...), false
	}
	return dst
}

var ampersand = []byte("&")

func holdsCredential(query []byte) bool {
	for len(query) > 0 {
		n := bytes.IndexByte(query, '&')
		if n < 0 {
			return isCredentialParameter(query)
		}
		if isCredentialParameter(query[:n]) {
			return true
		}
		query = query[n+1:]
	}
	return false
}

func isCredentialParameter(part []byte) bool {
	if n := bytes.IndexByte(part, '='); n >= 0 {
		part = part[:n]
	}
	switch string(part) {
	case "key", "api_key", "api-key", "apikey", "access_token", "subscription-key":
		return true
	}
	return false
}

func lowerInto(dst, name []byte) []byte {
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func hasPrefixFold(b []byte, lower string) bool {
	return len(b) >= len(lower) && equalFold(b[:len(lower)], lower)
}
