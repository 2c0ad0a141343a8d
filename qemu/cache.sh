# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The cache of everything that is created once and used by many runs. An artifact is a directory
# whose name contains a hash of its inputs. It is created in a sibling directory and renamed when it
# is complete, so a directory with the final name is always complete. A lock ensures that two
# checkouts create it only once.

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

# hash FILE|TEXT... - print a hash of the files' contents and of the other words
hash() {
	local word
	for word; do
		if [[ -f $word ]]; then cat "$word"; else printf '%s\n' "$word"; fi
	done | sha256sum | cut -c1-12
}

# Remove artifacts that no run has used for a month. Each use touches the lock.
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

# progress NAME PID LOG - while the process runs, show its duration and the last line that it wrote:
# each second on a terminal, otherwise as one line each 30 s
progress() {
	local start=$SECONDS format='%s: %d s: %.50s\n' interval=30 shown=$SECONDS

	if [[ -t 2 ]]; then
		format='\r\e[K%s: %d s: %.50s'
		interval=1
	fi
	while kill -0 "$2" 2>/dev/null; do
		if ((SECONDS - shown >= interval)); then
			# shellcheck disable=SC2059 # it is one of the two above
			printf "$format" "$1" $((SECONDS - start)) "$(tail -n 1 "$3" | tr -dc '[:print:]')" >&2
			shown=$SECONDS
		fi
		sleep 1
	done
	[[ ! -t 2 ]] || printf '\r\e[K' >&2
}

# artifact NAME DIR BUILDER [ARG...] - let BUILDER fill DIR, which is its first argument, unless DIR
# exists already
artifact() {
	local name=$1 dir=$2 builder=$3 log lock start=$SECONDS

	shift 3
	touch "$dir.lock"
	[[ ! -d $dir ]] || return 0
	log=$cache/log/${dir##*/}.log
	exec {lock}>>"$dir.lock"
	if ! flock --nonblock "$lock"; then
		say "$name: waiting for another run"
		flock "$lock"
	fi
	if [[ ! -d $dir ]]; then
		say "$name ..."
		rm -rf --one-file-system "$dir.tmp"
		mkdir "$dir.tmp"
		# Not as a condition, because that would disable "set -e" inside.
		(
			set -e
			"$builder" "$dir.tmp" "$@"
		) >"$log" 2>&1 &
		progress "$name" $! "$log"
		if ! wait $!; then
			tail -n 25 "$log" >&2
			die "$name failed; the whole output is in $log"
		fi
		mv -T "$dir.tmp" "$dir"
		prune
		say "$name: $((SECONDS - start)) s"
	fi
	exec {lock}>&-
}
