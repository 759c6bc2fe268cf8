# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A host-managed SCSI disk: sg3-utils on its commands, util-linux and btrfs on
# what Linux's sd_zbc makes of it.  Shows that it is taken for what it is, that
# opening, closing, finishing and resetting do that, with the conventional zones
# left alone, and that zones and files are there after the restart.
#
#: programs  nvme blkzone lsscsi sg_inq sg_vpd sg_rep_zones sg_reset_wp sg_zone
#: programs  mkfs.btrfs btrfs
#: modules   mq-deadline crc32c_generic? btrfs
#: drive     zones=16 zone_size=16M
#: scsi      zones=64 zone_size=16M conventional=4 max_open=32
#: variants  persistent killed cut
#: uses      ZONED_CMD_MGMT_RECV

SCSI=$(scsi_disk)

lba() {
    echo $(($1 * 32768))
}

# condition ZONE: as sd_zbc reports it
condition() {
    blkzone report -o "$(lba "$1")" -c 1 "$SCSI" |
        sed -n 's/.*zcond:.*(\(..\)).*/\1/p'
}

use_btrfs "$SCSI"

first() {
    run lsscsi
    says '(20)'
    same "model" "$(cat /sys/block/sda/queue/zoned)" host-managed
    same "zones" "$(cat /sys/block/sda/queue/nr_zones)" 64
    same "open" "$(cat /sys/block/sda/queue/max_open_zones)" 32
    run sg_inq "$SCSI"
    says 'PDT=20'
    run sg_vpd -p zbdc "$SCSI"
    says 'URSWRZ: 1'
    run sg_rep_zones --num=2 "$SCSI"
    says 'Zone type: conventional'
    run sg_zone --open --zone="$(lba 8)" "$SCSI"
    same "zone 8" "$(condition 8)" oe
    run dd if=/dev/zero of="$SCSI" bs=64k count=1 oflag=direct conv=notrunc \
        seek=$((8 * 256))
    run sg_zone --close --zone="$(lba 8)" "$SCSI"
    same "zone 8" "$(condition 8)" cl
    run sg_zone --finish --zone="$(lba 9)" "$SCSI"
    same "zone 9" "$(condition 9)" fu
    run sg_reset_wp --zone="$(lba 9)" "$SCSI"
    same "zone 9" "$(condition 9)" em
    refuse 'Illegal request' sg_reset_wp --zone=0 "$SCSI"
    run blkzone reset -o "$(lba 8)" -c 1 "$SCSI"
    make_filesystem
    mount_filesystem
    make_files /mnt
    keep_sums /mnt
    run umount /mnt
}

second() {
    check_filesystem
    mount_filesystem
    check_sums /mnt
    run cp /mnt/file5000 /mnt/again
    run btrfs balance start -d /mnt
    run umount /mnt
    check_filesystem
}
