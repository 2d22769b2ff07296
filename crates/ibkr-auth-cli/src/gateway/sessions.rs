//! The sessions of a gateway: from each profile's settings to a login that may begin.

use std::path::{Path, PathBuf};

use ibkr_auth_blocking::Host;
use ibkr_auth_config::{GatewaySettings, Imported};
use ibkr_auth_store::{SessionIdentity, Store};
use ibkr_gateway::{Kept, Login};

use super::GatewayArgs;
use crate::{
    exit::Exit,
    failure::Failure,
    keep::start::{lock, place},
    options::Global,
    output::Output,
    profile::Profile,
    sessions::{Sessions, not_refused},
};

/// What the session of settings without profiles is called.
const UNNAMED: &str = "default";

/// Where the gateway keeps the certificate that it makes: beside the sessions.
pub(super) fn folder(global: &Global, args: &GatewayArgs) -> Result<PathBuf, Failure> {
    let profile = Profile::read(&each(global, args)[0])?;
    let store = Store::new(global.state_dir.as_deref(), &profile.identity())?;
    Ok(store.path().parent().map(Path::to_owned).unwrap_or_default())
}

/// One for each profile. The passphrases of their keys are asked for here.
pub(super) fn logins(global: &Global, output: Output, args: &GatewayArgs) -> Result<Vec<Login>, Failure> {
    let read = |global: &Global| read(global, output, args);
    let profiles: Vec<Profile> = each(global, args).iter().map(read).collect::<Result<_, _>>()?;
    refuse_alike(&profiles)?;
    profiles.into_iter().map(|profile| login(global, output, args, profile)).collect()
}

/// Each session is kept once.
fn refuse_alike(profiles: &[Profile]) -> Result<(), Failure> {
    for (index, profile) in profiles.iter().enumerate() {
        let Some(other) = profiles[..index].iter().find(|other| other.identity() == profile.identity())
        else {
            continue;
        };
        let (name, other) = (named(profile), named(other));
        return Err(match name == other {
            true => Failure::new(Exit::Usage, format!("the profile {name} is named twice"))
                .help("name it once in --profiles"),
            false => Failure::new(Exit::Config, format!("the profiles {other} and {name} are one session"))
                .help("serve one of them, or give each a credential of its own"),
        });
    }
    Ok(())
}

/// A session as it was at the start: what is read anew is for it.
pub(super) struct Started {
    global: Global,
    name: String,
    identity: SessionIdentity,
}

pub(super) fn started(global: &Global, args: &GatewayArgs, logins: &[Login]) -> Vec<Started> {
    let started = |(mut global, login): (Global, &Login)| {
        if login.name != UNNAMED {
            // The file may name another one as its default by then.
            global.profile = Some(login.name.clone());
        }
        let identity = SessionIdentity::of(&login.config, &login.transport);
        Started { global, name: login.name.clone(), identity }
    };
    each(global, args).into_iter().zip(logins).map(started).collect()
}

/// What a session is served with, as the settings are now.
pub(super) struct Served {
    pub(super) name: String,
    pub(super) settings: GatewaySettings,
    /// They name somebody else, or another place to log in at.
    pub(super) is_another: bool,
}

/// The same without a login, to be used from now on.
pub(super) fn anew(started: &[Started], output: Output, args: &GatewayArgs) -> Result<Vec<Served>, Failure> {
    let served = |start: &Started| {
        let profile = read(&start.global, output, args)?;
        let (name, now) = (start.name.clone(), named(&profile));
        if now != name {
            let what = format!("the settings are now for the profile {now}, and the session is {name}");
            return Err(Failure::new(Exit::Config, what).help("start anew, or correct `default_profile`"));
        }
        // What cannot be used leaves all sessions as they are.
        profile.gateway.client_token()?;
        let is_another = profile.identity() != start.identity;
        Ok(Served { name, settings: profile.gateway, is_another })
    };
    started.iter().map(served).collect()
}

/// The options of this invocation, once for each profile.
fn each(global: &Global, args: &GatewayArgs) -> Vec<Global> {
    let of = |name: &String| Global { profile: Some(name.clone()), ..global.clone() };
    match args.profiles.is_empty() {
        true => vec![global.clone()],
        false => args.profiles.iter().map(of).collect(),
    }
}

fn named(profile: &Profile) -> String {
    profile.name.clone().unwrap_or_else(|| UNNAMED.to_owned())
}

/// A profile with what is imported and what the options say.
fn read(global: &Global, output: Output, args: &GatewayArgs) -> Result<Profile, Failure> {
    let mut profile = Profile::read(global)?;
    profile.warnings.iter().for_each(|warning| output.warning(warning));
    if let Some(imported) = imported(args)? {
        imported.warnings.iter().for_each(|warning| output.warning(warning));
        // A server that our own settings name is meant.
        if let Some(host) = imported.host.clone().filter(|_| *profile.config.host() == Host::production()) {
            profile.config = profile.config.with_host(host);
        }
        profile.gateway = imported.over(profile.gateway);
    }
    profile.gateway = overridden(profile.gateway, args);
    Ok(profile)
}

fn login(global: &Global, output: Output, args: &GatewayArgs, profile: Profile) -> Result<Login, Failure> {
    let store = Store::new(global.state_dir.as_deref(), &profile.identity())?;
    let (name, gateway, config) = (named(&profile), profile.gateway.clone(), profile.config.clone());
    let sessions = Sessions::new(output, profile, store);
    let place = place(&sessions)?;
    let settings = sessions.settings_digest()?;
    let locked = lock(&sessions)?;
    sessions.warn_of_damage(&locked.record);
    if !args.force {
        not_refused(&locked.record, &settings)?;
    }
    let config = if args.keeping.compete { config.with_compete(true) } else { config };
    Ok(Login {
        transport: sessions.profile.transport.clone(),
        policy: args.keeping.policy(),
        gateway,
        kept: Some(Kept::new(place, locked, settings)),
        ..Login::new(name, config, sessions.profile.key.clone())
    })
}

/// What another gateway's settings say of ours.
fn imported(args: &GatewayArgs) -> Result<Option<Imported>, Failure> {
    match &args.import_conf {
        Some(file) => Ok(Some(Imported::from_conf_yaml(file)?)),
        None => Ok(args.import_ibind.then(|| Imported::from_ibind(std::env::vars_os()))),
    }
}

/// Those of the first session.
pub(super) fn settings(
    global: &Global,
    output: Output,
    args: &GatewayArgs,
) -> Result<GatewaySettings, Failure> {
    Ok(read(&each(global, args)[0], output, args)?.gateway)
}

fn overridden(mut gateway: GatewaySettings, args: &GatewayArgs) -> GatewaySettings {
    if !args.listen.is_empty() {
        gateway.listen.clone_from(&args.listen);
    }
    gateway.plain |= args.plain;
    gateway.read_only |= args.read_only;
    gateway
}
