//! `ibkr-auth init`.
#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {}
pub(crate) fn run(
    _: &crate::args::Global,
    _: crate::output::Output,
    _: &InitArgs,
) -> Result<(), crate::failure::Failure> {
    Ok(())
}
