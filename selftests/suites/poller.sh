# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Runs programs that only know epoll on epoll or on repoll, and verifies which of the two
# they used.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
launcher=${here%/*/*}/src/preload/repoll-run
work=$(mktemp -d "${TMPDIR:-/tmp}/suites.XXXXXX")
chmod 755 "$work"
stats=$work/stats

# use POLLER - from now on, "${via[@]}" PROGRAM runs a program on epoll or repoll
use() {
	poller=$1
	# shellcheck disable=SC2034 # used by scripts that source this
	via=()
	# shellcheck disable=SC2034
	[[ $poller == epoll ]] || via=("$launcher" --strict --stats="$stats")
	: >"$stats"
	# Servers drop root's rights before they end.
	chmod 666 "$stats"
}

# Every eventpoll is an anonymous file, and each kind has its own name. The kernel records
# the names and the programs that created the files, in whatever way, and without costs
# for other system calls.
tracing=/sys/kernel/tracing
witness=$tracing/instances/repoll
witness_event=$witness/events/repoll/made

witness_start() {
	witness_remove
	# shellcheck disable=SC2016 # for the kernel: the caller's name
	echo 'p:repoll/made anon_inode_getfile name=+0(%di):string program=$comm' >>$tracing/kprobe_events
	mkdir "$witness"
	echo 'name == "[eventpoll]" || name == "[repoll]"' >"$witness_event/filter"
	echo 1 >"$witness_event/enable"
}

# witness_end - print what was created since: KIND PROGRAM COUNT, sorted
witness_end() {
	local lost

	echo 0 >"$witness_event/enable"
	lost=$(awk '/overrun: / { n += $NF } $1 == "made" { n += $3 } END { print n + 0 }' \
		"$witness"/per_cpu/cpu*/stats $tracing/kprobe_profile)
	if ((lost)); then
		echo "suites: $lost new eventpolls are missing in $witness" >&2
		return 1
	fi
	sed -nE 's/^.* name="\[(eventpoll|repoll)\]" program="(.*)"$/\1 \2/p' "$witness/trace" |
		sed 's/^eventpoll /epoll /' |
		awk '{ n[$0]++ } END { for (key in n) print key, n[key] }' | sort
	witness_remove
}

# witness_remove - remove what witness_start has created, as far as it got, but no other
# probes
witness_remove() {
	[[ ! -d $witness ]] || rmdir "$witness"
	[[ ! -d $tracing/events/repoll/made ]] || echo '-:repoll/made' >>$tracing/kprobe_events
}

leave() {
	witness_remove || true
	rm -rf "$work"
}
trap leave EXIT
