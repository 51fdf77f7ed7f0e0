#!/bin/sh
# Installs the inspector from this bundle, with no network; run as root. Running it again updates what is there.
#   --python FILE   the Python to use, of the bundle's version (default: pythonX.Y)
#   --root DIR      put everything below DIR and leave the system's services alone: to try it
#   --help          this text
# It writes /opt/inspector, /etc/inspector/recipes, /etc/inspector/example.toml and the unit; no line's configuration.
set -eu

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

from=$PWD
here() { # a path as seen from where the caller stands; a bare name is looked up on the PATH
    case $1 in
        /*) echo "$1" ;;
        */*) echo "$from/$1" ;;
        *) if [ "${2:-}" = folder ]; then echo "$from/$1"; else echo "$1"; fi ;;
    esac
}

cd "$(dirname "$0")"
. ./bundle.env
python=python$PYTHON root=
while [ $# -gt 0 ]; do
    case $1 in
        --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' install.sh; exit 0 ;;
        --python | --root) [ $# -gt 1 ] || fail "$1 needs a path after it." ;;
        *) fail "$1 is not an option; expected --python FILE, --root DIR or --help." ;;
    esac
    case $1 in
        --python) python=$(here "$2") ;;
        --root) root=$(here "$2" folder) ;;
    esac
    shift 2
done

sha256sum --quiet --check SHA256SUMS || fail "a file of this bundle was altered or half copied. Copy the tar again."
found=$("$python" -c 'import sys; print("{}.{}".format(*sys.version_info[:2]))' 2>/dev/null) || found=missing
[ "$found" = "$PYTHON" ] ||
    fail "$python is $found; expected Python $PYTHON. Install it, or make the bundle with another --python."
[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || fail "not run as root; expected root. Use sudo, or --root DIR to try it."

program=$root/opt/inspector etc=$root/etc
echo "installing into $program"
"$python" -m venv "$program" || fail "$python cannot make a virtual environment. Install its venv module."
PIP_CONFIG_FILE=/dev/null "$program/bin/python" -m pip --isolated --disable-pip-version-check install --quiet \
    --upgrade --no-index --find-links wheels "inline-steel-inspector${EXTRAS:+[$EXTRAS]}"

mkdir -p "$etc/inspector/recipes/$RECIPE" "$etc/sysusers.d" "$etc/tmpfiles.d" "$etc/systemd/system"
install -m 644 "recipes/$RECIPE"/* "$etc/inspector/recipes/$RECIPE"
install -m 644 example.toml "$etc/inspector/example.toml"
install -m 644 systemd/inspector.sysusers.conf "$etc/sysusers.d/inspector.conf"
install -m 644 systemd/inspector.tmpfiles.conf "$etc/tmpfiles.d/inspector.conf"
install -m 644 systemd/inspector@.service "$etc/systemd/system"
if [ -z "$root" ]; then
    systemd-sysusers
    systemd-tmpfiles --create inspector.conf
    systemctl daemon-reload
fi

"$program/bin/inspector" check "$etc/inspector/example.toml"
start="systemctl enable --now inspector@line1"
[ -z "$root" ] || start="$program/bin/inspector run $etc/inspector/line1.toml"
echo "Copy $etc/inspector/example.toml to line1.toml there, correct it, and: $start"
