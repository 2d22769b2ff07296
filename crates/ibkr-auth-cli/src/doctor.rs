//! `ibkr-auth doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {}
pub(crate) fn run(
    _: &crate::args::Global,
    _: crate::output::Output,
    _: &DoctorArgs,
) -> Result<(), crate::failure::Failure> {
    Ok(())
}
