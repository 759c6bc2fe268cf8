/*
 * virtio-blk on images that keep their own zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * "Virtio" names the Virtual I/O Device specification 1.3, section 5.2.  Each
 * call does nothing on a drive without zones of ours (blk_get_zone_geometry()),
 * among them host zoned devices, unless it says otherwise.  All run in the
 * AioContext of the request's queue.
 */

#ifndef HW_BLOCK_VIRTIO_BLK_ZONE_H
#define HW_BLOCK_VIRTIO_BLK_ZONE_H

#include "hw/virtio/virtio-blk.h"

/*
 * Before the device is realized, on every zoned drive: requests are not merged,
 * since a zone, or the boundary between two, may refuse one of them and not the
 * others.  On an image with zones, the device does not let it be resized.
 * False, with an error that names the property, when zones or their capacities
 * are not whole numbers of logical blocks: a guest could not fill them.
 */
bool virtio_blk_zone_configure(VirtIOBlkConf *conf, Error **errp);

/*
 * Takes requests of the types that exist for zoned devices alone, and refuses
 * those that a host-managed device does not have.  out_iov and in_iov are what
 * is left between header and status.  Returns true when the request has been
 * taken: it completes by itself.  A report whose fields are good is left to
 * the caller (false).
 */
bool virtio_blk_zone_request(VirtIOBlockReq *req, uint32_t type,
                             struct iovec *out_iov, unsigned out_num,
                             struct iovec *in_iov, unsigned in_num);

/*
 * Completes a request that a zone has refused (error: a positive errno) with
 * the status for the refusal, whatever werror and rerror say: the guest has
 * made a mistake, nothing is wrong with the host.  A write off the write
 * pointer is not completed while others wait for "cont" (werror=stop): it
 * follows them, and is judged then.  acct: account for it as invalid.  Returns
 * false for every other error.
 */
bool virtio_blk_zone_refused(VirtIOBlockReq *req, int error, bool is_read,
                             bool acct);

/* Of virtio-blk.c: carries out werror or rerror; true unless they ignore */
int virtio_blk_handle_rw_error(VirtIOBlockReq *req, int error, bool is_read,
                               bool acct_failed);

#endif /* HW_BLOCK_VIRTIO_BLK_ZONE_H */
