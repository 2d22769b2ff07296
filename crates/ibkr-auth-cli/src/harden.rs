//! What the system is asked to do for the secrets in our memory.

/// A crash leaves no image of the memory behind, and no other process of the user may look into it.
#[cfg(unix)]
pub(crate) fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    // Where the system refuses, the program works all the same.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(not(unix))]
pub(crate) fn forbid_core_dumps() {}
