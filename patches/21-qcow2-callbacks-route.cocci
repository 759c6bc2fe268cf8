// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: qcow2: route requests through the zone table
// Why: the callbacks of block/zone with the same names gate requests to zoned
//   images and refuse what does not carry zones; on other images they are a
//   null test in front of the old ones.
// Retire-When: block/zone is part of the base.
// Files: block/qcow2.c
// Spatch-Options: --no-includes

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_preadv_part =
-    qcow2_co_preadv_part
+    qcow2_zone_co_preadv_part
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_pwritev_part =
-    qcow2_co_pwritev_part
+    qcow2_zone_co_pwritev_part
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_pwrite_zeroes =
-    qcow2_co_pwrite_zeroes
+    qcow2_zone_co_pwrite_zeroes
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_pdiscard =
-    qcow2_co_pdiscard
+    qcow2_zone_co_pdiscard
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_block_status =
-    qcow2_co_block_status
+    qcow2_zone_co_block_status
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_flush_to_os =
-    qcow2_co_flush_to_os
+    qcow2_zone_co_flush_to_os
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_copy_range_from =
-    qcow2_co_copy_range_from
+    qcow2_zone_co_copy_range_from
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_copy_range_to =
-    qcow2_co_copy_range_to
+    qcow2_zone_co_copy_range_to
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_truncate =
-    qcow2_co_truncate
+    qcow2_zone_co_truncate
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_pwritev_compressed_part =
-    qcow2_co_pwritev_compressed_part
+    qcow2_zone_co_pwritev_compressed_part
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_make_empty =
-    qcow2_make_empty
+    qcow2_zone_make_empty
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_snapshot_create =
-    qcow2_snapshot_create
+    qcow2_zone_snapshot_create
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_co_change_backing_file =
-    qcow2_co_change_backing_file
+    qcow2_zone_co_change_backing_file
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_refresh_limits =
-    qcow2_refresh_limits
+    qcow2_zone_refresh_limits
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_detach_aio_context =
-    qcow2_detach_aio_context
+    qcow2_zone_detach_aio_context
 };

@@
@@
 BlockDriver bdrv_qcow2 = {
     .bdrv_attach_aio_context =
-    qcow2_attach_aio_context
+    qcow2_zone_attach_aio_context
 };
