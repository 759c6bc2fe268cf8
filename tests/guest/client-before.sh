# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the guest of a client job does before it waits for the drive, sourced by
# init: loads the job's modules, and makes the drive where it is null_blk's.

# shellcheck source=/dev/null
. /job/settings
mkdir -p /mnt /dev/shm /tmp/kept
mount -t tmpfs none /dev/shm
while read -r module; do
    parameters=
    if [ "$module" = null_blk ]; then
        parameters=$NULL_BLK
    fi
    # shellcheck disable=SC2086
    insmod "/modules/$module" $parameters || fail "cannot load module $module"
done </modules/order

# init waits for it, unless it is there
[ -z "$NSID" ] || DRIVE=$(find_nvme_disk "$NSID") || DRIVE=/dev/nvme0n1
