# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The kernel: Debian's own image and modules, unpacked from their packages, and
# the tree that modules are built against. Debian's headers come without the Rust
# metadata; it is made again from the source package with the same toolchain.
#
# From the same source there are kernels of our own, in the configurations that
# qemu/config holds: "debug", with everything that reports mistakes, and "rt", the
# same with PREEMPT_RT. They take clang, as Rust's sanitizers are LLVM's.
#
# An artifact holds vmlinuz, initramfs.cpio, modules.ext4, source/ and build/. The
# tree holds absolute paths, so it is built and used at /usr/src/linux, where
# in_toolchain puts the artifact.

# shellcheck source=qemu/toolchain.sh
. "${BASH_SOURCE[0]%/*}/toolchain.sh"

# The release that the project was last tested with. The cloud flavour has no driver for igb
# cards; the generic one has.
tested_release=7.3.4+deb13-cloud-amd64
[[ ${NIC:-} != igb || -n ${KERNEL:-} ]] || tested_release=${tested_release/-cloud-/-}
oldest_version=7.3

# Kernels of our own, and the files of options of each.
declare -A own_kernels=(
	[debug]="$checkout/qemu/config/guest $checkout/qemu/config/debug"
	[rt]="$checkout/qemu/config/guest $checkout/qemu/config/debug $checkout/qemu/config/rt"
)

# kernel_dir RELEASE|OWN - where its artifact is, or will be
kernel_dir() {
	if [[ -v own_kernels[$1] ]]; then
		# shellcheck disable=SC2086 # one word for each file
		echo "$cache/kernel-$1-$(hash ${own_kernels[$1]} "$checkout/qemu/kernel-own" \
			"$(kernel_dir "$(kernel_release)")" "$(declare -f kernel_build_own)")"
		return
	fi
	echo "$cache/kernel-$1-$(hash "$checkout/qemu/kernel-tree" "$compilers" \
		"$(declare -f kernel_packages kernel_build)")"
}

# The toolchain root's apt, with a state of its own, for the backports.
kernel_apt() (
	exec {lock}>>"$cache/apt.lock"
	flock "$lock"
	in_toolchain '' "$1" -q \
		-o Dir::State="$cache/apt/state" -o Dir::Cache="$cache/apt/cache" \
		-o Dir::State::status=/dev/null \
		-o Dir::Etc::SourceList="$cache/apt/sources.list" \
		-o Dir::Etc::SourceParts=/dev/null \
		-o APT::Sandbox::User=root -o Acquire::Retries=5 "${@:2}"
)

kernel_apt_update() {
	mkdir -p "$cache"/apt/{state/lists,cache/archives}/partial
	sed -n "s/^\(deb .*\) $suite main\$/\1 $suite-backports main/p" \
		"$toolchain_dir/etc/apt/sources.list" >"$cache/apt/sources.list.$$"
	mv "$cache/apt/sources.list.$$" "$cache/apt/sources.list"
	kernel_apt apt-get update >"$cache/log/apt.log" 2>&1 ||
		die "cannot read the package lists; see $cache/log/apt.log"
}

# kernel_packages RELEASE - its packages as NAME=VERSION, if all can be had
kernel_packages() {
	local version names name

	version=$(kernel_apt apt-cache show "linux-headers-$1" 2>/dev/null |
		sed -n 's/^Version: //p' | sort -V | tail -n 1)
	names=("linux-source-$(grep -oE '^[0-9]+\.[0-9]+' <<<"$1")"
		linux-{headers,modules,base,binary-unsigned}-"$1")
	[[ -n $version ]] || return 1
	for name in "${names[@]}"; do
		kernel_apt apt-cache show "$name=$version" >/dev/null 2>&1 || return 1
		echo "$name=$version"
	done
}

kernel_check_version() {
	printf '%s\n' "$oldest_version" "${1%%[!0-9.]*}" | sort -VC ||
		die "kernel $1 is too old: repoll needs Linux $oldest_version or newer"
}

# Say which release to use: the one asked for, else the tested one, else the
# newest of its flavour.
kernel_release() {
	local flavour=${tested_release#*-} candidate substitute=$cache/substitute-$tested_release

	if [[ -n ${KERNEL:-} && ! -v own_kernels[$KERNEL] ]]; then
		kernel_check_version "$KERNEL"
		echo "$KERNEL"
		return
	fi
	if [[ -d $(kernel_dir "$tested_release") ]]; then
		echo "$tested_release"
		return
	fi
	candidate=$(cat "$substitute" 2>/dev/null || true)
	if [[ -z $candidate || ! -d $(kernel_dir "$candidate") ]]; then
		kernel_apt_update
		if kernel_packages "$tested_release" >/dev/null; then
			echo "$tested_release"
			return
		fi
		for candidate in $(kernel_apt apt-cache pkgnames linux-binary-unsigned- |
			sed -nE "s/^linux-binary-unsigned-([0-9.]+[+~][^-]+-$flavour)\$/\1/p" | sort -Vr) ''; do
			[[ -n $candidate ]] ||
				die "no kernel of Linux $oldest_version or newer has all its packages; try again later or name one with KERNEL="
			kernel_check_version "$candidate"
			kernel_packages "$candidate" >/dev/null && break
		done
		echo "$candidate" >"$substitute"
	fi
	say "kernel: $tested_release, last tested with, cannot be had; using $candidate"
	echo "$candidate"
}

# kernel_build DIR RELEASE
kernel_build() {
	local dir=$1 release=$2 packages

	[[ -f $cache/apt/sources.list ]] || kernel_apt_update
	if ! packages=$(kernel_packages "$release"); then
		kernel_apt_update
		packages=$(kernel_packages "$release") ||
			die "kernel $release: not all of its source, headers, modules and image packages can be had"
	fi
	mkdir "$dir"/{debs,unpacked,source,build}
	# shellcheck disable=SC2086 # one word for each package
	(cd "$dir/debs" && kernel_apt apt-get download $packages)
	(in_toolchain "$dir" "$checkout/qemu/kernel-tree" "$release")
}

# kernel_build_own DIR NAME SOURCE - SOURCE is the artifact of Debian's kernel
kernel_build_own() {
	cp -al "$3/source" "$1/source"
	# shellcheck disable=SC2086 # one word for each file
	(in_toolchain "$1" "$checkout/qemu/kernel-own" "$2" ${own_kernels[$2]})
}
