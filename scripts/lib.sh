# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034
# Sourced by the scripts: paths, functions that print messages, and functions that
# run a command as root of a private mount namespace.

# The Debian suite of the root and of the kernel's image.
SUITE=${SUITE:-trixie}
KERNEL=${KERNEL:-amd64}

TREE=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
CACHE=${RMPOPT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rmpopt}

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Roots that are made by the same recipe are equal, so the recipe's checksum is the key.
key() {
	cat -- "$@" | grep -v '^[[:space:]]*#' | sha256sum | cut -c1-12
}

paths() {
	ROOT_KEY=$SUITE-$(key "$TREE/scripts/bootstrap")
	KERNEL_KEY=$(key "$TREE/scripts/inside/kernel" "$TREE/scripts/kernel-series" \
		"$TREE/scripts/inside/check-symbols")
	ROOT=$CACHE/root-$ROOT_KEY
	KERNEL_DIR=$CACHE/kernel-$ROOT_KEY-$KERNEL_KEY-$KERNEL${KERNEL_UNTESTED:+-untested}
}

# Runs a command as root of its own mount and process namespace: its mounts are not
# visible outside, and all its processes end with it.
namespace() {
	set -- -- "$@"
	[ "$(id -u)" = 0 ] || set -- --user --map-root-user --map-auto "$@"
	unshare --mount --propagation private --pid --fork --kill-child "$@"
}

# Prints the Debian mirror to use: the variable MIRROR, else the mirror of this machine's
# apt. Prints nothing when neither names one: mmdebstrap has a default.
mirror() {
	if [ "${MIRROR:-}" ]; then
		echo "$MIRROR"
		return
	fi
	# Archives of others may end in "/debian" too, but they have no "-updates".
	apt-get --print-uris update 2>/dev/null |
		sed -n "s|^'\(https\{0,1\}://[^']*/debian\)/dists/\([a-z-]*\)/main/binary-.*|\1 \2|p" |
		awk '$2 ~ /-updates$/ { found = $1; exit }
			{ several = several || (first && $1 != first); first = $1 }
			END { if (found || !several) print found ? found : first }'
}

# Removes a tree of the cache. Fails where something is mounted below the tree.
remove_tree() {
	[ -e "$1" ] || return 0
	if grep -qF " $1/" /proc/self/mountinfo; then
		die "$1 is not removed: something is mounted below it"
	fi
	namespace rm -rf --one-file-system -- "$1"
}
