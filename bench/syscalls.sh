#!/usr/bin/env bash
# System calls per request: strace counts those of the gateway while wrk keeps 64 connections busy, with a provider on HTTP/2 in
# clear text.
#
#   bench/syscalls.sh [SECONDS]         CONNECTIONS= (64), HTTP= (h2c; http1), PENSTOCK_BIN= (built from this checkout)
#
# strace makes every system call many times slower, so that more events wait at each poll than otherwise: batches are larger and
# calls per request fewer than without it. To compare two commits or two settings it is good all the same.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
seconds=${1:-5}
connections=${CONNECTIONS:-64}
http=${HTTP:-h2c}
listen=${PORT:-19400}
key=sk-syscalls-0123456789abcdef

for program in strace wrk curl go; do
	command -v "$program" > /dev/null || {
		echo "bench/syscalls.sh: $program is not on PATH; install it (apt-get install $program)" >&2
		exit 1
	}
done
work=$(mktemp -d)
pids=()
end() {
	for pid in "${pids[@]}"; do
		kill "$pid" 2> /dev/null || true
	done
	wait
	rm -rf "$work"
}
trap end EXIT

bin=${PENSTOCK_BIN:-$work/penstock}
[ -n "${PENSTOCK_BIN:-}" ] || (cd "$root" && CGO_ENABLED=0 go build -trimpath -o "$bin" ./server/penstock)

cat > "$work/penstock.yaml" << END
listen: 127.0.0.1:$listen
admin: 127.0.0.1:$((listen + 2))
auth: keys
loops: 1
providers:
  - name: mock
    kind: openai
    base_url: http://127.0.0.1:$((listen + 1))/v1
    http: $http
    keys: [sk-provider-0123456789abcdef]
    serves: ["*"]
keys: [{name: syscalls, value: $key}]
timeouts: {drain: 1s}
log: {access: $work/access.log}
END

"$bin" mock --listen "127.0.0.1:$((listen + 1))" > "$work/mock.log" 2>&1 &
pids+=($!)
"$bin" serve --config "$work/penstock.yaml" > "$work/serve.log" 2>&1 &
gateway=$!
pids+=("$gateway")
ready=0
for _ in $(seq 100); do
	if curl -fs -o "$work/ready" "http://127.0.0.1:$((listen + 2))/readyz" && curl -fs -o "$work/stats" "http://127.0.0.1:$((listen + 1))/sim/stats"; then
		ready=1
		break
	fi
	sleep 0.1
done
if [ "$ready" -eq 0 ]; then
	cat "$work/mock.log" "$work/serve.log" >&2
	echo "bench/syscalls.sh: gateway or provider did not become ready" >&2
	exit 1
fi

load() { # seconds
	PENSTOCK_KEY=$key PENSTOCK_MODEL=chat wrk -t1 "-c$connections" "-d${1}s" -s "$root/bench/wrk/chat.lua" "http://127.0.0.1:$listen"
}
load 1 > "$work/warm"
load "$seconds" > "$work/load" &
loader=$!
strace -c -f -p "$gateway" -o "$work/strace" 2> "$work/strace.log" &
tracer=$!
wait "$loader"
kill -INT "$tracer"
wait "$tracer" || true

requests=$(awk '/ requests in / {print $1}' "$work/load")
cat "$work/strace"
echo
grep 'requests/s' "$work/load"
awk -v requests="$requests" '
	$NF != "total" && $4 ~ /^[0-9]+$/ {calls[$NF] = $4; total += $4}
	END {
		if (requests == 0) {print "no request was answered"; exit 1}
		printf "%d requests (those of the moment before strace was there included)\n", requests
		for (name in calls) if (calls[name] / requests >= 0.005) printf "%8.3f  %s\n", calls[name] / requests, name | "sort -rn"
		close("sort -rn")
		printf "%8.3f  system calls per request\n", total / requests
	}' "$work/strace"
