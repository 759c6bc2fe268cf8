// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: scsi-disk: write to zones as one request
// Why: a zone reserves the whole of a write when it is submitted. One that comes
//   piece by piece would be overtaken by the next, which is refused then.
// Retire-When: upstream's scsi-hd has Zoned Block Commands.
// Files: hw/scsi/scsi-disk.c
// Spatch-Options: --no-includes

@@
@@
 scsi_write_data(...)
 {
 <...
- dma_blk_io
+ scsi_zbc_dma_write
  (...)
 ...>
 }

@@
@@
 scsi_write_complete_noio(...)
 {
 <...
- scsi_init_iovec(r, SCSI_DMA_BUF_SIZE)
+ scsi_init_iovec(r, scsi_zbc_piece_bytes(&r->req, SCSI_DMA_BUF_SIZE))
 ...>
 }
