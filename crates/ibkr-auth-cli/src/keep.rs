//! `ibkr-auth keep`.
#[derive(Debug, clap::Args)]
pub(crate) struct KeepArgs {}
pub(crate) fn run(_: &crate::sessions::Sessions, _: &KeepArgs) -> Result<(), crate::failure::Failure> {
    Ok(())
}
