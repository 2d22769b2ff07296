//! `ibkr-auth guide`: the documents that errors and questions point at, for whoever has the program alone.

use clap::ValueHint;

use crate::{exit::Exit, failure::Failure, output::Output};

const ONBOARDING: &str = include_str!("../../guide/ONBOARDING.md");
const QUICKSTART: &str = include_str!("../../guide/QUICKSTART.md");

#[derive(Debug, clap::Args)]
pub(crate) struct GuideArgs {
    /// `onboarding`, one of its sections by number, `quickstart` or `settings`
    #[arg(default_value = "onboarding", value_hint = ValueHint::Other)]
    pub(crate) topic: String,
}

pub(crate) fn run(output: Output, args: &GuideArgs) -> Result<(), Failure> {
    let text = match args.topic.as_str() {
        "onboarding" => ONBOARDING,
        "quickstart" => QUICKSTART,
        "settings" => ibkr_auth_config::KEYS,
        number => section(number).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("the guide has no `{number}`"))
                .help("name onboarding, quickstart, settings, or a section of onboarding such as 4")
        })?,
    };
    match output.json {
        true => output.value(&text.into()),
        false => output.result(text.trim_end()),
    }
}

/// A numbered section of the guide to IBKR, with its title.
fn section(number: &str) -> Option<&'static str> {
    let number = number.trim_start_matches('§');
    let sections = ONBOARDING.split("\n## ").skip(1);
    sections.into_iter().find(|text| text.split_once(". ").is_some_and(|(own, _)| own == number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_that_is_named_somewhere_is_there() {
        for number in 1..=14 {
            let text = section(&number.to_string()).unwrap();
            assert!(text.len() > 100 && !text.contains("\n## "), "{number}: {text}");
        }
        assert_eq!((section("0"), section("")), (None, None));
        assert!(section("§9").unwrap().contains("Step 1"));
    }
}
