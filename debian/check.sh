# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the tests of the packages have in common. A test-guest is run with this in front.

set -euo pipefail

number=0
failed=0
output=$(mktemp)

# check NAME CMD... - a test that passes if the command does; its output is shown if not
check() {
	local name=$1 status=0

	shift
	number=$((number + 1))
	# Not as a condition: that would switch "set -e" off inside.
	set +e
	(set -e && "$@") >"$output" 2>&1
	status=$?
	set -e
	if ((status == 0)); then
		echo "ok $number $name"
	else
		# shellcheck disable=SC2034 # the exit status of who sources this
		failed=1
		sed 's/^/# /' "$output"
		echo "not ok $number $name"
	fi
}
