#!/bin/sh
# system_packages.sh NAME...: see to it that these programs and libraries from outside Python are there.
# Nothing happens when they are; what is missing is installed, or named.
set -eu
PATH=$PATH:/usr/sbin:/sbin # where Debian keeps nginx, ip and ldconfig, which a plain user's PATH lacks

there() {
    case $1 in
        postgres) ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v initdb >/dev/null ;;
        lib*) ldconfig -p | grep -q "^[[:space:]]*$1 " ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

missing=
for name; do
    case $name in # Debian's name of the package that holds it
        cc) package='gcc libc6-dev' ;;
        chromedriver) package=chromium-driver ;;
        ip) package=iproute2 ;;
        libatomic.so.1) package=libatomic1 ;;
        nginx) package=nginx-light ;;
        node) package=nodejs ;;
        postgres) package=postgresql ;;
        systemd-analyze) package=systemd ;;
        WebKitWebDriver) package=webkit2gtk-driver ;;
        Xvfb) package=xvfb ;;
        *) package=$name ;;
    esac
    there "$name" || missing="$missing $package"
done

if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # a list of names
    exec "$(dirname "$0")/apt_install.sh" $missing
fi
