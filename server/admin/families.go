package admin

import "github.com/prometheus/client_golang/prometheus"

// family is one metric: its name, help and labels as Prometheus knows them.
type family = *prometheus.Desc

// families are the metrics of the gateway. Names without the prefix penstock_ are those that operators' rules for LLM gateways
// expect (requirements 8.1).
type families struct {
	all []family

	requestDuration, requests family

	providerLatency, providerRequests, ttft, between family
	tokens, cost, cancelled, failures, retries       family
	poolActive, poolMax, poolCreated, poolClosed     family
	streams, queued, handshakes, pings, pingsLost    family
	breakerOpen, breakerTrips, keysCooling           family
	keyRequests, keyRefused, keyTokens, keyCost      family

	stage, refused, cacheLookups, cacheStores, cacheEvictions, hedges, dns family
	poolGets, poolHits, memory                                             family

	lag, batch, events, busy, idle, timersFired, timers, mailboxRuns, mailbox, stale family
	connections, accepted, exchanges, clientsGone, panics                            family
	networkBytes, clientHandshakes                                                   family

	logLines, logBytes, logDropped, logErrors, loggerDropped family
	build                                                    family
}

func newFamilies() *families {
	var all []family
	d := func(name, help string, labels ...string) family {
		f := prometheus.NewDesc(name, help, labels, nil)
		all = append(all, f)
		return f
	}
	f := &families{
		requestDuration: d("http_request_duration_seconds", "Time from the first byte of a request to the last of its response.",
			"endpoint"),
		requests: d("http_requests_total", "Requests answered, by status code.", "endpoint", "status"),

		providerLatency:  d("llm_provider_latency_seconds", "Time from sending a request to a provider to its response head.", "provider"),
		providerRequests: d("llm_provider_requests_total", "Attempts at a provider, by outcome.", "provider", "outcome"),
		ttft:             d("llm_time_to_first_token_seconds", "Time from sending a streamed request to its first token.", "provider"),
		between:          d("llm_time_between_tokens_seconds", "Time from one token of a stream to the next.", "provider"),
		tokens: d("llm_tokens_total", "Tokens as providers count them; cached is a part of input, reasoning of output.",
			"provider", "kind"),
		cost:         d("llm_cost_usd_total", "Money spent in US dollars, by the configured prices.", "provider"),
		cancelled:    d("llm_requests_cancelled_total", "Requests cancelled at the provider because the client had gone.", "provider"),
		failures:     d("llm_upstream_failures_total", "Attempts that ended without a complete response, by kind of failure.", "provider", "kind"),
		retries:      d("llm_retries_total", "Attempts that failed at the provider and were sent again, there or elsewhere.", "provider"),
		poolActive:   d("llm_connection_pool_active", "Connections open to the provider.", "provider"),
		poolMax:      d("llm_connection_pool_max", "Connections that may be open to the provider.", "provider"),
		poolCreated:  d("penstock_upstream_connections_created_total", "Connections to the provider that came up.", "provider"),
		poolClosed:   d("penstock_upstream_connections_closed_total", "Connections to the provider that ended.", "provider"),
		streams:      d("penstock_upstream_streams_open", "Requests in flight at the provider.", "provider"),
		queued:       d("penstock_upstream_queued_requests", "Requests waiting for a free stream to the provider.", "provider"),
		handshakes:   d("penstock_tls_handshakes_total", "TLS handshakes with the provider, full or resumed.", "provider", "kind"),
		pings:        d("penstock_upstream_pings_total", "HTTP/2 PINGs sent to the provider.", "provider"),
		pingsLost:    d("penstock_upstream_pings_lost_total", "HTTP/2 PINGs that the provider did not answer in time.", "provider"),
		breakerOpen:  d("penstock_breaker_open_loops", "Loops that send the provider nothing because their breaker is open.", "provider"),
		breakerTrips: d("penstock_breaker_trips_total", "Times that a breaker of the provider opened.", "provider"),
		keysCooling: d("penstock_provider_keys_cooling", "Keys of the provider set aside after 401, 403 or 429, summed over loops.",
			"provider"),
		keyRequests: d("penstock_key_requests_total", "Requests by client key.", "key"),
		keyRefused:  d("penstock_key_refused_total", "Requests of a client key refused by its limits or budget.", "key"),
		keyTokens:   d("penstock_key_tokens_total", "Tokens by client key.", "key", "kind"),
		keyCost:     d("penstock_key_cost_usd_total", "Money spent in US dollars by client key.", "key"),

		stage:          d("penstock_stage_duration_seconds", "Time that one stage of an exchange took.", "stage"),
		refused:        d("penstock_refused_total", "Requests refused before a provider saw them, by reason.", "reason"),
		cacheLookups:   d("penstock_cache_lookups_total", "Cache lookups, hit or miss.", "result"),
		cacheStores:    d("penstock_cache_stores_total", "Responses put into the cache."),
		cacheEvictions: d("penstock_cache_evictions_total", "Responses that left the cache to make room."),
		hedges:         d("penstock_hedged_requests_total", "Second attempts sent before the first had answered."),
		dns:            d("penstock_dns_lookups_total", "DNS questions sent, by result.", "result"),
		poolGets:       d("penstock_pool_gets_total", "Objects asked of a pool.", "pool"),
		poolHits:       d("penstock_pool_hits_total", "Objects that a pool had ready.", "pool"),
		memory:         d("penstock_memory_bytes", "Memory held by a pool, idle or lent.", "pool", "state"),

		lag:         d("penstock_loop_lag_seconds", "How long what was due on a loop waited for its turn.", "loop"),
		batch:       d("penstock_loop_batch_events", "Events that one poll of a loop brought.", "loop"),
		events:      d("penstock_loop_events_total", "Events that a loop took from its poll.", "loop"),
		busy:        d("penstock_loop_busy_seconds_total", "Time that a loop spent working.", "loop"),
		idle:        d("penstock_loop_idle_seconds_total", "Time that a loop spent waiting in poll.", "loop"),
		timersFired: d("penstock_loop_timers_fired_total", "Timers of a loop that fired.", "loop"),
		timers:      d("penstock_loop_timers", "Timers of a loop that are set.", "loop"),
		mailboxRuns: d("penstock_loop_mailbox_runs_total", "Posted functions that a loop ran.", "loop"),
		mailbox:     d("penstock_loop_mailbox_length", "Posted functions that wait for a loop.", "loop"),
		stale:       d("penstock_loop_stale", "1 where the loop did not answer this scrape in time and its last figures are shown.", "loop"),
		connections: d("penstock_connections", "Downstream connections, active or idle.", "loop", "state"),
		accepted:    d("penstock_connections_accepted_total", "Downstream connections accepted.", "loop"),
		exchanges:   d("penstock_exchanges_open", "Requests that are being answered.", "loop"),
		clientsGone: d("penstock_clients_gone_total", "Clients that went away before their response was complete."),
		panics:      d("penstock_panics_total", "Panics on a loop that were caught."),
		networkBytes: d("penstock_network_bytes_total", "Bytes moved: side downstream or upstream, direction in (to Penstock) or out.",
			"side", "direction"),
		clientHandshakes: d("penstock_client_handshakes_total", "TLS handshakes with clients, by how they ended.", "result"),

		logLines:      d("penstock_access_log_lines_total", "Lines of the access log that were written."),
		logBytes:      d("penstock_access_log_bytes_total", "Bytes of the access log that were written."),
		logDropped:    d("penstock_access_log_dropped_total", "Lines of the access log that were lost."),
		logErrors:     d("penstock_access_log_write_errors_total", "Writes of the access log that failed."),
		loggerDropped: d("penstock_log_records_dropped_total", "Records of the process log that were lost."),
		build:         d("penstock_build_info", "1, with what the binary was built from as labels.", "version", "goversion"),
	}
	f.all = all
	return f
}
