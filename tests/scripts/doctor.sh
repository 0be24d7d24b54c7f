#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# scripts/doctor on machines that are played: their files are in a folder, their
# programs are the only ones in PATH. Needs no root and no network.
set -eu
tree=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
machine=$work/machine bin=$work/bin
. "$tree/tests/scripts/lib/check.sh"

# Programs that a machine has, played: each line is the program's name and its script.
play() {
	printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"
	chmod +x "$bin/$1"
}

# machine UID ID [ID_LIKE]: a machine that lacks nothing, with that distribution.
machine() {
	rm -rf "$machine" "$bin"
	mkdir -p "$machine/etc" "$machine/proc/self" "$machine/usr/share/keyrings" "$bin"
	printf 'ID=%s\nID_LIKE="%s"\n' "$2" "${3:-}" >"$machine/etc/os-release"
	echo "somebody:100000:65536" >"$machine/etc/subuid"
	echo "somebody:100000:65536" >"$machine/etc/subgid"
	echo "MemAvailable: 8388608 kB" >"$machine/proc/meminfo"
	echo "25 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda rw" >"$machine/proc/self/mountinfo"
	: >"$machine/usr/share/keyrings/debian-archive-keyring.gpg"
	for program in sh awk cat cut dirname env grep mktemp rm sed sha256sum sort tail tr xargs; do
		ln -s "$(command -v $program)" "$bin/$program"
	done
	user=somebody
	[ "$1" != 0 ] || user=root
	# shellcheck disable=SC2016 # for the played programs
	{
		play id "[ \$1 = -un ] && echo $user || echo $1"
		play unshare 'case $1 in --version) echo unshare from util-linux 2.38.1 ;; --help) echo " --map-auto" ;; esac'
		play apt-get '[ "$1" = --print-uris ] && cat $MACHINE/uris 2>/dev/null'
		play apt-config 'echo "methods=$MACHINE/apt/methods/"'
	}
	play uname "echo Linux x86_64"
	play df "echo; echo disk 99999 9999 90000 10% /"
	play sudo "exit 1"
	for program in make flock mount newuidmap mmdebstrap; do
		play $program ""
	done
	mkdir "$machine/apt"
	printf '#!/bin/sh\n' >"$machine/apt/apt-helper"
	chmod +x "$machine/apt/apt-helper"
}

doctor() {
	status=0
	PATH=$bin HOME=$work MACHINE=$machine BIN=$bin DOCTOR_MACHINE=$machine MIRROR="${MIRROR:-}" \
		SUITE=trixie RMPOPT_CACHE=$work/cache "$tree/scripts/doctor" "$@" >"$work/output" 2>&1 || status=$?
}

fails() {
	[ $status = 1 ]
}

# says LINE: the line stands there, spaces in front aside.
says() {
	sed 's/^ *\(-> \)\{0,1\}//' "$work/output" | grep -qxF -- "$1"
}

# tells TEXT: some line has it.
tells() {
	grep -qF -- "$1" "$work/output"
}

# fails_with CHECK REMEDY: it is the only one that is not met, and that is to do.
fails_with() {
	fails && [ "$(grep -c '^NOT OK' "$work/output")" = 1 ] && grep -q "^NOT OK  $1 " "$work/output" && says "$2"
}

# Apt as it is when somebody may install: it says what it was called with.
# shellcheck disable=SC2016 # for the played programs
apt_installs() {
	play apt-get '[ "$1" != --print-uris ] || exit 0
		echo "$@" >>$MACHINE/apt/calls
		for package; do [ $package = mmdebstrap ] && echo "#!/bin/sh" >$BIN/mmdebstrap && '"$(command -v chmod)"' +x $BIN/mmdebstrap; done; :'
}
called() {
	grep -qxF -- "$1" "$machine/apt/calls" 2>/dev/null
}

## A machine that lacks nothing

machine 0 debian
doctor
for name in packages machine namespaces cache tree memory mirror; do
	check "root: $name" grep -q "^ok      $name " "$work/output"
done
check "root: all is met" [ $status = 0 ]
doctor --install
check "root: nothing is said of what is met" [ "$status$(cat "$work/output")" = 0 ]
machine 1000 debian
doctor
for name in util-linux ids namespaces; do
	check "user: $name" grep -q "^ok      $name " "$work/output"
done
check "user: all is met" [ $status = 0 ]

## Packages

install="apt-get update && apt-get install --no-install-recommends -y mmdebstrap"
machine 0 debian
rm "$bin/mmdebstrap"
apt_installs
doctor
check "doctor alone says what to type" fails_with packages "$install"
check "doctor alone installs nothing" [ ! -e "$machine/apt/calls" ]
doctor --install
check "root on Debian: installs, and says so first" \
	[ "$(head -n 1 "$work/output")" = "setup: installing mmdebstrap with apt-get, for the Debian root in which everything is built" ]
check "root on Debian: by apt-get" called "install --no-install-recommends -y mmdebstrap"
check "root on Debian: then all is met" [ $status = 0 ]

for id in ubuntu linuxmint; do
	machine 0 $id ubuntu
	rm "$bin/mmdebstrap"
	apt_installs
	doctor --install
	check "root on $id: installs" called "install --no-install-recommends -y mmdebstrap"
done

machine 0 debian
rm "$bin/mmdebstrap"
play apt-get "echo 'E: no such thing'; exit 100"
doctor --install
check "apt-get fails: its words" says "E: no such thing"
check "apt-get fails: what to type" fails_with packages "$install"

machine 1000 ubuntu debian
rm "$bin/mmdebstrap" "$bin/newuidmap"
apt_installs
doctor --install
check "a user without a password for sudo: what to type" \
	fails_with packages "sudo sh -c '${install% *} mmdebstrap uidmap'"
check "a user without a password for sudo: nothing is installed" [ ! -e "$machine/apt/calls" ]
rm "$bin/sudo"
doctor --install
check "a user without sudo: what to type" fails_with packages "su -c '${install% *} mmdebstrap uidmap'"

machine 1000 ubuntu debian
rm "$bin/mmdebstrap"
apt_installs
# shellcheck disable=SC2016 # for the played program
play sudo '[ "$1" = -n ] || exit 1; shift; echo "sudo $*" >>$MACHINE/apt/calls; [ $1 = true ] || exec "$@"'
# "true" is a command of the shell's own.
doctor --install
check "a user with sudo: installs by it" \
	called "sudo env DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends -y mmdebstrap"
check "a user with sudo: then all is met" [ $status = 0 ]

# What others have to type.
distribution() {
	machine "$2" "$3" "$4"
	rm "$bin/mmdebstrap" "$machine/usr/share/keyrings/debian-archive-keyring.gpg"
	apt_installs
	doctor --install
	check "$1: what to type" fails_with packages "$5"
	check "$1: nothing is installed" [ ! -e "$machine/apt/calls" ]
}
container="podman run --rm -it --privileged -v '$tree:$tree' -w '$tree' -v rmpopt:/root/.cache debian:trixie sh -c 'apt-get update && apt-get install -y make && bash'"
distribution Fedora 1000 fedora "" "sudo dnf install -y debian-keyring mmdebstrap"
distribution "a relative of RHEL" 0 rocky "rhel centos fedora" "dnf install -y debian-keyring mmdebstrap"
distribution Arch 1000 arch "" "sudo pacman -S --needed podman && $container"
distribution openSUSE 0 opensuse-tumbleweed "opensuse suse" "zypper install -y podman && $container"
distribution "another one" 1000 gentoo "" \
	"install podman with this machine's package manager, then: $container"
play podman ""
doctor --install
check "podman is there: what to type" fails_with packages "$container"
rm "$bin/podman" "$machine/etc/os-release"
doctor --install
check "no os-release: what to type" \
	fails_with packages "install podman with this machine's package manager, then: $container"

machine 0 fedora
rm "$bin/make" "$bin/flock" "$bin/mount" "$bin/xargs"
doctor --install
check "every program, each package once" fails_with packages "dnf install -y findutils make util-linux"
machine 1000 fedora
rm "$bin/newuidmap"
doctor --install
check "a user needs newuidmap" fails_with packages "sudo dnf install -y shadow-utils"
machine 0 fedora
rm "$bin/newuidmap"
doctor --install
check "root does not" [ $status = 0 ]

## The machine

machine 0 debian
play uname "echo Linux aarch64"
doctor --install
check "another processor" fails_with machine "an x86-64 Linux machine"

machine 1000 debian
play unshare "[ \$1 != --version ] || echo unshare from util-linux 2.37.2"
doctor --install
check "an old util-linux" fails_with util-linux "sudo make"

machine 1000 debian
printf 'other:100000:65536\nanother:165536:65536\n' >"$machine/etc/subuid"
doctor --install
check "no ids" fails_with ids "sudo usermod --add-subuids 231072-296607 --add-subgids 231072-296607 somebody"
machine 1000 debian
echo "1000:100000:1000" >"$machine/etc/subgid"
doctor --install
check "too few ids" fails_with ids "sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 somebody"
machine 1000 debian
echo "1000:100000:65536" >"$machine/etc/subuid"
doctor --install
check "ids of a number" [ $status = 0 ]

# closed UID: a machine where namespaces are forbidden.
closed() {
	machine "$1" debian
	# shellcheck disable=SC2016 # for the played program
	play unshare 'case $1 in --version) echo 2.38 ;; --help) echo " --map-auto" ;; *) exit 1 ;; esac'
	mkdir -p "$machine/proc/sys/kernel" "$machine/proc/sys/user"
}
closed 0
doctor --install
check "a container" fails_with namespaces "start this container with CAP_SYS_ADMIN (docker run --privileged)"
closed 0
echo "97 41 0:41 / /proc rw,relatime - proc proc rw" >"$machine/proc/self/mountinfo"
doctor --install
check "a chroot" fails_with namespaces "outside of it: mount --bind FOLDER FOLDER, then chroot FOLDER"
rm -r "$machine/proc"
doctor --install
check "a chroot without /proc" fails_with namespaces "mount -t proc proc /proc"
closed 1000
echo 0 >"$machine/proc/sys/kernel/unprivileged_userns_clone"
doctor --install
check "namespaces are root's" fails_with namespaces "sudo sysctl kernel.unprivileged_userns_clone=1"
closed 1000
echo 0 >"$machine/proc/sys/user/max_user_namespaces"
doctor --install
check "no user namespaces" fails_with namespaces "sudo sysctl user.max_user_namespaces=10000"
closed 1000
echo 1 >"$machine/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
doctor --install
check "AppArmor's restriction" fails_with namespaces "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
closed 1000
doctor --install
check "another reason" fails_with namespaces "sudo make"
rm "$bin/newuidmap"
doctor --install
check "without the packages it is not tried" fails_with packages "sudo sh -c '${install% *} uidmap'"

# The disk of the cache is played as a small one, that of the tree too.
machine 0 debian
# shellcheck disable=SC2016 # for the played program
play df 'case $3 in '"$tree"'*) echo; echo disk 9 9 90000 ;; *) echo; echo disk 9 9 4000 ;; esac'
doctor --install
check "a small disk for the cache" fails_with cache "export RMPOPT_CACHE=/path, a folder on a larger disk"
# shellcheck disable=SC2016 # for the played program
play df 'case $3 in '"$tree"'*) echo; echo disk 9 9 1000 ;; *) echo; echo disk 9 9 90000 ;; esac'
doctor --install
check "a small disk for the tree" \
	fails_with tree "git clone into a folder on a larger disk that root may write to"

machine 0 debian
echo "MemAvailable: 2097152 kB" >"$machine/proc/meminfo"
doctor --install
check "little memory: said" tells "2048 MiB are available, 4096 are needed"
check "little memory: no reason to stop" [ $status = 0 ]

## The mirror

machine 0 debian
printf "'%s' x 0\n" http://third.example/debian/dists/any/main/binary-amd64/Packages.xz \
	https://local.example/debian-security/dists/bookworm-security/main/binary-amd64/Packages.xz \
	https://local.example/debian/dists/bookworm/main/binary-amd64/Packages.xz \
	https://local.example/debian/dists/bookworm-updates/main/binary-amd64/Packages.xz \
	>"$machine/uris"
doctor
check "the machine's mirror" grep -q "^ok      mirror  *https://local.example/debian$" "$work/output"
MIRROR=https://mine.example/debian doctor
check "MIRROR goes before it" grep -q "^ok      mirror  *https://mine.example/debian$" "$work/output"
sed -i /-updates/d "$machine/uris"
doctor
check "of several none is taken" tells "the one that mmdebstrap knows"
sed -i /third/d "$machine/uris"
doctor
check "the only one is taken" grep -q "^ok      mirror  *https://local.example/debian$" "$work/output"
# shellcheck disable=SC2016 # for the played program
printf '#!/bin/sh\ncase "$*" in *" https://local.example/debian/dists/trixie/InRelease "*) exit 1 ;; esac\n' \
	>"$machine/apt/apt-helper"
doctor --install
check "a mirror that does not answer" \
	fails_with mirror "export MIRROR=URL of a Debian mirror; http_proxy=URL where one is needed"
rm "$bin/apt-get" "$bin/apt-config"
doctor
check "a machine without apt" tells "the one that mmdebstrap knows"

finish
