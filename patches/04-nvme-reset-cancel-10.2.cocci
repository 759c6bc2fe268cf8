// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: cancel the commands of a controller that is reset
// Why: draining the namespaces waits for their reads and writes, not for a
//   Format, a Copy or a flush that is between two of them. Such a command went
//   on with a request that had been freed with its queue.
// Retire-When: nvme_ctrl_reset() cancels what the queues have in flight.
// Files: hw/nvme/ctrl.c
// Spatch-Options: --no-includes --smpl-spacing

@@
typedef NvmeSQueue, NvmeRequest, NvmeCtrl, NvmeResetType;
identifier n, rst;
@@
+/* Asynchronous Event Requests wait for no I/O: they are forgotten. */
+static void nvme_abort_requests(NvmeSQueue *sq)
+{
+    NvmeRequest *req;
+
+    while ((req = QTAILQ_FIRST(&sq->out_req_list))) {
+        req->status = NVME_CMD_ABORT_SQ_DEL;
+        if (!req->aiocb) {
+            QTAILQ_REMOVE(&sq->out_req_list, req, entry);
+            continue;
+        }
+        blk_aio_cancel(req->aiocb);
+    }
+}
+
 static void nvme_ctrl_reset(NvmeCtrl *n, NvmeResetType rst)
 {
 ...
+    for (i = 0; i < n->params.max_ioqpairs + 1; i++) {
+        if (n->sq[i] != NULL) {
+            nvme_abort_requests(n->sq[i]);
+        }
+    }
+
 for (i = 0; i < n->params.max_ioqpairs + 1; i++) {
     if (n->sq[i] != NULL) {
         nvme_free_sq(n->sq[i], n);
     }
 }
 ...
 }
