# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The cache of everything that is made once and used by many runs. An artifact
# is a directory whose name holds a hash of its inputs. It is made in a sibling
# directory and renamed when complete, so what has the final name is whole, and
# under a lock, so that two checkouts make it once.

set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/repoll

say() {
	printf '%s\n' "$*" >&2
}

die() {
	say "repoll: $*"
	exit 125
}

# The toolchain root's /usr and /etc hide the host's.
for dir in "$checkout" "$cache"; do
	case $dir in
	/usr/* | /etc/*) die "neither checkout nor cache can be below /usr or /etc: $dir" ;;
	esac
done
mkdir -p "$cache/log"
cache=$(cd "$cache" && pwd -P)

# hash FILE|TEXT... - of the files' content and of the other words
hash() {
	local word
	for word; do
		if [[ -f $word ]]; then cat "$word"; else printf '%s\n' "$word"; fi
	done | sha256sum | cut -c1-12
}

# Remove what no run has used for a month. Each use touches the lock.
prune() {
	local file lock

	find "$cache" -maxdepth 1 -name '*.lock' -mtime +30 | while read -r file; do
		exec {lock}>>"$file"
		if flock --nonblock "$lock"; then
			rm -rf --one-file-system "${file%.lock}" "${file%.lock}.tmp" "$file"
		fi
		exec {lock}>&-
	done
}

# progress NAME PID LOG - while the process runs, show for how long it has and the last line
# that it wrote: each second on a terminal, elsewhere in a line each 30 s
progress() {
	local start=$SECONDS format='%s: %d s: %.50s\n' interval=30 shown=$SECONDS

	if [[ -t 2 ]]; then
		format='\r\e[K%s: %d s: %.50s'
		interval=1
	fi
	while kill -0 "$2" 2>/dev/null; do
		if ((SECONDS - shown >= interval)); then
			# shellcheck disable=SC2059 # one of the two above
			printf "$format" "$1" $((SECONDS - start)) "$(tail -n 1 "$3" | tr -dc '[:print:]')" >&2
			shown=$SECONDS
		fi
		sleep 1
	done
	[[ ! -t 2 ]] || printf '\r\e[K' >&2
}

# artifact NAME DIR BUILDER [ARG...] - have BUILDER fill DIR, its first argument,
# unless DIR is there already
artifact() {
	local name=$1 dir=$2 builder=$3 log lock start=$SECONDS

	shift 3
	touch "$dir.lock"
	[[ ! -d $dir ]] || return 0
	log=$cache/log/${dir##*/}.log
	exec {lock}>>"$dir.lock"
	if ! flock --nonblock "$lock"; then
		say "$name: another run is at it, waiting"
		flock "$lock"
	fi
	if [[ ! -d $dir ]]; then
		say "$name ..."
		rm -rf --one-file-system "$dir.tmp"
		mkdir "$dir.tmp"
		# Not as a condition: that would switch "set -e" off inside.
		(
			set -e
			"$builder" "$dir.tmp" "$@"
		) >"$log" 2>&1 &
		progress "$name" $! "$log"
		if ! wait $!; then
			tail -n 25 "$log" >&2
			die "$name failed; all of its output: $log"
		fi
		mv -T "$dir.tmp" "$dir"
		prune
		say "$name: $((SECONDS - start)) s"
	fi
	exec {lock}>&-
}
