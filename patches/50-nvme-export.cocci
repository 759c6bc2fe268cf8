// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: share the helpers that zns.c needs
// Why: the Zoned Namespace Command Set moves data, checks sizes and completes
//   requests in the same way as the rest of the device. The Zone Descriptor
//   Changed event names its namespace in dword 1 of the completion, which the
//   queue of events has no room for; zns-log.c completes the request itself.
// Retire-When: upstream splits ctrl.c by command set.
// Files: hw/nvme/ctrl.c hw/nvme/nvme.h
// Spatch-Options: --no-includes

@@
identifier f = {nvme_c2h, nvme_h2c, nvme_check_mdts, nvme_check_bounds};
type T;
parameter list P;
@@
- static inline T f(P)
+ T f(P)
 { ... }

@@
@@
- static
 nvme_misc_cb(...) { ... }

@@
typedef NvmeCtrl, NvmeNamespace, NvmeRequest, uint64_t, uint32_t;
@@
 nvme_sctrl_for_cntlid(...) { ... }
+
+void nvme_misc_cb(void *opaque, int ret);
+uint16_t nvme_check_mdts(NvmeCtrl *n, size_t len);
+uint16_t nvme_check_bounds(NvmeNamespace *ns, uint64_t slba, uint32_t nlb);
+uint16_t nvme_c2h(NvmeCtrl *n, void *ptr, uint32_t len, NvmeRequest *req);
+uint16_t nvme_h2c(NvmeCtrl *n, void *ptr, uint32_t len, NvmeRequest *req);

@@
identifier f = {nvme_enqueue_req_completion, nvme_process_aers};
parameter list P;
@@
- static
 void f(P)
 { ... }

@@
typedef NvmeCtrl, NvmeCQueue, NvmeRequest;
@@
+void nvme_enqueue_req_completion(NvmeCQueue *cq, NvmeRequest *req);
+void nvme_process_aers(void *opaque);
 void nvme_misc_cb(void *opaque, int ret);
