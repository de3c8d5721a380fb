package config

// shape is what a key holds; it decides how the value is read and what the reference says.
type shape uint8

const (
	shapeMap     shape = iota // a map with the keys below
	shapeMaps                 // a list of such maps
	shapeText                 // free text
	shapeTexts                // a list of text
	shapeChoice               // one of the choices
	shapeSecret               // text that is never shown; file:/path and ${NAME} welcome
	shapeSecrets              // a map of name to secret
	shapeBool
	shapeCount    // a whole number
	shapeRatio    // a number that may have a fraction
	shapeSize     // bytes
	shapeDuration // time
)

// shapes names each shape for the reference, and says for faults what would do instead of another shape, and how a right
// value looks.
var shapes = [...]struct{ name, want, example string }{
	shapeMap:      {"map", "a map of keys is needed", ""},
	shapeMaps:     {"list of maps", "a list is needed", ""},
	shapeText:     {"text", "text is needed", ""},
	shapeTexts:    {"list of text", "a list is needed", ""},
	shapeChoice:   {"choice", "", ""},
	shapeSecret:   {"secret", "text is needed", ""},
	shapeSecrets:  {"map of secrets", "a map of names and values is needed", ""},
	shapeBool:     {"true or false", "true or false is needed", ""},
	shapeCount:    {"number", "a whole number is needed", "such as 100"},
	shapeRatio:    {"number", "a number is needed", "such as 0.5"},
	shapeSize:     {"size", "a size is needed", "such as 64KiB, 10MiB, 1GB or plain bytes"},
	shapeDuration: {"time", "a time is needed", "with a unit, such as 500ms, 60s, 5m or 1h"},
}

// field is one row of the table of keys. The table is the only place where a key, its default and its range are written:
// parser, unknown-key check, faults and the reference all read it.
type field struct {
	path    string // from the root; [] after a key whose list the next one stands in
	shape   shape
	def     string // default, as it would be written; "" = none, or said in meaning
	low     string // least and most value, as they would be written; "" = no bound
	high    string
	choices []string
	meaning string // for the reference
}

var fields = []field{
	{path: "listen", shape: shapeMaps, def: "127.0.0.1:8080", meaning: "Where clients connect: one address, a list of addresses, or a list of maps."},
	{path: "listen[].address", shape: shapeText, meaning: "`host:port` or `unix:/path`. Port 0 lets the system pick one; `:8080` is every address of the host. Required in a map."},
	{path: "listen[].tls", shape: shapeMap, meaning: "Encrypts this listener. Reloaded when the files change."},
	{path: "listen[].tls.cert", shape: shapeText, meaning: "PEM file of the certificate chain. Required with `key`, unless `certificates` has some."},
	{path: "listen[].tls.key", shape: shapeText, meaning: "PEM file of its private key."},
	{path: "listen[].tls.certificates", shape: shapeMaps, meaning: "Further certificates. Each client gets the first one, `cert` before these, that is for the name it asks for (SNI); else the first of all."},
	{path: "listen[].tls.certificates[].cert", shape: shapeText, meaning: "PEM file of a certificate chain. Required."},
	{path: "listen[].tls.certificates[].key", shape: shapeText, meaning: "PEM file of its private key. Required."},
	{path: "listen[].tls.client_ca", shape: shapeText, meaning: "PEM file of the authorities whose certificates clients present. Default: clients present none."},
	{path: "listen[].tls.client_auth", shape: shapeChoice, choices: clientAuthNames, meaning: "`require`: no connection without a certificate of `client_ca`. `request`: without one as well, but never with a wrong one. Default: `require` with `client_ca`."},
	{path: "admin", shape: shapeMap, def: "127.0.0.1:9090", meaning: "Metrics, health, pprof and API, apart from the clients: an address, `off` for none, or a map."},
	{path: "admin.address", shape: shapeText, def: "127.0.0.1:9090", meaning: "`host:port` or `unix:/path`, never the clients' address. One that others than this host can reach needs a `token`."},
	{path: "admin.token", shape: shapeSecret, meaning: "Bearer token that every request must carry but those for `/healthz` and `/readyz`; at least 16 characters."},
	{path: "auth", shape: shapeChoice, choices: authModeNames, meaning: "`keys`: clients present one of the `keys`. `none`: everyone may ask. Default: `keys` when there are any, else `none` as long as only this host can connect."},
	{path: "auth_insecure", shape: shapeBool, def: "false", meaning: "Accepts `auth: none` on an address that others can reach."},
	{path: "loops", shape: shapeCount, def: "0", low: "0", high: "1024", meaning: "Event loops; 0 is one per core the process may use."},
	{path: "pin", shape: shapeBool, def: "true", meaning: "Keeps each loop's thread on its core."},
	{path: "profile", shape: shapeChoice, def: "balanced", choices: []string{"balanced", "throughput", "latency", "streaming"}, meaning: "Set of tunings, see `tuning/`."},

	{path: "bounds", shape: shapeMap, meaning: "What one client, connection or loop may hold."},
	{path: "bounds.head", shape: shapeSize, def: "32KiB", low: "256", high: "1MiB", meaning: "Head of a request."},
	{path: "bounds.headers", shape: shapeCount, def: "100", low: "1", high: "1000", meaning: "Header fields of a request."},
	{path: "bounds.body", shape: shapeSize, def: "10MiB", low: "1", high: "1GiB", meaning: "Body of a request."},
	{path: "bounds.response_buffer", shape: shapeSize, def: "1MiB", low: "1KiB", high: "1GiB", meaning: "Part of a response held back for a slow client."},
	{path: "bounds.connections", shape: shapeCount, def: "0", low: "0", high: "10000000", meaning: "Connections of clients; 0 is derived from the limit on open files."},
	{path: "bounds.requests_per_loop", shape: shapeCount, def: "0", low: "0", high: "1000000", meaning: "Requests at once on one loop; what comes beyond is answered 503 with Retry-After, first that of keys with more than an equal share. 0 is derived from `bounds.memory`."},
	{path: "bounds.memory", shape: shapeSize, def: "0", low: "0", high: "1TiB", meaning: "What requests in flight may hold in all, bodies above all; what comes beyond is answered 503. 0 is derived: a sixteenth of the memory that the process may use, 128MiB to 1GiB."},

	{path: "timeouts", shape: shapeMap, meaning: "How long each wait may take."},
	{path: "timeouts.head", shape: shapeDuration, def: "10s", low: "1ms", high: "168h", meaning: "Until the head of a request is complete."},
	{path: "timeouts.body", shape: shapeDuration, def: "30s", low: "1ms", high: "168h", meaning: "Between two pieces of a request's body."},
	{path: "timeouts.idle", shape: shapeDuration, def: "60s", low: "1ms", high: "168h", meaning: "A kept-alive connection without a request, to clients and to providers."},
	{path: "timeouts.connect", shape: shapeDuration, def: "3s", low: "1ms", high: "168h", meaning: "TCP connection to a provider."},
	{path: "timeouts.handshake", shape: shapeDuration, def: "5s", low: "1ms", high: "168h", meaning: "TLS handshake."},
	{path: "timeouts.first_byte", shape: shapeDuration, def: "120s", low: "1ms", high: "168h", meaning: "Until a provider's answer begins."},
	{path: "timeouts.between_bytes", shape: shapeDuration, def: "60s", low: "1ms", high: "168h", meaning: "Between two pieces of a provider's answer. A client that takes nothing of an answer for so long is cut off."},
	{path: "timeouts.total", shape: shapeDuration, def: "15m", low: "1ms", high: "168h", meaning: "A whole exchange with its retries."},
	{path: "timeouts.drain", shape: shapeDuration, def: "10m", low: "1ms", high: "168h", meaning: "What still runs when the process is told to stop."},

	{path: "stream", shape: shapeMap, meaning: "Server-sent events."},
	{path: "stream.keepalive", shape: shapeDuration, def: "15s", low: "0s", high: "1h", meaning: "A comment goes to the client when the provider was silent for so long, also before its first byte; 0s never."},

	{path: "providers", shape: shapeMaps, meaning: "Who answers requests."},
	{path: "providers[].name", shape: shapeText, meaning: "Unique name, also usable as a prefix: model `openai/gpt-5-mini`. Lower-case letters, digits, `.`, `_` and `-`. Default: the kind."},
	{path: "providers[].kind", shape: shapeChoice, choices: kindNames, meaning: "API form. `openai` is also everything compatible with it; `sim` is the simulated provider inside the binary. Required."},
	{path: "providers[].base_url", shape: shapeText, meaning: "Address up to the API's paths, http or https. Default by kind: openai `https://api.openai.com/v1`, anthropic `https://api.anthropic.com`, gemini `https://generativelanguage.googleapis.com`; required for vertex, azure and bedrock."},
	{path: "providers[].base_urls", shape: shapeTexts, meaning: "Several such addresses, for replicas (vLLM …). Not together with `base_url`."},
	{path: "providers[].keys", shape: shapeMaps, meaning: "Credentials; several rotate. Each is a secret, or a map of `value` and `weight`."},
	{path: "providers[].keys[].value", shape: shapeSecret, meaning: "The credential. Required in a map."},
	{path: "providers[].keys[].weight", shape: shapeCount, def: "1", low: "0", high: "1000000", meaning: "Share of this credential in the rotation."},
	{path: "providers[].http", shape: shapeChoice, def: "auto", choices: httpModeNames, meaning: "`auto`: HTTP/2 where the provider offers it by ALPN, else HTTP/1.1. `h2`: HTTP/2 over TLS only. `h2c`: HTTP/2 in clear text. `http1`: HTTP/1.1 only."},
	{path: "providers[].serves", shape: shapeTexts, meaning: "Unqualified model names that go here; `*` stands for anything."},
	{path: "providers[].connections", shape: shapeMap, meaning: "Connections to this provider, over all loops."},
	{path: "providers[].connections.warm", shape: shapeCount, def: "1", low: "0", high: "1000", meaning: "Kept open without need; at most `max`."},
	{path: "providers[].connections.max", shape: shapeCount, def: "100", low: "1", high: "1000", meaning: "Open at once."},
	{path: "providers[].headers", shape: shapeSecrets, meaning: "Fields added to every request. One whose value is empty, as with an unset `${NAME:-}`, is left out."},
	{path: "providers[].tls", shape: shapeMap, meaning: "How this provider's certificate is checked."},
	{path: "providers[].tls.ca", shape: shapeText, meaning: "PEM file of the authorities to trust. Default: the system's."},
	{path: "providers[].tls.insecure", shape: shapeBool, def: "false", meaning: "Takes any certificate."},
	{path: "providers[].usage_in_stream", shape: shapeBool, def: "true", meaning: "Asks for the token usage at the end of a stream even when the client did not, so that it can be accounted."},

	{path: "models", shape: shapeMaps, meaning: "Names that clients ask for."},
	{path: "models[].name", shape: shapeText, meaning: "Unique name. Required."},
	{path: "models[].strategy", shape: shapeChoice, def: "weighted", choices: strategyNames, meaning: "How the targets are put in order: by chance and weight, as listed, fewest running requests, quickest first byte, same conversation to the same target, cheapest."},
	{path: "models[].targets", shape: shapeMaps, meaning: "Where requests go. Required."},
	{path: "models[].targets[].provider", shape: shapeText, meaning: "Name of one of the `providers`. Required."},
	{path: "models[].targets[].model", shape: shapeText, meaning: "The provider's name for the model. Default: the name that the client asked for."},
	{path: "models[].targets[].weight", shape: shapeCount, def: "1", low: "0", high: "1000000", meaning: "Share of the requests; at least one target's is above 0."},
	{path: "models[].fallback", shape: shapeMaps, meaning: "Tried in this order when the targets failed."},
	{path: "models[].fallback[].provider", shape: shapeText, meaning: "Name of one of the `providers`. Required."},
	{path: "models[].fallback[].model", shape: shapeText, meaning: "The provider's name for the model. Default: the name that the client asked for."},
	{path: "models[].fallback[].weight", shape: shapeCount, def: "1", low: "0", high: "1000000", meaning: "As in `targets`; the order of the list comes first."},
	{path: "models[].hedge", shape: shapeMap, meaning: "Sends a second request to another target while the first is silent. Off unless given."},
	{path: "models[].hedge.after", shape: shapeText, meaning: "A time, or a percentile of the model's own latency such as `p95`. Required in the map."},
	{path: "models[].hedge.max_ratio", shape: shapeRatio, def: "0.05", low: "0", high: "1", meaning: "Second requests per request at most."},
	{path: "models[].cache", shape: shapeMap, meaning: "What this model does differently from `cache`."},
	{path: "models[].cache.ttl", shape: shapeDuration, low: "0s", high: "8760h", meaning: "How long answers are kept; 0s not at all. Default: `cache.ttl`."},

	{path: "keys", shape: shapeMaps, meaning: "What clients present, as Bearer, `x-api-key`, `x-goog-api-key` or `api-key`."},
	{path: "keys[].name", shape: shapeText, meaning: "Unique name, seen in logs and metrics. Required."},
	{path: "keys[].value", shape: shapeSecret, meaning: "The key, at least 8 characters. This or `sha256` is required."},
	{path: "keys[].sha256", shape: shapeText, meaning: "SHA-256 of the key, 64 hexadecimal digits, so that the key itself need not be here."},
	{path: "keys[].models", shape: shapeTexts, meaning: "Model names it may ask for; `*` stands for anything. Default: all."},
	{path: "keys[].limits", shape: shapeMap, meaning: "What this key may use; 0 is without limit."},
	{path: "keys[].limits.rpm", shape: shapeCount, def: "0", low: "0", high: "1000000000", meaning: "Requests per minute."},
	{path: "keys[].limits.tpm", shape: shapeCount, def: "0", low: "0", high: "1000000000000", meaning: "Tokens per minute."},
	{path: "keys[].limits.concurrent", shape: shapeCount, def: "0", low: "0", high: "10000000", meaning: "Requests at once."},
	{path: "keys[].limits.usd_per_day", shape: shapeRatio, def: "0", low: "0", high: "1000000000", meaning: "Spend per day, US dollars."},

	{path: "retry", shape: shapeMap, meaning: "When a request is tried again, on another target where there is one."},
	{path: "retry.attempts", shape: shapeCount, def: "3", low: "1", high: "10", meaning: "Tries per request, the first included."},
	{path: "retry.budget", shape: shapeRatio, def: "0.2", low: "0", high: "1", meaning: "Retries per request at most, over all requests, so that retries never pile up on a provider in trouble."},
	{path: "retry.on", shape: shapeTexts, def: "[connect, reset, 429, 500, 502, 503, 504, 529]", meaning: "`connect` (no connection could be made), `reset` (it broke before the client had any of the response; the same provider is asked again where there is no other target), `timeout` (the provider was silent too long before the response began; another target is tried), and status codes from 400 to 599."},

	{path: "breaker", shape: shapeMap, meaning: "When a failing provider is left alone."},
	{path: "breaker.window", shape: shapeDuration, def: "10s", low: "100ms", high: "1h", meaning: "Time over which requests are counted."},
	{path: "breaker.min_requests", shape: shapeCount, def: "20", low: "1", high: "1000000", meaning: "Requests in the window before it may open."},
	{path: "breaker.error_ratio", shape: shapeRatio, def: "0.5", low: "0.001", high: "1", meaning: "Share of failed requests from which it opens."},
	{path: "breaker.open", shape: shapeDuration, def: "5s", low: "1ms", high: "1h", meaning: "Time until a probe goes through."},

	{path: "cache", shape: shapeMap, meaning: "Answers kept for equal requests."},
	{path: "cache.memory", shape: shapeSize, def: "64MiB", low: "0", high: "1TiB", meaning: "Memory of the cache in this process; 0 is none."},
	{path: "cache.ttl", shape: shapeDuration, def: "0s", low: "0s", high: "8760h", meaning: "How long answers are kept; 0s not at all, unless a model says otherwise."},
	{path: "cache.redis", shape: shapeBool, def: "false", meaning: "Shares the cache through Redis; needs `redis.url`."},

	{path: "redis", shape: shapeMap, meaning: "Store shared by several gateways: cache, limits, budgets."},
	{path: "redis.url", shape: shapeSecret, meaning: "`redis://`, `rediss://` (TLS) or `unix://`, also of a cluster or a sentinel. A secret, as it may hold a password. Default: no Redis."},
	{path: "state", shape: shapeMap, meaning: "The embedded store, used when there is no Redis."},
	{path: "state.dir", shape: shapeText, def: "./data", meaning: "Its directory."},

	{path: "log", shape: shapeMap, meaning: "Logs."},
	{path: "log.access", shape: shapeText, def: "stdout", meaning: "Access log: `stdout`, `stderr`, `off`, or a file."},
	{path: "log.format", shape: shapeChoice, def: "json", choices: []string{"json", "text"}, meaning: "Form of each line."},
	{path: "log.level", shape: shapeChoice, def: "info", choices: []string{"debug", "info", "warn", "error"}, meaning: "Least severity that is logged."},
	{path: "log.sample", shape: shapeRatio, def: "1", low: "0", high: "1", meaning: "Share of requests in the access log; failed ones are always there."},
	{path: "trace", shape: shapeMap, meaning: "OpenTelemetry traces."},
	{path: "trace.otlp", shape: shapeText, meaning: "Endpoint they are sent to, http or https. Default: none are sent."},
	{path: "trace.sample", shape: shapeRatio, def: "0.01", low: "0", high: "1", meaning: "Share of requests that are traced."},
}
