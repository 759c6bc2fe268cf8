/*
 * NVMe Zoned Namespace Command Set: functions of ctrl.c that it uses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_NVME_ZNS_CTRL_H
#define HW_NVME_ZNS_CTRL_H

#include "nvme.h"

uint16_t nvme_c2h(NvmeCtrl *n, void *ptr, uint32_t len, NvmeRequest *req);
uint16_t nvme_h2c(NvmeCtrl *n, void *ptr, uint32_t len, NvmeRequest *req);
uint16_t nvme_tx(NvmeCtrl *n, NvmeSg *sg, void *ptr, uint32_t len,
                 NvmeTxDirection dir);
uint16_t nvme_map_mdata(NvmeCtrl *n, uint32_t nlb, NvmeRequest *req);
void nvme_sg_unmap(NvmeSg *sg);
uint16_t nvme_check_mdts(NvmeCtrl *n, size_t len);
uint16_t nvme_check_bounds(NvmeNamespace *ns, uint64_t slba, uint32_t nlb);
uint16_t nvme_format_check(NvmeNamespace *ns, uint8_t lbaf, uint8_t pi);
void nvme_misc_cb(void *opaque, int ret);
void nvme_enqueue_req_completion(NvmeCQueue *cq, NvmeRequest *req);
void nvme_process_aers(void *opaque);

#endif /* HW_NVME_ZNS_CTRL_H */
