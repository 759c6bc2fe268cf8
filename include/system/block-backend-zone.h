/*
 * Zones of a block backend, for device models
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A backend has zones here when a zone table of ours stands behind it: a
 * zoned qcow2 image, or a node of the driver "zoned".  Host zoned devices keep
 * their zones in the drive and count as having none; blk_aio_zone_report()
 * and its companions serve those.
 *
 * All positions and lengths are in bytes.  Requests that the zones refuse
 * complete with an errno of their own: zone_status_from_errno() tells which
 * refusal it is (ZONE_OK for ordinary I/O errors).
 */

#ifndef BLOCK_BACKEND_ZONE_H
#define BLOCK_BACKEND_ZONE_H

#include "block/zone-io.h"
#include "system/block-backend-common.h"
#include "system/dma.h"

/*
 * Geometry and limits: fixed while the backend has the same root node, ZRWAs
 * apart (blk_set_zone_zrwa()).  Limits of 0 mean no limit.  All are 0 for a
 * backend without zones, among them one whose node the monitor has removed.
 */
BlockZoneModel blk_get_zone_model(BlockBackend *blk);
uint64_t blk_get_zone_size(BlockBackend *blk);
uint64_t blk_get_zone_capacity(BlockBackend *blk);
uint32_t blk_get_nr_zones(BlockBackend *blk);
uint32_t blk_get_nr_conventional_zones(BlockBackend *blk);
uint32_t blk_get_max_open_zones(BlockBackend *blk);
uint32_t blk_get_max_active_zones(BlockBackend *blk);
uint32_t blk_get_max_append_bytes(BlockBackend *blk);
/* The same in sectors of 512 bytes */
uint32_t blk_get_max_append_sectors(BlockBackend *blk);
/* Length of one zone descriptor extension, a multiple of 64; 0 = none */
uint32_t blk_get_zd_ext_size(BlockBackend *blk);
/* Length of a Zone Random Write Area; 0 = none */
uint64_t blk_get_zrwa_size(BlockBackend *blk);
/* The whole geometry, ZRWA included; NULL for a backend without zones */
const ZoneGeometry *blk_get_zone_geometry(BlockBackend *blk);

/*
 * Copies what is known of one zone; zone_idx below blk_get_nr_zones().  The
 * zones of a node that the monitor has removed are Offline, at byte 0.
 */
void blk_get_zone_info(BlockBackend *blk, uint32_t zone_idx, ZoneInfo *info);
ZoneCounts blk_get_zone_counts(BlockBackend *blk);
/*
 * The first zone in a state, from zone_idx on, or end_idx; how many there are
 * from zone_idx on (zone_table_count_from()).  Only with zones.
 */
uint32_t blk_find_zone(BlockBackend *blk, ZoneState state, uint32_t zone_idx,
                       uint32_t end_idx);
uint32_t blk_count_zones_from(BlockBackend *blk, ZoneState state,
                              uint32_t zone_idx);

/*
 * Would a write be accepted now (zone_table_check_write())?  For commands
 * that write in several steps; plain writes are checked when submitted.
 * ZONE_ERR_OFFLINE without zones, as for events below.
 */
ZoneStatus blk_check_zone_write(BlockBackend *blk, int64_t offset,
                                int64_t bytes);
/* Would the event be accepted in the zone now (zone_table_check_event())? */
ZoneStatus blk_check_zone_event(BlockBackend *blk, uint32_t zone_idx,
                                ZoneEvent event);

/*
 * May an Implicitly Opened zone be closed to make room for another?  Zones
 * that come with an image start with yes.
 */
void blk_set_zone_auto_close(BlockBackend *blk, bool enable);

/*
 * Gives the zones of blk Zone Random Write Areas: a property of the device
 * that uses the drive, not of the drive.  All in bytes, as in ZoneGeometry; 0
 * takes them away.  No zone may have one: after blk_zone_power_cycle() none
 * has.
 */
void blk_set_zone_zrwa(BlockBackend *blk, uint64_t zrwa_bytes,
                       uint64_t granularity_bytes, uint32_t max_zones);

/*
 * Fills zde (blk_get_zd_ext_size() bytes) with the extension of a zone: zeros
 * where ZDEV is clear.  info is the zone at the same moment.  Does I/O.
 */
int coroutine_fn blk_co_get_zone_with_extension(BlockBackend *blk,
                                                uint32_t zone_idx, void *zde,
                                                ZoneInfo *info);
int coroutine_fn blk_co_get_zone_extension(BlockBackend *blk,
                                           uint32_t zone_idx, void *zde);
int co_wrapper_mixed blk_get_zone_extension(BlockBackend *blk,
                                            uint32_t zone_idx, void *zde);
/*
 * Zone management.  action (and action->zde) stay valid until cb is called.
 * Reset, Finish, Offline and Set Zone Descriptor Extension are durable when cb
 * is called with 0.  With select_all, zones in other states are skipped.
 */
BlockAIOCB *blk_aio_zone_action(BlockBackend *blk, const ZoneAction *action,
                                BlockCompletionFunc *cb, void *opaque);
int coroutine_fn blk_co_zone_action(BlockBackend *blk,
                                    const ZoneAction *action);
int co_wrapper_mixed blk_zone_action(BlockBackend *blk,
                                     const ZoneAction *action);

/*
 * A write or append that has more to it than data.  All of it stays valid until
 * cb is called; an append has its place in it then.
 */
BlockAIOCB *blk_aio_zone_write(BlockBackend *blk, ZoneIOWrite *write,
                               BlockCompletionFunc *cb, void *opaque);
/* For a ZoneTail: writes behind the zones of blk; qiov NULL: zeros */
int coroutine_fn GRAPH_RDLOCK
blk_zone_co_tail(BlockBackend *blk, int64_t offset, int64_t bytes,
                 QEMUIOVector *qiov);

/*
 * A power cycle of the zones without closing the node (section 2.1.1.3): open
 * zones become Closed or Empty, ZRWAs are gone.  Writes in flight first end.
 */
int coroutine_fn blk_co_zone_power_cycle(BlockBackend *blk);
int co_wrapper_mixed blk_zone_power_cycle(BlockBackend *blk);

/*
 * The drive itself (not the host) has changed the state, FZR or RZR of a zone:
 * notifier->notify(notifier, uint32_t *zone_idx) is called in the main loop,
 * when the change is durable.  Both in the main loop.  The notifier is zeroed
 * before, apart from notify; it goes with the node, and must be added again
 * when blk gets another one.  Adding it does nothing on a backend without
 * zones; removing one that is not (any more) added does nothing.
 */
void blk_add_zone_change_notifier(BlockBackend *blk, Notifier *notifier);
void blk_remove_zone_change_notifier(Notifier *notifier);

/*
 * What the device announces of its zones, ZONE_TRAIT_*, until it is called with
 * 0; and has the drive finish a zone by itself, if it is still active (a Zone
 * Active Excursion, section 5.5).  Both in the main loop.
 */
void blk_set_zone_traits(BlockBackend *blk, unsigned traits);
void blk_start_zone_excursion(BlockBackend *blk, uint32_t zone_idx);

/*
 * Appends guest memory to the zone that starts at *offset; on success *offset
 * is where it went.  *offset and sg stay valid until cb is called.  Never
 * splits the data: where it cannot be mapped whole, it goes through a buffer.
 */
BlockAIOCB *dma_blk_zone_append(BlockBackend *blk, QEMUSGList *sg,
                                int64_t *offset, BdrvRequestFlags flags,
                                BlockCompletionFunc *cb, void *opaque);

/*
 * Writes guest memory at offset as one request, which dma_blk_write() does not
 * promise: the zone has to reserve all of it when the write is submitted.
 */
BlockAIOCB *dma_blk_zone_write(BlockBackend *blk, QEMUSGList *sg,
                               int64_t offset, BdrvRequestFlags flags,
                               BlockCompletionFunc *cb, void *opaque);

/*
 * Puts a node of the driver "zoned" over the root node of blk (the
 * base's zoned=on); undone when the backend's root goes.  Errors: errp, false.
 */
bool blk_insert_volatile_zones(BlockBackend *blk, const ZoneGeometry *geometry,
                               Error **errp);

/*
 * A reference to the zones, for a device that looks at them for as long as it
 * lives (zone_io_unref()); NULL without zones.
 */
ZoneIO *blk_ref_zones(BlockBackend *blk);

/*
 * For block/block-backend.c: what blk_co_zone_report() and so on do once they
 * may begin, to zones of ours and of the host's.
 */
int coroutine_fn GRAPH_RDLOCK
blk_zone_co_report(BlockBackend *blk, int64_t offset, unsigned int *nr_zones,
                   BlockZoneDescriptor *zones);
int coroutine_fn GRAPH_RDLOCK
blk_zone_co_mgmt(BlockBackend *blk, BlockZoneOp op, int64_t offset,
                 int64_t len);
int coroutine_fn GRAPH_RDLOCK
blk_zone_co_append(BlockBackend *blk, int64_t *offset, QEMUIOVector *qiov,
                   BdrvRequestFlags flags);

/*
 * Of block/block-backend.c: the child through which blk has its node (NULL
 * without one), and its part in a group of limits; from any thread
 */
BdrvChild *blk_zone_root(BlockBackend *blk, struct ThrottleGroupMember **tgm);

/*
 * blk_replace_bs() for the property "drive" of a device that is in use.
 * Devices look at zones when they are realized: where zones would come or go,
 * it is -ENOTSUP, with an error that names device and node.
 */
int blk_zone_replace_bs(BlockBackend *blk, BlockDriverState *new_bs,
                        Error **errp);
/*
 * Before dev gets blk for that property: false, with an error, when its node is
 * zoned and dev is none of the devices that look at zones.
 */
bool blk_zone_check_device(BlockBackend *blk, DeviceState *dev, Error **errp);

#endif /* BLOCK_BACKEND_ZONE_H */
