# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The parts of a test run. Each part is a command that prints KTAP or the output
# of cargo test. $logs holds the outputs; the last line of the run counts the
# results.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
logs=build/log
mkdir -p "$logs"
statuses=()
files=()

# For the guest's shell: single NAME CMD... - run a program that prints no KTAP, as one test
# shellcheck disable=SC2034,SC2016 # used by the scripts that source this; expanded by the guest
single='single() {
	echo 1..1
	if "${@:2}"; then echo "ok 1 $1"; else echo "not ok 1 $1"; return 1; fi
}
cd /opt/repoll
'

# run NAME CMD... - run a part, keep its output, and print its important lines:
# all except the subtests that passed
run() {
	local start=$SECONDS status=0

	printf '# %s\n' "$1"
	"${@:2}" | tee "$logs/$1.log" |
		sed -uE '/^ +(ok|KTAP|1\.\.|# +(RUN|OK|PASSED:|Totals:|Starting)) ?/d' || status=$?
	printf '# %s: %d s\n' "$1" $((SECONDS - start))
	statuses+=("$1=$status")
	files+=("$logs/$1.log")
}

# judge NAME=STATUS - judge a part: its results must contain each failure,
# unless the part could not run
judge() {
	local name=${1%=*} status=${1#*=} results counted=0

	results=$(qemu/count "$logs/$name.log") || counted=$?
	if ((status == 0 && counted == 0)) || { ((status < 121)) && [[ $results == *failed:* ]]; }; then
		echo "ok 1 $name: run and ended as it should"
	else
		echo "not ok 1 $name: did not run and end as it should (exit status $status)"
	fi
}

# summary FILE - judge the parts and count all results; FILE is for the
# judgements
summary() {
	local part

	echo "# all in $SECONDS s; outputs and the guests' kernel logs: $logs"
	for part in "${statuses[@]}"; do
		echo '1..1'
		judge "$part"
	done >"$1"
	qemu/count "${files[@]}" "$1"
}
