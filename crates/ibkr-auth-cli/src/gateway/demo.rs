//! The gateway on a simulator inside this program.

use ibkr_auth_blocking::Error;
use ibkr_auth_config::GatewaySettings;
use ibkr_gateway::{Gateway, Login, Process};
use ibkr_jws::RsaKey;
use ibkr_sim::demo;

use super::{GatewayArgs, most_connections, serve};
use crate::{
    commands::demo::{Lab, unusable},
    failure::Failure,
    output::Output,
};

pub(super) fn run(output: Output, args: &GatewayArgs) -> Result<(), Failure> {
    let lab = Lab::start()?;
    let folder = tempfile::tempdir().map_err(|error| unusable("make a temporary folder", &error))?;
    let key = RsaKey::from_pem(demo::PRIVATE_KEY_PEM.as_bytes()).map_err(|error| {
        Error::config(error.to_string(), "this is a fault of the program: please report it")
    })?;
    let mut gateway =
        GatewaySettings { plain: args.plain, read_only: args.read_only, ..GatewaySettings::default() };
    if !args.listen.is_empty() {
        gateway.listen.clone_from(&args.listen);
    }
    let login = Login {
        transport: lab.transport(),
        policy: args.keeping.policy(),
        gateway,
        ..Login::new("demo", lab.config()?, key)
    };
    let process = Process { folder: folder.path().to_owned(), most_connections: most_connections() };
    output.line(format_args!(
        "A simulator stands for IBKR at {}; nothing leaves this machine.",
        lab.simulator.base_url()
    ))?;
    let flag = if args.plain { "-s" } else { "-sk" };
    serve(output, args, &process, (vec![login], Vec::new()), &|| Ok(Vec::new()), |gateway: &Gateway| {
        if let Some(origin) = gateway.origins().first() {
            let text = format_args!("\nTry it:\n  curl {flag} {origin}/v1/api/portfolio/accounts\n");
            // As with the lines before it: whoever reads them may have left.
            let _ = output.line(text);
        }
    })
}
