# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # what run sets
# Functions for all apps. The file of an app sets "programs", which must use the poller,
# and "clients", which stay on epoll, to the names that the kernel has for them. It
# defines start, verify, load and stop.
set -euo pipefail

servers=()
www=$work/www

# As src/udev/60-repoll.rules does, for servers that run as other users.
open_device() {
	groupadd --force --system repoll
	chgrp repoll /dev/repoll
	chmod 660 /dev/repoll
	for user in www-data redis memcache; do
		usermod --append --groups repoll "$user"
	done
}

die() {
	printf '%s\n' "$*"
	exit 1
}

# result WHAT VALUE - add a line to the table
result() {
	printf '%s\t%s\t%s\t%s\n' "$app" "$1" "$poller" "$2" >>"$work/results"
}

# within SECONDS COMMAND... - repeat a command until it succeeds; fail after this time
within() {
	local end=$((SECONDS + $1))

	until "${@:2}"; do
		((SECONDS < end)) || return 1
		sleep 0.05
	done
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# accepts PORT PID - succeed if the server accepts connections; it must still run
accepts() {
	! gone "$2" || die "server $2 ended while it started"
	(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# serve PORT COMMAND... - start a server and wait until it accepts connections
serve() {
	"${@:2}" </dev/null &
	servers+=($!)
	within 60 accepts "$1" $! || die "no connection accepted after 60 s: ${*:2}"
}

# end SIGNAL - end the server that was started last; it must succeed
end() {
	kill -s "$1" "${servers[-1]}"
	within 30 gone "${servers[-1]}" || die "still running 30 s after SIG$1"
	wait "${servers[-1]}" || die "ended with status $?"
	unset 'servers[-1]'
}

# clear - end the remaining servers, finally by force
clear() {
	local server

	for server in "${servers[@]}"; do
		kill "$server" 2>/dev/null || continue
		within 30 gone "$server" || kill -KILL "$server"
		within 5 gone "$server" || printf 'cannot be killed: %s\n' "$server"
	done
}

# content FILE SIZE - create a file for a server: random bytes
content() {
	mkdir -p "$www"
	[[ -f $www/$1 ]] || head -c "$2" /dev/urandom >"$www/$1"
}

# same FILE URL - check that the answer is the file's contents
same() {
	curl --silent --show-error --fail --max-time 60 --output "$work/answer" "$2"
	cmp "$www/$1" "$work/answer"
}

# wrk_on WHAT FILE URL OPTION... - put load on the server, compare every answer with the
# file, and add the rate to the table
wrk_on() {
	local rate

	rate=$(wrk --script "$here/apps/compare.lua" --timeout 30s "${@:4}" "$3" -- "$www/$2" |
		tee /dev/stderr | sed -n 's/^verified: //p')
	[[ $rate ]] || die "$1: some answers were wrong"
	result "$1" "$rate"
}
