#!/bin/sh
# Boots this machine's own systemd in namespaces of its own, over a copy-on-write view of this machine's files.
#   unshare --mount --propagation private sh boot.sh STAGE BUNDLE PYTHON
# STAGE is an empty folder; BUNDLE appears inside as "/media/the bundle", PYTHON (a prefix) as /opt/python.
# It ends when that systemd ends, or with a SIGTERM, and leaves nothing behind.
# Nothing in there can reach this machine: own processes, network, host name, IPC, cgroup, /dev, /run and /tmp.
set -eu

if [ "$1" != --inside ]; then
    stage=$1
    mkdir "$stage/cgroup" "$stage/disk"
    # A cgroup of its own: a systemd that runs out here already must not see another one tidy its cgroups.
    mount -t cgroup2 cgroup2 "$stage/cgroup"
    cgroup=$stage/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/booted-$$
    mkdir -p "$cgroup"
    sh -c 'echo 0 >"$1/cgroup.procs"; shift; exec "$@"' - "$cgroup" \
        unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh "$0" --inside "$@" &
    trap 'echo 1 >"$cgroup/cgroup.kill"' TERM
    wait $! || true
    until find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.1; done
    exit
fi

stage=$2 bundle=$3 python=$4
mount -t tmpfs -o size=3g,mode=755 disk "$stage/disk"
cd "$stage/disk"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
cd root
mkdir -p opt/python "media/the bundle" outside
mount --bind "$python" opt/python
mount --bind "$bundle" "media/the bundle"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for folder in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs $folder; done
chmod 1777 tmp
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
for device in null zero full random urandom; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

# Of all services of this machine only the journal's starts.
find lib/systemd/system etc/systemd/system -path '*.wants/*' ! -name 'systemd-journald*' -delete
for generator in lib/systemd/system-generators/*; do : >"$generator"; chmod -x "$generator"; done
: >etc/fstab
: >etc/machine-id
rm -rf opt/inspector etc/inspector var/lib/inspector var/log/journal etc/systemd/system/inspector*
echo /opt/python/lib >etc/ld.so.conf.d/00-python.conf # a Python built with a shared library looks for it there
chroot . /sbin/ldconfig
ip link set lo up

pivot_root . outside
umount -l /outside
mount --make-rshared / # as at a real boot: systemd hands credentials over by mounts that have to propagate
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target \
    --log-target=journal
