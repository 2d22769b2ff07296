//! Settings read from files and variables, good and bad.

mod accepted;
mod certificates;
mod conf_yaml;
mod demo;
mod effect;
mod folder;
mod gateway;
mod ibind;
mod ibind_login;
mod key_file;
mod leaks;
mod no_proxy;
mod no_settings;
mod profile_mistakes;
mod profiles;
mod proxy_env;
mod refused;
mod rotated;
#[cfg(unix)]
mod strangers;
mod unkeyed;
mod variables;
#[cfg(unix)]
mod warnings;
