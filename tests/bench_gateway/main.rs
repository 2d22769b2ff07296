//! What `cargo xtask bench-gateway` measures, and what it measures with: the gateway in a process of its own,
//! a simulator to log in at, and many clients of one stream. Each says a line of words when it is ready, and
//! ends with its standard input.
//!
//! ```text
//! bench_gateway world FOLDER                       world SIMULATOR_URL LOOKUP_URL
//! bench_gateway serve FOLDER URL LOOKUP_URL STYLE  serve ADDRESS
//! bench_gateway fan FOLDER CORE STYLE CLIENTS SECONDS
//!     idle KIB_EACH
//!     paced P50_US P99_US PROCESSOR_US_EACH
//!     flood FRAMES_A_SECOND PROCESSOR_US_EACH
//! ```
//!
//! STYLE is `tls` or `plain`. Nothing is asserted about time.

mod fan;
mod serve;
mod world;

use std::io::Read;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["world", folder] => world::run(folder.as_ref()),
        ["serve", folder, url, lookup, style] => serve::run(folder.as_ref(), url, lookup, style == "plain"),
        ["fan", folder, core, style, clients, seconds] => {
            fan::run(folder.as_ref(), core, style, number(clients), number(seconds));
        }
        _ => panic!("`cargo xtask bench-gateway` knows how to call this"),
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a whole number")
}

/// Says that it is ready, and returns when whoever started it is gone.
fn ready(line: &str) {
    println!("{line}");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
