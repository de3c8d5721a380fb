#!/usr/bin/env bash
# Penstock beside other proxies in the shared rig: one machine, one provider, in turns. See README.md.
#
#   bench/compare/run.sh [-rounds 3] [-closed 10s] [-paced 10s] [-stream 10s] …
#
# RIG           folder of the rig; default ../shared/rig beside the checkout
# PENSTOCK_BIN  the binary to measure; default: built from this checkout
# SYSTEMS       which systems, separated by commas; default: those below that are installed
# OUT           folder of the results; default bench/results
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
rig=${RIG:-$root/../shared/rig}
out=${OUT:-$root/bench/results}

fail() {
	echo "bench/compare: $*" >&2
	exit 1
}
[ -x "$rig/bench.sh" ] && [ -d "$rig/peers" ] ||
	fail "the rig is not in $rig; set RIG to its folder (the one that holds bench.sh and peers/)"
for program in go wrk taskset; do
	command -v "$program" > /dev/null || fail "$program is not on PATH"
done

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cp -R "$rig" "$work/rig"
chmod -R u+w "$work/rig"
cp -R "$root"/bench/rig/* "$work/rig/peers/"

if [ -z "${PENSTOCK_BIN:-}" ]; then
	PENSTOCK_BIN=$work/penstock
	(cd "$root" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$PENSTOCK_BIN" ./server/penstock)
fi
PENSTOCK_BIN=$(realpath "$(command -v "$PENSTOCK_BIN")")
export PENSTOCK_BIN

# The rig reports a system whose program is missing as failed; here it is left out and named.
systems=${SYSTEMS:-}
if [ -z "$systems" ]; then
	systems=direct,penstock-h2,penstock-h1
	for pair in "nginx ${NGINX_BIN:-nginx}" "haproxy-h2 ${HAPROXY_BIN:-haproxy}" "haproxy-h1 ${HAPROXY_BIN:-haproxy}"; do
		read -r system program <<< "$pair"
		if command -v "$program" > /dev/null; then
			systems+=,$system
		else
			echo "bench/compare: no $program here, so $system is left out" >&2
		fi
	done
	systems+=,goproxy,goproxy-h2,fasthttpproxy
fi

commit=$(git -C "$root" describe --always --dirty 2> /dev/null || echo unknown)
when=$(date -u +%Y-%m-%dT%H:%M:%SZ)
name=$(date -u +%Y-%m-%d)-$commit
cpu=$(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo)
cpus=$(nproc)
flags=${*:-defaults}

RIG_BIN="$work/bin" RIG_OUT="$work/results" "$work/rig/bench.sh" -systems "$systems" "$@"

mkdir -p "$out"
{
	printf '# %s, commit %s\n\n' "${when%T*}" "$commit"
	printf 'Host %s: %s CPUs, %s; Linux %s; %s. Rig flags: %s. Begun %s.\n\n' \
		"$(uname -n)" "$cpus" "${cpu:-unknown}" "$(uname -r)" "$(go env GOVERSION)" "$flags" "$when"
	printf 'Made by `bench/compare/run.sh%s`.\n\n' "${*:+ $*}"
	cat "$work/results/table.md"
} > "$out/$name.md"

# Each row says by itself where it comes from, so that rows of many runs can be put together and plotted.
escaped() { printf '%s' "$1" | sed 's/[\\"]/\\&/g; s/[&|]/\\&/g'; }
sed "s|^{|{\"Commit\":\"$(escaped "$commit")\",\"Host\":\"$(escaped "$(uname -n)")\",\"Kernel\":\"$(escaped "$(uname -r)")\",\"CPU\":\"$(escaped "${cpu:-unknown}")\",\"CPUs\":$cpus,\"Flags\":\"$(escaped "$flags")\",|" \
	"$work/results/raw.jsonl" > "$out/$name.jsonl"
echo "written: $out/$name.md and .jsonl" >&2
