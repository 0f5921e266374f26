//! How a thread shares its processor with those that do the work.

/// From now on the calling thread takes its turn when it wakes, instead of interrupting whoever runs (Linux' `SCHED_BATCH`). For
/// threads that wake a thousand times a second to do next to nothing: each interruption costs a search its place in the caches.
/// Where the system has no such thing, nothing changes.
pub fn take_turns() {
    // SAFETY: a `sched_param` is whole numbers, for which zero bytes are zeros; it lives as long as the call, which reads it only; 0
    // stands for the calling thread.
    #[cfg(target_os = "linux")]
    unsafe {
        let none = std::mem::zeroed::<libc::sched_param>();
        // Refused by some sandboxes: then it is as it was.
        let _ = libc::sched_setscheduler(0, libc::SCHED_BATCH, &none);
    }
}
