# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The toolchain root: a Debian with the compilers that Debian's kernel was built
# with (Rust metadata loads only into the very rustc that made it), and with the
# emulator, so that the host's own versions do not matter.

# shellcheck source=qemu/cache.sh
. "${BASH_SOURCE[0]%/*}/cache.sh"

suite=trixie

toolchain_packages=(
	# the kernel's own build
	gcc-14 libc6-dev make flex bison bc libelf-dev libssl-dev pahole python3
	perl cpio xz-utils kmod rsync
	# the same of the debug kernels, whose sanitizers are those of LLVM
	clang lld llvm
	# 32-bit selftests
	libc6-dev-i386 lib32gcc-14-dev
	# Rust, kernel and user space
	rustc rust-src cargo rust-clippy rustfmt bindgen
	# the fuzzer's engine
	g++-14
	# the virtual machine
	qemu-system-x86 virtiofsd busybox-static e2fsprogs libarchive13t64
	# the rest
	ca-certificates shellcheck
)

# debootstrap_tar PACKAGE... - a minimal Debian with these packages, as a tar
# archive on stdout: the one format that root and others can make alike
#
# It has no manual pages, but their folders: commands that are alternatives, as Java's,
# have links made in there.
debootstrap_tar() {
	local packages proxy alone=()

	packages=$(IFS=, && echo "$*")
	proxy=$(apt-config dump | grep -E '^Acquire::https?::Proxy ' || true)
	# Root's mounts would outlive an interrupted run; others have a namespace anyway.
	((EUID)) || alone=(unshare --mount --propagation private)
	"${alone[@]}" mmdebstrap --variant=minbase --include="$packages" \
		--aptopt='Acquire::Retries "5"' \
		${proxy:+--aptopt="$proxy"} \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-include=/usr/share/man/man?' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--format=tar "$suite" -
}

toolchain_build() {
	# What an interrupted run leaves then goes with the unfinished artifact.
	# (Others than root unpack as another user, who may not enter here.)
	((EUID)) || export TMPDIR=$1
	debootstrap_tar "${toolchain_packages[@]}" |
		tar -x -C "$1" --no-same-owner --exclude='./dev/*'
	# What in_toolchain puts something on.
	mkdir "$1/usr/src/linux"
	touch "$1"/etc/{resolv.conf,hosts}
}

# What a kernel is built with, by which its artifact goes.
compilers=$cache/toolchain-$(hash "$suite" "${toolchain_packages[@]}" \
	"$(declare -f debootstrap_tar toolchain_build)")

# What can change without all kernels being built again: for packages and manual pages.
toolchain_packages+=(debhelper dh-dkms dkms lintian mandoc)
toolchain_dir=$cache/toolchain-$(hash "$compilers" "${toolchain_packages[@]}")

# What the Rust programs for user space depend on. It is cargo's home for all
# builds, which do without the registry.
crates_dir=$cache/crates-$(hash "$checkout/Cargo.lock")

crates_fetch() {
	(in_toolchain '' env CARGO_HOME="$1" CARGO_NET_OFFLINE=false \
		cargo fetch --locked --manifest-path "$checkout/Cargo.toml")
}

# in_toolchain KERNEL CMD [ARG...] - become a command that sees the root's programs
# and, if KERNEL is not empty, that artifact at /usr/src/linux
#
# The root's /usr and /etc, and what dpkg knows of them, are laid over the host's in a
# mount namespace of the command's own; every other path, the working directory among them, is the
# host's. Needs no privilege where user namespaces are allowed.
in_toolchain() {
	local options=() name
	# A clean environment, but for what the tools take from the user's.
	local environment=(
		HOME="$HOME" LANG=C.UTF-8 TERM="${TERM:-dumb}"
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
		XDG_CACHE_HOME="${cache%/repoll}" CARGO_HOME="$crates_dir" CARGO_NET_OFFLINE=true
		SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
		CARGO_HTTP_CAINFO=/etc/ssl/certs/ca-certificates.crt
	)

	for name in http_proxy https_proxy no_proxy TMPDIR \
		KERNEL PKGS NIC SHARE SMP MEM APPEND ICOUNT ACCEL PLUGIN TIMEOUT LOG SOURCE_DATE_EPOCH; do
		[[ ! -v $name ]] || environment+=("$name=${!name}")
	done
	((EUID == 0)) || options=(--map-root-user)

	# shellcheck disable=SC2016 # for the inner shell to expand
	exec unshare --mount --propagation private "${options[@]}" /bin/bash -c '
		set -e
		root=$1 certificates=$2 kernel=$3
		shift 3
		for file in /etc/resolv.conf /etc/hosts; do
			[[ ! -e $file ]] || mount --bind "$file" "$root$file"
		done
		[[ ! -f $certificates ]] ||
			mount --bind "$certificates" "$root/etc/ssl/certs/ca-certificates.crt"
		[[ -z $kernel ]] || mount --bind "$kernel" "$root/usr/src/linux"
		mount --rbind "$root/etc" /etc
		mount --rbind "$root/usr" /usr
		[[ ! -d /var/lib/dpkg ]] || mount --bind "$root/var/lib/dpkg" /var/lib/dpkg
		exec env -i "$@"
	' in_toolchain "$toolchain_dir" "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" \
		"$1" "${environment[@]}" "${@:2}"
}
