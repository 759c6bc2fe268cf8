// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: retire the zones in memory, use those of the backend
// Why: the state of the zones belongs to the image, behind the block layer,
//   which checks writes in the order of submission and answers with a refusal
//   of its own. What kept zones here goes, and calls into zns.c take its
//   place. A Copy that ends before its first I/O no longer accounts for what
//   was never started. Compare, Verify and Dataset Management check zones as
//   reads do, which they did not. Format NVM, which the base refuses there,
//   empties the zones. The base has neither the event nor the log page of
//   changed zones; a controller that is unplugged counts as shut down, one that
//   is reset does not. Format of all namespaces checks all of them first. The
//   block layer assigns the position of an append when it reserves it: only
//   then it is known where metadata belongs, and what to remap reference tags
//   to. A write has not ended before its metadata is written.
// Retire-When: upstream's nvme-ns uses zones of the block layer.
// Files: hw/nvme/ctrl.c hw/nvme/dif.c hw/nvme/ns.c hw/nvme/nvme.h
// Spatch-Options: --no-includes

// ---- what goes ----

@@
identifier f = {
    nvme_assign_zone_state, nvme_zns_check_resources, nvme_aor_check,
    nvme_zone_idx, nvme_get_zone_by_slba, nvme_check_zone_state_for_write,
    nvme_check_zone_write, nvme_check_zone_state_for_read,
    nvme_check_zone_read, nvme_zrm_finish, nvme_zrm_close, nvme_zrm_reset,
    nvme_zrm_auto_transition_zone, nvme_zrm_open_flags, nvme_zrm_auto,
    nvme_advance_zone_wp, nvme_zoned_zrwa_implicit_flush,
    nvme_finalize_zoned_write, nvme_is_write, nvme_get_mgmt_zone_slba_idx,
    nvme_open_zone, nvme_close_zone, nvme_finish_zone, nvme_offline_zone,
    nvme_set_zd_ext, nvme_bulk_proc_zone, nvme_do_zone_op,
    nvme_zone_reset_cancel, nvme_zone_reset_epilogue_cb, nvme_zone_reset_cb,
    nvme_zone_mgmt_send_zrwa_flush, nvme_zone_mgmt_send,
    nvme_zone_matches_filter, nvme_zone_mgmt_recv,
    nvme_ns_zoned_check_calc_geometry, nvme_ns_zoned_init_state,
    nvme_ns_init_zoned, nvme_clear_zone, nvme_zoned_ns_shutdown,
    nvme_get_zone_state, nvme_set_zone_state, nvme_zone_rd_boundary,
    nvme_zone_wr_boundary, nvme_wp_is_valid, nvme_get_zd_extension,
    nvme_aor_inc_open, nvme_aor_dec_open, nvme_aor_inc_active,
    nvme_aor_dec_active
};
@@
- f(...) { ... }

@@
type T;
@@
- typedef T op_handler_t;

@@
@@
- enum NvmeZoneProcessingMask { ... };

@@
identifier e = NVME_ZRM_AUTO;
@@
- enum { e = ..., ... };

@@
field list F;
@@
- typedef struct NvmeZoneResetAIOCB { F } NvmeZoneResetAIOCB;

@@
@@
- static const AIOCBInfo nvme_zone_reset_aiocb_info = { ... };

@@
typedef NvmeZone;
identifier z = zone;
@@
 typedef struct NvmeCopyAIOCB {
 ...
- NvmeZone *z;
 ...
 } NvmeCopyAIOCB;

// ---- ctrl.c: reads and writes ----

@@
@@
 nvme_do_write(...)
 {
 ...
- NvmeZone *zone;
- NvmeZonedResult *res = ...;
 ...
 }

@@
@@
 nvme_do_write(...)
 {
 <...
(
- zone = nvme_get_zone_by_slba(ns, slba);
|
- assert(zone);
|
- if (append) { ... }
|
- status = nvme_check_zone_write(ns, zone, slba, nlb);
- if (status) { ... }
|
- status = nvme_zrm_auto(n, ns, zone);
+ status = nvme_zns_check_write(n, req, append);
|
- if (!(zone->d.za & NVME_ZA_ZRWA_VALID)) { ... }
+ slba = le64_to_cpu(rw->slba);
|
- blk_aio_pwrite_zeroes(blk, data_offset, data_size, BDRV_REQ_MAY_UNMAP,
-                       nvme_rw_cb, req)
+ nvme_zns_write_zeroes(req, data_offset, data_size, nvme_rw_cb,
+                       nvme_rw_complete_cb)
)
 ...>
 }

@@
@@
 nvme_blk_write(...)
 {
 ...
 assert(...);
+ if (req->ns->params.zoned) {
+     nvme_zns_blk_write(blk, offset, cb, req);
+     return;
+ }
 ...
 }

@@
statement S;
@@
 nvme_rw_complete_cb(...)
 {
 <...
(
 trace_pci_nvme_rw_complete_cb(...);
+ ret = nvme_zns_complete(req, ret);
|
- if (ns->params.zoned && nvme_is_write(req)) S
)
 ...>
 }

@@
identifier f = {nvme_verify, nvme_compare};
@@
 f(...)
 {
 <...
- nvme_check_bounds
+ nvme_zns_check_read
 (ns, slba, nlb)
 ...>
 }

@@
@@
 nvme_dsm(...)
 {
 <...
 status = nvme_h2c(...);
+ status = status ?: nvme_zns_check_dsm(n, ns, iocb->range, nr);
 ...>
 }

@@
statement S;
@@
 nvme_copy(...)
 {
 <...
(
- iocb->zone = NULL;
|
 iocb->ret = 0;
+ memset(&iocb->acct, 0, sizeof(iocb->acct));
|
- if (ns->params.zoned) S
|
 status = nvme_check_copy_mcl(...);
+ status = status ?: nvme_zns_check_copy(req, iocb->slba, iocb->tcl);
)
 ...>
 }

@@
@@
 nvme_copy_out_completed_cb(...)
 {
 ...
- NvmeNamespace *dns = ...;
 ...
 }

@@
identifier f = {nvme_copy_out_completed_cb, nvme_copy_in_completed_cb};
statement S;
@@
 f(...)
 {
 <...
- if (dns->params.zoned) S
 ...>
 }

// ---- ctrl.c: each refusal has a status of its own ----

@@
identifier f = {
    nvme_misc_cb, nvme_verify_cb, nvme_compare_data_cb, nvme_compare_mdata_cb,
    nvme_copy_out_completed_cb
};
identifier S = {
    NVME_INTERNAL_DEV_ERROR, NVME_UNRECOVERED_READ, NVME_WRITE_FAULT
};
@@
 f(...)
 {
 <...
 req->status =
- S
+ nvme_zns_status(req->ns, req, ret, S)
 ;
 ...>
 }

@@
@@
 nvme_copy_in_completed_cb(...)
 {
 <...
(
 req->status =
- NVME_UNRECOVERED_READ
+ nvme_zns_status(iocb->sns, req, ret, NVME_UNRECOVERED_READ)
 ;
|
- blk_aio_pwritev(dns->blkconf.blk, nvme_l2b(dns, iocb->slba), &iocb->iov, 0,
-                 nvme_copy_out_cb, iocb)
+ nvme_zns_copy_write(req, iocb->slba, &iocb->iov, nvme_copy_out_cb,
+                     nvme_copy_out_completed_cb, iocb)
)
 ...>
 }

@@
typedef NvmeIdCtrlZoned;
@@
 nvme_identify_ctrl_csi(...)
 {
 <...
- ((NvmeIdCtrlZoned *)&id)->zasl = n->params.zasl;
+ nvme_zns_identify_ctrl(n, id);
 ...>
 }

// ---- ns.c ----

@@
statement S;
@@
- if (ns->params.zoned && ns->endgrp && ns->endgrp->fdp.enabled) S

@@
statement S;
@@
 nvme_ns_check_constraints(...)
 {
 <...
- if (ns->params.zoned) S
 ...>
 }

@@
@@
 nvme_ns_setup(...)
 {
 <...
+ if (!nvme_zns_setup(ns, errp)) {
+     return -1;
+ }
- if (ns->params.zoned) { ... }
 ...>
 }

@@
@@
 nvme_ns_shutdown(...)
 {
 <...
- nvme_zoned_ns_shutdown
+ nvme_zns_shutdown
 (ns)
 ...>
 }

@@
@@
 nvme_ns_cleanup(...)
 {
 ...
 if (ns->params.zoned) {
-    ...
+    nvme_zns_cleanup(ns);
 }
 ...
 }

@@
@@
 nvme_ns_realize(...)
 {
 <...
 ns->endgrp = &subsys->endgrp;
+ ns->zone_auto_close = n->params.auto_transition_zones;
 ...>
 }

// The default moves to zns-setup.c: an image has a zone size of its own

@@
@@
- #define NVME_DEFAULT_ZONE_SIZE (128 * MiB)

@@
@@
 DEFINE_PROP_SIZE("zoned.zone_size", ...,
- NVME_DEFAULT_ZONE_SIZE
+ 0
 )

// ---- ctrl.c: changed zones ----

@@
@@
 nvme_aer(...)
 {
 ...
 n->outstanding_aers++;
+ nvme_zns_send_events(n);
 ...
 }

@@
@@
 nvme_clear_events(...)
 {
 ...
 n->aer_mask &= ~(1 << event_type);
+ nvme_zns_send_events(n);
 ...
 }

@@
statement S;
@@
 nvme_ctrl_reset(...)
 {
 ...
+ nvme_zns_begin_reset(n);
 for (i = 1; i <= NVME_MAX_NAMESPACES; i++) S
 ...
 n->aer_mask = 0;
+ nvme_zns_repeat_events(n);
 ...
 }

@@
@@
 nvme_attach_ns(...)
 {
 ...
 ns->attached++;
+ nvme_zns_attached(n, ns);
 }

@@
@@
 nvme_detach_ns(...)
 {
 ...
 ns->attached--;
+ nvme_zns_detached(n, ns);
 }

@@
@@
 nvme_exit(...)
 {
 ...
 nvme_subsys_unregister_ctrl(n->subsys, n);
+ nvme_zns_ctrl_exit(n);
 ...
 }

// ---- ctrl.c: Format NVM ----

@@
@@
 nvme_format_check(...)
 {
 <...
- ns->params.zoned
+ nvme_zns_refuses_format(ns, lbaf)
 ...>
 }

@@
@@
 nvme_format(...)
 {
 ...
+ status = nvme_check_format(n, iocb->ns, iocb->lbaf, pi);
+ if (status) {
+     goto out;
+ }
 req->aiocb = &iocb->common;
 ...
 }

@@
@@
 nvme_format_ns_cb(...)
 {
 ...
 assert(ns);
+ if (ns->params.zoned && !iocb->offset) {
+     iocb->offset = ns->size;
+     iocb->aiocb = nvme_zns_format(ns, nvme_format_ns_cb, iocb);
+     return;
+ }
 ...
 }

@@
@@
 nvme_format_set(...)
 {
 ...
 nvme_ns_init_format(ns);
+ nvme_zns_init_format(ns);
 }

// ---- dif.c ----

@@
@@
 #include "dif.h"
+#include "zns.h"

@@
@@
 nvme_dif_rw(...)
 {
 <...
(
- blk_aio_pwritev(ns->blkconf.blk, offset, &ctx->data.iov, 0,
-                 nvme_dif_rw_mdata_out_cb, ctx)
+ nvme_zns_dif_write(ctx, offset, nvme_dif_rw_mdata_out_cb, nvme_dif_rw_cb)
|
- blk_aio_pwrite_zeroes(blk, offset, len, flags, nvme_dif_rw_mdata_out_cb, ctx)
+ nvme_zns_dif_write_zeroes(ctx, offset, len, flags, nvme_dif_rw_mdata_out_cb,
+                           nvme_dif_rw_cb)
)
 ...>
 }
