//! Settings read from files and variables, good and bad.

mod accepted;
mod certificates;
mod effect;
mod folder;
mod key_file;
mod leaks;
mod no_settings;
mod profile_mistakes;
mod profiles;
mod proxy_env;
mod refused;
mod rotated;
mod unkeyed;
mod variables;
mod warnings;
