// SPDX-License-Identifier: GPL-2.0-or-later
// Subject: qemu-storage-daemon: wake the main loop for a signal
// Why: a SIGTERM that comes between the look at the flag and the sleep of the
//   main loop was not noticed before something else happened: the daemon went
//   on, and whoever waited for a clean exit hung.
// Retire-When: qemu_system_killed() of the storage daemon notifies the main loop.
// Files: storage-daemon/qemu-storage-daemon.c
// Spatch-Options: --no-includes

@@
@@
 void qemu_system_killed(int signal, pid_t pid)
 {
     exit_requested = true;
+    qemu_notify_event();
 }
