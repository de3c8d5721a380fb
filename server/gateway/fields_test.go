package gateway

import (
	"strings"
	"testing"

	"penstock/http1"
)

// TestFieldsUp names every field of a client that must stay here, and those that applications count on.
func TestFieldsUp(t *testing.T) {
	for _, name := range []string{
		// credentials: ours, those of other gateways, of clouds
		"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "cookie2", "proxy-authorization", "proxy-authenticate", "x-litellm-api-key",
		"helicone-auth", "cf-aig-authorization", "x-portkey-api-key", "ocp-apim-subscription-key", "x-amz-security-token", "x-auth-token", "x-access-token",
		"x-amz-date", "x-amz-content-sha256", "x-ms-client-principal-id", "anthropic-api-key",
		// the same to whoever takes an underscore for a hyphen
		"x_api_key", "api_key", "proxy_authorization", "x_forwarded_for", "transfer_encoding", "content_length", "x-forwarded_for",
		// hop by hop, framing, addressing
		"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings", "host", "content-length", "expect",
		"accept-encoding", "content-encoding", "user-agent", "content-md5", "content-digest", "repr-digest", "digest", "signature", "signature-input",
		// who asks, from where, for what
		"forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "x-original-url",
		"x-rewrite-url", "x-original-host", "x-http-method-override", "x-http-method", "x-method-override", "true-client-ip", "x-client-ip", "cf-connecting-ip",
		"cf-ray", "cdn-loop", "x-envoy-retry-on", "openai-organization", "openai-project", "anthropic-workspace-id", "x-goog-user-project", "x-hf-bill-to",
		// browsers, telemetry, the gateway's own
		"origin", "referer", "sec-fetch-site", "sec-websocket-key", "access-control-request-method", "x-stainless-lang", "penstock-provider", "penstock-anything",
	} {
		if passesUp([]byte(name)) && !http1.HopByHop([]byte(name)) {
			t.Errorf("%s goes on to the provider", name)
		}
	}
	for _, name := range []string{
		"openai-beta", "anthropic-beta", "anthropic-version", "anthropic-dangerous-direct-browser-access", "anthropic-user-profile-id", "x-request-id",
		"x-client-request-id", "idempotency-key", "traceparent", "tracestate", "baggage", "x-session-id", "session_id", "http-referer", "x-title",
		"x-new-field", "x-vendor-author", "x-query", "x-branch", "x-amzn-bedrock-guardrailidentifier", "aoai-evals", "accept-language", "if-none-match", "range",
		strings.Repeat("x", 100) + "_y",
	} {
		if !passesUp([]byte(name)) {
			t.Errorf("%s does not go on to the provider", name)
		}
	}
}

// TestFieldsDown names every field of a provider that must stay here, and those that official clients and applications read.
func TestFieldsDown(t *testing.T) {
	for _, name := range []string{
		"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "content-md5", "content-digest",
		"openai-organization", "openai-project", "anthropic-organization-id", "anthropic-workspace-id",
		"server", "via", "x-powered-by", "x-served-by", "x-cache", "cf-ray", "cf-cache-status", "x-envoy-upstream-service-time", "x-amz-cf-id", "server-timing",
		"set-cookie", "set-cookie2", "location", "content-location", "refresh", "www-authenticate", "proxy-authenticate", "proxy-authentication-info",
		"authentication-info", "alt-svc", "strict-transport-security", "public-key-pins", "expect-ct", "report-to", "reporting-endpoints", "nel",
		"clear-site-data", "service-worker-allowed", "access-control-allow-origin", "access-control-allow-credentials", "penstock-anything",
	} {
		if passesDown([]byte(name)) {
			t.Errorf("%s goes on to the client", name)
		}
	}
	for _, name := range []string{
		"content-type", "date", "x-request-id", "request-id", "apim-request-id", "x-ms-region", "openai-processing-ms", "openai-version", "openai-model",
		"retry-after", "retry-after-ms", "x-should-retry", "x-ratelimit-limit-requests", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
		"anthropic-ratelimit-tokens-reset", "anthropic-priority-input-tokens-limit", "x-groq-region", "x-generation-id", "fireworks-prompt-tokens",
		"cache-control", "vary", "etag", "x-content-type-options", "x-new-field", "content-disposition", "deprecation", "sunset", "warning",
	} {
		if !passesDown([]byte(name)) {
			t.Errorf("%s does not go on to the client", name)
		}
	}
}

// TestPrefixLists keeps the lists in the order that the search counts on.
func TestPrefixLists(t *testing.T) {
	for _, list := range [][]string{stayUp, stayDown} {
		for i, prefix := range list {
			if i > 0 && list[i-1][0] > prefix[0] {
				t.Errorf("%q stands after %q", prefix, list[i-1])
			}
			if !hasAnyPrefix([]byte(prefix), list) || !hasAnyPrefix([]byte(prefix+"x"), list) || hasAnyPrefix([]byte(prefix[:len(prefix)-1]), list) {
				t.Errorf("%q is not found as it should be", prefix)
			}
		}
	}
}

func TestQueryWithoutCredentials(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "a=b": "a=b", "key=s": "", "key": "", "a=b&key=s": "a=b", "key=s&a=b": "a=b", "a=b&key=s&c=d": "a=b&c=d", "key=s&key=t&access_token=u": "",
		"api_key=s&api-key=s&apikey=s&subscription-key=s&x=": "x=", "monkey=1&keys=2&a=key=3": "monkey=1&keys=2&a=key=3", "&key=s&": "&", "after=file-1&limit=2": "after=file-1&limit=2",
	} {
		got := query
		if holdsCredential([]byte(query)) {
			got = string(appendWithoutCredentials(nil, []byte(query)))
		}
		if got != want {
			t.Errorf("%q becomes %q, want %q", query, got, want)
		}
	}
}

func BenchmarkPassesUp(b *testing.B) {
	names := [][]byte{[]byte("anthropic-beta"), []byte("x-request-id"), []byte("x-stainless-lang"), []byte("traceparent"), []byte("user-agent")}
	b.ReportAllocs()
	for b.Loop() {
		for _, n := range names {
			passesUp(n)
		}
	}
}
