-- The closed loop of bench/load: POSTs the body in the file $PENSTOCK_BODY with the key $PENSTOCK_KEY and prints what it saw
-- as one line of JSON. For use by hand there is bench/wrk/chat.lua.
local file = assert(io.open(assert(os.getenv("PENSTOCK_BODY"), "PENSTOCK_BODY is not set"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. assert(os.getenv("PENSTOCK_KEY"), "PENSTOCK_KEY is not set")

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    'PENSTOCK {"requests":%d,"durationUS":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,"p50":%d,"p95":%d,"p99":%d}\n',
    summary.requests, summary.duration, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
