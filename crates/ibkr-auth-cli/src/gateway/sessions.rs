//! The sessions of a gateway: from each profile's settings to a login that may begin.

use std::{path::PathBuf, sync::Arc};

use ibkr_auth_blocking::{Config, Host, KeepConnected, OnCompeting};
use ibkr_auth_config::{GatewaySettings, Imported};
use ibkr_auth_store::Store;
use ibkr_gateway::{Kept, Login};

use super::GatewayArgs;
use crate::{
    failure::Failure,
    keep::start::{lock, place},
    options::Global,
    output::Output,
    profile::Profile,
    sessions::{Sessions, not_refused},
};

/// Where the gateway keeps the certificate that it makes: beside the sessions.
pub(super) fn folder(global: &Global) -> Result<PathBuf, Failure> {
    let profile =
        Profile::read(&Global { profile: None, ..global.clone() }).or_else(|_| Profile::read(global))?;
    let store = Store::new(global.state_dir.as_deref(), &profile.identity())?;
    Ok(store.path().parent().map(std::path::Path::to_owned).unwrap_or_default())
}

/// One for each profile. The passphrases of their keys are asked for here.
pub(super) fn logins(global: &Global, output: Output, args: &GatewayArgs) -> Result<Vec<Login>, Failure> {
    if args.profiles.is_empty() {
        return Ok(vec![login(global, output, args)?]);
    }
    let of = |name: &String| login(&Global { profile: Some(name.clone()), ..global.clone() }, output, args);
    args.profiles.iter().map(of).collect()
}

fn login(global: &Global, output: Output, args: &GatewayArgs) -> Result<Login, Failure> {
    let profile = Profile::read(global)?;
    profile.warnings.iter().for_each(|warning| output.warning(warning));
    let store = Store::new(global.state_dir.as_deref(), &profile.identity())?;
    let name = profile.name.clone().unwrap_or_else(|| "default".to_owned());
    let mut gateway = profile.gateway.clone();
    let mut config = profile.config.clone();
    if let Some(imported) = imported(args)? {
        imported.warnings.iter().for_each(|warning| output.warning(warning));
        // A server that our own settings name is meant.
        let host = imported.host.filter(|_| *config.host() == Host::production());
        config = host.into_iter().fold(config, Config::with_host);
        gateway = with_imported(gateway, imported.settings);
    }
    let gateway = overridden(gateway, args);
    let config = if args.compete { config.with_compete(true) } else { config };
    let sessions = Sessions::new(output, profile, store);
    let place = place(&sessions)?;
    let settings = sessions.settings_digest()?;
    let locked = lock(&sessions)?;
    sessions.warn_of_damage(&locked.record);
    if !args.force {
        not_refused(&locked.record, &settings)?;
    }
    Ok(Login {
        name,
        config,
        key: Arc::new(sessions.profile.key.clone()),
        transport: sessions.profile.transport.clone(),
        policy: policy(args),
        client_token: gateway.client_token()?,
        gateway,
        kept: Some(Kept::new(place, locked, settings)),
    })
}

/// What another gateway's settings say of ours.
fn imported(args: &GatewayArgs) -> Result<Option<Imported>, Failure> {
    match &args.import_conf {
        Some(file) => Ok(Some(Imported::from_conf_yaml(file)?)),
        None => Ok(args.import_ibind.then(|| Imported::from_ibind(std::env::vars_os()))),
    }
}

/// The other gateway knows nothing of the rest.
fn with_imported(own: GatewaySettings, imported: GatewaySettings) -> GatewaySettings {
    GatewaySettings {
        listen: imported.listen,
        prefix: imported.prefix,
        plain: imported.plain,
        certificate: imported.certificate,
        certificate_passphrase: imported.certificate_passphrase,
        allow_addresses: imported.allow_addresses,
        allow_hosts: imported.allow_hosts,
        allow_origins: imported.allow_origins,
        ..own
    }
}

/// Those of a gateway with one session.
pub(super) fn settings(global: &Global, args: &GatewayArgs) -> Result<GatewaySettings, Failure> {
    Ok(overridden(Profile::read(global)?.gateway, args))
}

fn overridden(mut gateway: GatewaySettings, args: &GatewayArgs) -> GatewaySettings {
    if !args.listen.is_empty() {
        gateway.listen.clone_from(&args.listen);
    }
    gateway.plain |= args.plain;
    gateway.read_only |= args.read_only;
    gateway
}

pub(super) fn policy(args: &GatewayArgs) -> KeepConnected {
    let competing = if args.compete { OnCompeting::Take } else { OnCompeting::Yield };
    let policy = KeepConnected::default().with_hosts(args.hosts.iter().cloned()).with_competing(competing);
    match args.region {
        Some(place) => policy.with_region(place),
        None => policy,
    }
}
