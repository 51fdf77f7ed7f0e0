#!/bin/sh
# Installs the inspector from this bundle, with no network; run as root. Running it again updates what is there.
#   --python FILE   the Python to use, of the bundle's version (default: pythonX.Y, else the system's)
#   --gpu           admit an NVIDIA GPU to the lines; a bundle with TensorRT does so by itself
#   --root DIR      put everything below DIR and leave the system's services alone: to try it
#   --uninstall     stop all services and remove what was installed; configurations, recipes and journals stay
#   --purge         with --uninstall: remove those too, and the service's account
#   --help          this text
# It writes /opt/inspector, /etc/inspector/recipes, /etc/inspector/example.toml and the unit; no line's configuration.
set -eu
umask 022 # the service's account reads what root installs

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

unfit() { # says why a Python will not do; nothing of one that will
    found=$("$1" -c 'import sys; print("{}.{}".format(*sys.version_info[:2]))' 2>/dev/null) || found=missing
    if [ "$found" != "$PYTHON" ]; then
        echo "$1 is $found; expected Python $PYTHON. Install it, or make the bundle with another --python."
        return
    fi
    prefix=$("$1" -c 'import os, sys; print(os.path.realpath(sys.base_prefix))')
    administrator=$(getent passwd 0 | cut -d: -f6) # the unit's ProtectHome hides that folder, too
    case $root:$prefix in
        ":$administrator"/* | :/home/* | :/run/user/*)
            echo "$1 lives in $prefix, where the service sees nothing. Give a --python that all may read." ;;
    esac
}

ours() { # systemctl of all units of ours; the station's and a bridge's do not depend on a line's
    systemctl "$@" 'inspector@*.service' 'inspector-bridge@*.service' 'inspector-station*.service'
}

interpreter() { # the file that a Python is in the end; nothing of one that is gone
    "$1" -c 'import os, sys; print(os.path.realpath(sys.executable))' 2>/dev/null || true
}

put_back() { # undo what an installation with another Python set aside, and did not come to its end with
    [ -d "$aside" ] || return 0
    if [ -d "$aside/bin" ]; then
        [ -L "$aside/bin/python$PYTHON" ] || rm -rf "$program/lib/python$PYTHON"
        rm -rf "$program/bin"
        mv "$aside/bin" "$program"
    fi
    [ ! -f "$aside/pyvenv.cfg" ] || mv "$aside/pyvenv.cfg" "$program"
    rmdir "$aside"
    echo "$program is as it was before an installation that failed."
}

uninstall() {
    [ ! -e "$program" ] || [ -f "$program/pyvenv.cfg" ] ||
        fail "$program holds something else than an installed inspector. Remove it by hand."
    [ -n "$root" ] || ours stop
    rm -rf "$program"
    rm -f "$etc"/systemd/system/*.wants/inspector@*.service "$etc"/systemd/system/*.wants/inspector-bridge@*.service \
        "$etc"/systemd/system/*.wants/inspector-station.service "$etc/systemd/system/inspector-station.service" \
        "$etc/systemd/system/inspector@.service" "$etc/systemd/system/inspector-bridge@.service" \
        "$etc/systemd/system/inspector-failed@.service" "$etc/systemd/system/inspector@.service.d/gpu.conf" \
        "$etc/sysusers.d/inspector.conf" "$etc/tmpfiles.d/inspector.conf" "$etc/inspector/example.toml"
    rmdir "$etc/systemd/system/inspector@.service.d" 2>/dev/null || true # unless the site has drop-ins of its own
    if [ -z "$root" ]; then
        systemctl daemon-reload
        ours reset-failed
    fi
    if [ -n "$purge" ]; then
        rm -rf "$etc/inspector" "$root/var/lib/inspector" "$root/var/lib/inspector-bridge" "$root/var/lib/inspector-station" \
            "$etc"/systemd/system/inspector@*.service.d "$etc"/systemd/system/inspector-bridge@*.service.d \
            "$etc"/systemd/system/inspector-station.service.d
        [ -n "$root" ] || ! id inspector >/dev/null 2>&1 || userdel inspector
        echo "removed, with configurations, recipes and journals"
    else
        echo "removed; $etc/inspector and $root/var/lib/inspector* are as they were (--purge removes them)"
    fi
}

named() { # what the card of the recipe in a folder is called
    sed -n 's/^name *= *//p' "$1/recipe.toml" 2>/dev/null | head -n 1
}

refuse_another() { # two lines' recipes may lie in folders of one name where they were made
    there=$etc/inspector/recipes/$RECIPE
    [ -f "$there/recipe.toml" ] || return 0
    [ "$(named "$there")" = "$(named "recipes/$RECIPE")" ] || fail "$there holds the recipe $(named "$there"); this \
bundle has $(named "recipes/$RECIPE"). Copy its recipe to a folder of another name and make the bundle of that, \
or move $there away."
}

install_recipe() { # whole or not at all; what was there and is not the same stays, under another name
    into=$etc/inspector/recipes/$RECIPE new=$etc/inspector/recipes/.$RECIPE.new is_same=yes
    for file in "recipes/$RECIPE"/*; do
        cmp -s "$file" "$into/${file##*/}" && chmod 644 "$into/${file##*/}" || is_same=''
    done
    [ -z "$is_same" ] || return 0
    rm -rf "$new"
    mkdir "$new"
    [ ! -d "$into" ] || cp -a "$into/." "$new" # an engine that was built here
    [ ! -f "recipes/$RECIPE/engine.plan" ] || rm -rf "$new"/engine.*
    install -m 644 "recipes/$RECIPE"/* "$new"
    sync
    if [ -e "$into" ]; then
        kept=$into.before-$(date +%Y%m%d-%H%M%S)
        mv "$into" "$kept"
        echo "recipe $RECIPE was another: what was there is kept as $kept"
    fi
    mv "$new" "$into"
}

cd "$(dirname "$0")"
. ./bundle.env
python='' root='' uninstall='' purge='' gpu=''
while [ $# -gt 0 ]; do
    case $1 in
        --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p;}' install.sh; exit 0 ;;
        --uninstall) uninstall=yes; shift; continue ;;
        --purge) purge=yes; shift; continue ;;
        --gpu) gpu=yes; shift; continue ;;
        --python | --root) [ $# -gt 1 ] || fail "$1 needs a path after it." ;;
        *) fail "$1 is not an option; expected --python FILE, --gpu, --root DIR, --uninstall, --purge or --help." ;;
    esac
    case $1 in
        --python) python=$(here "$2") ;;
        --root) root=$(here "$2" folder) ;;
    esac
    shift 2
done
[ -z "$purge" ] || [ -n "$uninstall" ] || fail "--purge goes with --uninstall."
[ -n "$root" ] || [ "$(id -u)" -eq 0 ] || fail "not run as root; expected root. Use sudo, or --root DIR to try it."
program=$root/opt/inspector etc=$root/etc
aside=$program/before # of another Python: its bin and pyvenv.cfg, until the new one's packages are there
if [ -n "$uninstall" ]; then
    uninstall
    exit
fi

sha256sum --quiet --check SHA256SUMS || fail "a file of this bundle was altered or half copied. Copy the tar again."
refuse_another
if [ -n "$python" ]; then set -- "$python"; else
    set -- "python$PYTHON" "/usr/bin/python$PYTHON" "/usr/local/bin/python$PYTHON"
fi
python='' first=''
for candidate in "$@"; do
    why=$(unfit "$candidate")
    [ -n "$why" ] || { python=$candidate; break; }
    first=${first:-$why}
done
[ -n "$python" ] || fail "$first"

echo "installing into $program"
put_back
is_other=''
if [ -d "$program/bin" ] && [ "$(interpreter "$program/bin/python")" != "$(interpreter "$python")" ]; then
    is_other=yes # `venv` replaces no Python that is there; what runs goes on loading from that one's lib
    mkdir "$aside"
    trap put_back EXIT
    trap 'exit 1' HUP INT TERM
    mv "$program/bin" "$program/pyvenv.cfg" "$aside"
fi
"$python" -m venv "$program" || fail "$python cannot make a virtual environment. Install its venv module."
pip() {
    PIP_CONFIG_FILE=/dev/null "$program/bin/python" -m pip --isolated --disable-pip-version-check install --quiet \
        --no-index --find-links wheels "$@"
}
pip --upgrade "inline-steel-inspector${EXTRAS:+[$EXTRAS]}"
pip --force-reinstall --no-deps inline-steel-inspector # the same version may have been another build
[ ! -d "$aside" ] || mv "$aside" "$aside.done" # half removed it would be put back
rm -rf "$aside.done"

mkdir -p "$etc/inspector/recipes" "$etc/sysusers.d" "$etc/tmpfiles.d" "$etc/systemd/system"
install_recipe
install -m 644 example.toml "$etc/inspector/example.toml"
install -m 644 systemd/inspector.sysusers.conf "$etc/sysusers.d/inspector.conf"
install -m 644 systemd/inspector.tmpfiles.conf "$etc/tmpfiles.d/inspector.conf"
install -m 644 systemd/inspector@.service systemd/inspector-bridge@.service systemd/inspector-station.service \
    systemd/inspector-failed@.service \
    "$etc/systemd/system"
case ",$EXTRAS," in *,rtx-run,* | *,gpu,*) gpu=yes ;; esac
[ -z "$gpu" ] || install -D -m 644 systemd/gpu.conf "$etc/systemd/system/inspector@.service.d/gpu.conf"
running=''
if [ -z "$root" ]; then
    systemd-sysusers
    systemd-tmpfiles --create inspector.conf
    systemctl daemon-reload
    running=$(ours list-units --plain --no-legend --state=active,reloading,start | cut -d ' ' -f 1)
fi
for packages in "$program"/lib/python*; do
    [ "$packages" != "$program/lib/python$PYTHON" ] || continue
    [ -z "$is_other" ] || echo "Another Python than before: install again what you put into $packages yourself."
    [ -n "$is_other" ] && [ -n "$running" ] || rm -rf "$packages" # with the next update at the latest
done

"$program/bin/inspector" check "$etc/inspector/example.toml"
start="systemctl enable --now inspector@line1"
[ -z "$root" ] || start="\"$program/bin/inspector\" run \"$etc/inspector/line1.toml\""
echo "Copy \"$etc/inspector/example.toml\" to line1.toml there, correct it, and: $start"
[ -z "$running" ] || echo "Still running what was there before:" $running "(systemctl restart runs the new one)"
for unit in $running; do
    case $unit in inspector@*) line=${unit#inspector@} line=${line%.service} ;; *) continue ;; esac
    "$program/bin/inspector" check "$etc/inspector/$line.toml" >/dev/null ||
        echo "$unit would not start with the new one: correct what stands above before its next restart."
done
