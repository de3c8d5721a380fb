package gateway

import "bytes"

// passesUp says whether a client's field goes on to the provider (name in lower case, hop-by-hop ones are out already). What the
// gateway does not know passes, so that a vendor's next header works on the day it appears. What stays here: the client's credentials
// (they are the gateway's, not the provider's), framing and addressing that the upstream request has of its own, what would have
// the provider encode the response so that usage cannot be read, and the client library's telemetry.
func passesUp(name []byte) bool {
	switch string(name) {
	case "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization",
		"host", "content-length", "expect", "accept-encoding", "user-agent", "content-encoding",
		"openai-organization", "openai-project", "forwarded", "via", "x-real-ip", "origin", "referer",
		"penstock-provider":
		return false
	}
	return !bytes.HasPrefix(name, []byte("x-stainless-")) && !bytes.HasPrefix(name, []byte("x-forwarded-")) &&
		!bytes.HasPrefix(name, []byte("sec-")) && !bytes.HasPrefix(name, []byte("access-control-"))
}

// passesDown says whether a provider's field goes on to the client (name in lower case). What stays here: framing, which is the
// gateway's own, and what belongs to the provider's front end or names the operator's account.
func passesDown(name []byte) bool {
	switch string(name) {
	case "content-length", "set-cookie", "alt-svc", "server", "via", "strict-transport-security", "report-to", "nel",
		"openai-organization", "openai-project", "anthropic-organization-id", "anthropic-workspace-id",
		"x-envoy-upstream-service-time", "cf-ray", "cf-cache-status", "www-authenticate":
		return false
	}
	return true
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
