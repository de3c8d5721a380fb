-- Chat completions for wrk, for a gateway that runs somewhere:
--
--   PENSTOCK_KEY=sk-… PENSTOCK_MODEL=fast wrk -t2 -c64 -d30s --latency -s bench/wrk/chat.lua http://127.0.0.1:8080
--
-- PENSTOCK_KEY     key of a client; leave it unset where the gateway asks for none
-- PENSTOCK_MODEL   model to ask for; default sim/chat?ttft=0s&tps=0, the simulated provider at full speed
-- PENSTOCK_STREAM  1 for event streams
-- PENSTOCK_PROMPT  bytes of text in the question; default 1000
--
-- wrk keeps every connection busy, so its latencies are those of a gateway at its limit. For latency at a given rate there is
-- make load.
local model = os.getenv("PENSTOCK_MODEL") or "sim/chat?ttft=0s&tps=0"
local key = os.getenv("PENSTOCK_KEY")
local stream = os.getenv("PENSTOCK_STREAM") == "1"
local size = tonumber(os.getenv("PENSTOCK_PROMPT") or "1000")

local sentence = "The chain that I ordered last week is too short for the cassette, what can I do? "
local prompt = string.sub(string.rep(sentence, math.ceil(size / #sentence)), 1, size)

wrk.method = "POST"
wrk.path = "/v1/chat/completions"
wrk.headers["Content-Type"] = "application/json"
if key then
  wrk.headers["Authorization"] = "Bearer " .. key
end
wrk.body = string.format('{"model":"%s","messages":[{"role":"user","content":"%s"}]%s}', model, prompt, stream and ',"stream":true' or "")

function done(summary, latency)
  local e = summary.errors
  io.write(string.format("%.0f requests/s, P50 %.2f ms, P95 %.2f ms, P99 %.2f ms; errors: connect %d, read %d, write %d, timeout %d, status %d\n",
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    e.connect, e.read, e.write, e.timeout, e.status))
end
