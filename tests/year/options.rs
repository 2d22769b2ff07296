//! The command line.

use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
usage: cargo xtask year [--seed N] [--seeds N] [--days N] [--ours | --oauth1] [--stories] [--plot FILE]
  --seed N     the year in which the strategies are compared (1); alone: that year only, with stories
  --seeds N    how many years of ours follow, seeds 1 to N (100)
  --days N     how long a year is (365, from 2026-01-01 on)
  --ours       without the other strategies
  --oauth1     the same, and ours logs in by OAuth 1.0a
  --stories    tell what happened in our longest recoveries
  --plot FILE  draw the compared year as SVG";

/// What to do.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) seeds: u64,
    pub(crate) days: u32,
    pub(crate) ours: bool,
    pub(crate) oauth1: bool,
    pub(crate) stories: bool,
    pub(crate) plot: Option<PathBuf>,
}

impl Options {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut seed, mut seeds) = (None, None);
        let mut options =
            Self { seed: 1, seeds: 100, days: 365, ours: false, oauth1: false, stories: false, plot: None };
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            let number = |text: String| {
                text.parse::<u64>().map_err(|_| format!("{name} takes a number, not `{text}`"))
            };
            match name.as_str() {
                "--seed" => seed = Some(number(value()?)?),
                "--seeds" => seeds = Some(number(value()?)?),
                "--days" => {
                    let days = number(value()?)?;
                    options.days = u32::try_from(days)
                        .ok()
                        .filter(|days| (1..=3650).contains(days))
                        .ok_or_else(|| format!("--days takes 1 to 3650, not {days}"))?;
                }
                "--ours" => options.ours = true,
                "--oauth1" => (options.ours, options.oauth1) = (true, true),
                "--stories" => options.stories = true,
                "--plot" => options.plot = Some(value()?.into()),
                other => return Err(format!("there is no option `{other}`")),
            }
        }
        options.stories |= seed.is_some() && seeds.is_none();
        options.seeds = seeds.unwrap_or(if seed.is_some() { 0 } else { 100 });
        options.seed = seed.unwrap_or(1);
        Ok(options)
    }
}
