// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: append data with protection information
// Why: the block layer assigns the position of an append when it reserves it.
//   Only then it is known where the metadata belongs, and what to remap the
//   reference tags to.
// Retire-When: upstream's nvme appends through the block layer.
// Files: hw/nvme/dif.c
// Spatch-Options: --no-includes

@@
@@
 #include "dif.h"
+#include "zns.h"

@@
@@
 nvme_dif_rw(...)
 {
 <...
- req->aiocb = blk_aio_pwritev(ns->blkconf.blk, offset, &ctx->data.iov, 0,
-                              nvme_dif_rw_mdata_out_cb, ctx);
+ nvme_zns_dif_write(ctx, offset, nvme_dif_rw_mdata_out_cb);
 ...>
 }
