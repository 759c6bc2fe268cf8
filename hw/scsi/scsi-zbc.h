/*
 * Host-managed zoned SCSI disks (Zoned Block Commands)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * scsi-hd on a backend with zones is such a disk.  The zones live behind the
 * block backend, which decides about writes and zone actions in the order in
 * which they are submitted; scsi-disk.c calls what is here, which does nothing
 * for backends without zones.
 */

#ifndef HW_SCSI_ZBC_H
#define HW_SCSI_ZBC_H

#include "hw/scsi/scsi.h"
#include "system/dma.h"

/* The block size has been set.  False, with an error: no disk for such zones */
bool scsi_zbc_realize(SCSIDevice *dev, Error **errp);
/* To the zones, an unplugged disk has lost its power */
void scsi_zbc_unrealize(SCSIDevice *dev);

/* As SCSIDeviceClass has it: the fields of the commands on zones */
int scsi_zbc_parse_cdb(SCSIDevice *dev, SCSICommand *cmd, uint8_t *buf,
                       size_t buf_bytes, void *hba_private);
/* Who carries out a command: for those on zones this file, else ops */
const SCSIReqOps *scsi_zbc_reqops(SCSIDevice *dev, uint8_t opcode,
                                  const SCSIReqOps *ops);

/*
 * Checks a read or write of nr_blocks that comes before the zones see it.
 * False: it has completed, with sense.
 */
bool scsi_zbc_check_rw(SCSIRequest *req, uint32_t nr_blocks);
/* How much of a write without a list of guest memory to submit at once */
size_t scsi_zbc_piece_bytes(SCSIRequest *req, size_t piece_bytes);
/* As dma_blk_io(), with the request for io_func_opaque: a write is not split */
BlockAIOCB *scsi_zbc_dma_write(QEMUSGList *sg, uint64_t offset_bytes,
                               uint32_t align, DMAIOFunc *io_func,
                               void *io_func_opaque, BlockCompletionFunc *cb,
                               void *opaque, DMADirection dir);
/*
 * A request has failed with ret: true when it was the zones that refused it,
 * and then it has completed, with sense.
 */
bool scsi_zbc_refuse(SCSIRequest *req, int ret);

/*
 * INQUIRY has filled len bytes at outbuf, or (negative) has no such page; so do
 * these, for a zoned disk.
 */
int scsi_zbc_inquiry(SCSIRequest *req, uint8_t *outbuf, int len);
/* The same of READ CAPACITY (16) */
void scsi_zbc_read_capacity(SCSIDevice *dev, uint8_t *outbuf);

#endif /* HW_SCSI_ZBC_H */
