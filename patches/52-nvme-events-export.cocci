// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: share how events are sent
// Why: the Zone Descriptor Changed event names its namespace in dword 1 of the
//   completion, which the queue of events has no room for; zns-log.c completes
//   the request itself.
// Retire-When: upstream's nvme sends events of a namespace.
// Files: hw/nvme/ctrl.c hw/nvme/nvme.h
// Spatch-Options: --no-includes

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
