# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# The guest's disk: a small Debian with the packages in PKGS besides. An artifact
# holds root.ext4.

# shellcheck source=qemu/toolchain.sh
. "${BASH_SOURCE[0]%/*}/toolchain.sh"

guest_packages=(ethtool iproute2 kmod musl nftables procps strace)

read -ra extra_packages <<<"${PKGS:-}"

guest_build() {
	local size

	((EUID)) || export TMPDIR=$1
	debootstrap_tar "${guest_packages[@]}" "${extra_packages[@]}" >"$1/root.tar"
	# Room for what programs in the guest write; the file is sparse.
	size=$(($(stat -c %s "$1/root.tar") * 5 / 4 / 1048576 + 1024))
	(in_toolchain '' mke2fs -q -t ext4 -O ^has_journal -d "$1/root.tar" "$1/root.ext4" "${size}M")
	rm "$1/root.tar"
}

# shellcheck disable=SC2034 # used by who sources this
guest_dir=$cache/guest-$(hash "$suite" "${guest_packages[@]}" "${extra_packages[@]}" \
	"$(declare -f debootstrap_tar guest_build)")
