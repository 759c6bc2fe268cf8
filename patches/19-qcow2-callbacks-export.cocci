// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: qcow2: share the driver callbacks
// Why: zoned images put a zone table in front of them, from block/zone, whose
//   header declares both.
// Retire-When: block/zone is part of the base.
// Files: block/qcow2.c block/qcow2.h
// Spatch-Options: --no-includes

@@
identifier f = {
    qcow2_co_preadv_part, qcow2_co_pwritev_part, qcow2_co_pwrite_zeroes,
    qcow2_co_pdiscard, qcow2_co_block_status, qcow2_co_flush_to_os,
    qcow2_co_copy_range_from, qcow2_co_copy_range_to, qcow2_co_truncate,
    qcow2_co_pwritev_compressed_part, qcow2_make_empty,
    qcow2_co_change_backing_file, qcow2_refresh_limits,
    qcow2_detach_aio_context, qcow2_attach_aio_context, qcow2_handle_l2meta
};
@@
- static
 f(...) { ... }

@@
@@
 #include "block/block_int.h"
+#include "block/zone/qcow2/zone.h"
