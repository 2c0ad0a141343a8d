# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Functions for the tests of the packages. test-guest runs with this file prepended.

set -euo pipefail

number=0
failed=0
output=$(mktemp)

# check NAME CMD... - a test that passes if the command succeeds; otherwise print its output
check() {
	local name=$1 status=0

	shift
	number=$((number + 1))
	# Not as a condition, because that would disable "set -e" inside.
	set +e
	(set -e && "$@") >"$output" 2>&1
	status=$?
	set -e
	if ((status == 0)); then
		echo "ok $number $name"
	else
		# shellcheck disable=SC2034 # the exit status of scripts that source this
		failed=1
		sed 's/^/# /' "$output"
		echo "not ok $number $name"
	fi
}
