// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: hw/nvme: cancel the commands of a controller that is reset
// Why: draining the namespaces waits for requests, not for commands that have
//   several (Format, Copy), nor for those that are fetched meanwhile. Such a
//   command went on with memory that had been freed with its queue. As
//   cancelling polls, queues are stopped before.
// Retire-When: nvme_ctrl_reset() cancels what the queues have in flight.
// Files: hw/nvme/ctrl.c
// Spatch-Options: --no-includes --smpl-spacing

@@
typedef NvmeSQueue, NvmeRequest, NvmeCtrl, NvmeResetType;
identifier n, rst;
@@
+static void nvme_abort_requests(NvmeSQueue *sq)
+{
+    NvmeRequest *req;
+
+    while ((req = QTAILQ_FIRST(&sq->out_req_list))) {
+        req->status = NVME_CMD_ABORT_SQ_DEL;
+        if (!req->aiocb) {
+            /* An Asynchronous Event Request waits for no I/O */
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
+    /* Cancelling polls: no command starts meanwhile, and no event is sent */
+    n->outstanding_aers = 0;
+    n->dbbuf_enabled = false;
+    for (i = 0; i < n->params.max_ioqpairs + 1; i++) {
+        if (n->sq[i] != NULL) {
+            n->sq[i]->tail = n->sq[i]->head;
+        }
+    }
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
