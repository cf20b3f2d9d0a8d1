#!/bin/sh
# apt_install.sh PACKAGE...: install Debian packages, or say exactly what to install and fail.
set -eu

if [ "$(id -u)" -eq 0 ]; then
    sudo=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    sudo='sudo -n'
else
    sudo=no
fi

if [ "$sudo" = no ] || ! command -v apt-get >/dev/null; then
    echo "Missing system packages. Please install them, then run make again (Debian's names):" >&2
    echo "    sudo apt-get install $*" >&2
    exit 1
fi

# The tests start their own servers: installing one must not start it, now or at the next boot.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
if [ -e $policy ]; then
    trap 'rm -f "$log"' EXIT
else
    trap 'rm -f "$log"; $sudo rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
fi

echo "Installing system packages: $*"
# An old list of packages often does, so a failed update is not the end; a failed install is.
$sudo apt-get update >"$log" 2>&1 || true
if ! $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" >>"$log" 2>&1
then
    cat "$log" >&2
    echo "apt-get could not install: $*" >&2
    exit 1
fi
case " $* " in
    *' nginx'*) $sudo update-rc.d nginx disable >/dev/null 2>&1 || true ;;
esac
