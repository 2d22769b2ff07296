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

/// Lets this process open as many files as the system allows it; how many that are.
#[cfg(all(unix, feature = "gateway"))]
pub(crate) fn raise_open_files() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Where the system refuses, it is as many as before.
    let is_raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    usize::try_from(if is_raised { maximum } else { current }?).ok()
}

#[cfg(all(not(unix), feature = "gateway"))]
pub(crate) fn raise_open_files() -> Option<usize> {
    None
}
