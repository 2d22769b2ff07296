//! Sessions that are kept from one invocation to the next, and their files.

#[cfg(unix)]
mod crash;
#[cfg(unix)]
mod ended;
#[cfg(unix)]
mod files;
mod kept;
#[cfg(unix)]
mod kept_by_keep;
mod oauth1;
mod parallel;
mod records;
mod separate;
