#!/bin/sh
# A system of the side-by-side rig; ../fill.sh is the rig's (bench/compare/run.sh puts this folder beside it).
. ../fill.sh
PENSTOCK_BIN=${PENSTOCK_BIN:-penstock}; need "$PENSTOCK_BIN"
fill penstock.yaml.in "$RUN_DIR/penstock.yaml"
exec "$PENSTOCK_BIN" serve --config "$RUN_DIR/penstock.yaml" --admin "127.0.0.1:$((PORT + 50))"
