//! What a gateway is told: keys, variables and profiles, and the files that hold its secrets.

use std::{fs, time::Duration};

use ibkr_auth_config::{GatewaySettings, OnLogout, Settings};

use crate::folder::{Folder, MINIMAL};

fn gateway(lines: &str) -> GatewaySettings {
    Folder::new().read(format!("{MINIMAL}{lines}\n")).unwrap().gateway
}

#[test]
fn without_keys_it_is_for_this_machine_alone() {
    let (read, default) = (gateway(""), GatewaySettings::default());
    assert_eq!(format!("{read:?}"), format!("{default:?}"));
    assert_eq!(read.listen, ["127.0.0.1:5000".parse().unwrap()]);
}

#[test]
fn every_key_reaches_its_setting() {
    let folder = Folder::new();
    folder.write("passphrase.txt", "open sesame\n");
    let settings = folder
        .read(format!(
            "{MINIMAL}gateway_listen: [5001, 0.0.0.0:5002, 'localhost:5003', '[::1]:5004']\ngateway_prefix: /live/1\n\
             gateway_certificate: gateway.p12\ngateway_certificate_key: gateway.key\n\
             gateway_certificate_passphrase_file: passphrase.txt\ngateway_allow_addresses: [10.0.0.0/8, 172.17.0.*, '::1']\n\
             gateway_allow_hosts: [IB-Gateway, host_1.example., 192.168.1.5, '[fd00::1]']\n\
             gateway_allow_origins: [HTTPS://App.example:443, 'http://[::1]:3000', http://localhost]\n\
             gateway_client_token_file: token.txt\ngateway_client_ca_file: ca.pem\ngateway_read_only: yes\n\
             gateway_beyond: true\ngateway_share_stream: on\ngateway_wait: 0\ngateway_answer_within: 60\n\
             gateway_on_logout: ignore\ngateway_health_port: 5100\ngateway_audit_file: audit.log\n"
        ))
        .unwrap()
        .gateway;
    let listen: Vec<String> = settings.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["127.0.0.1:5001", "0.0.0.0:5002", "127.0.0.1:5003", "[::1]:5004"]);
    assert_eq!(settings.prefix, "/live/1");
    assert!(!settings.plain);
    assert_eq!(settings.certificate, Some(folder.path().join("gateway.p12")));
    assert_eq!(settings.certificate_key, Some(folder.path().join("gateway.key")));
    let passphrase = settings.certificate_passphrase.unwrap();
    assert_eq!(passphrase.secret().unwrap().expose(), "open sesame");
    assert_eq!(format!("{passphrase:?}"), "[redacted]");
    let holds =
        |address: &str| settings.allow_addresses.iter().any(|range| range.holds(address.parse().unwrap()));
    assert!(holds("10.1.2.3") && holds("172.17.0.9") && holds("::1") && !holds("192.168.1.5"));
    assert_eq!(settings.allow_hosts, ["ib-gateway", "host_1.example", "192.168.1.5", "fd00::1"]);
    assert_eq!(settings.allow_origins, ["https://app.example", "http://[::1]:3000", "http://localhost"]);
    assert_eq!(settings.client_token_file, Some(folder.path().join("token.txt")));
    assert_eq!(settings.client_ca_file, Some(folder.path().join("ca.pem")));
    assert!(settings.read_only && settings.beyond && settings.share_stream);
    assert_eq!((settings.wait, settings.answer_within), (Duration::ZERO, Duration::from_secs(60)));
    assert_eq!((settings.on_logout, settings.health_port), (OnLogout::Ignore, Some(5100)));
    assert_eq!(settings.audit_file, Some(folder.path().join("audit.log")));
}

#[test]
fn variables_and_profiles_override() {
    let content = format!(
        "{MINIMAL}gateway_listen: 5001\ngateway_plain: true\ndefault_profile: paper\nprofiles:\n  paper:\n    \
         gateway_prefix: /paper\n    gateway_listen: 5002\n"
    );
    let folder = Folder::new();
    let settings = folder.read(&content).unwrap().gateway;
    assert_eq!((settings.listen[0].port(), &*settings.prefix, settings.plain), (5002, "/paper", true));
    let vars = [("IBKR_AUTH_GATEWAY_LISTEN", "5003, 0.0.0.0:5004"), ("IBKR_AUTH_GATEWAY_PLAIN", "no")];
    let settings = folder.read_with(&content, &vars).unwrap().gateway;
    let ports: Vec<u16> = settings.listen.iter().map(|address| address.port()).collect();
    assert_eq!((ports, settings.plain), (vec![5003, 5004], false));
}

#[test]
fn a_passphrase_is_not_fetched_before_it_is_needed() {
    let folder = Folder::new();
    let read = |line: &str, vars: &[(&str, &str)]| {
        let content = format!("{MINIMAL}gateway_certificate: gateway.p12\n{line}\n");
        let settings: Settings = folder.read_with(content, vars).unwrap();
        settings.gateway.certificate_passphrase.unwrap().secret()
    };
    // Named like one of ours, and not refused.
    let line = "gateway_certificate_passphrase_env: IBKR_AUTH_OF_GATEWAY";
    let vars = [("IBKR_AUTH_OF_GATEWAY", "secret")];
    assert_eq!(read(line, &vars).unwrap().expose(), "secret");
    let unset = folder.relative(&read(line, &[]).unwrap_err());
    assert_eq!(
        unset,
        "config.yaml:6: `gateway_certificate_passphrase_env` names a variable that is not set: \
         set that variable, or name another one"
    );
    folder.write("latin1", b"caf\xe9");
    for (file, what) in
        [("none", "does not exist: check the path"), ("latin1", "is not UTF-8: save it as UTF-8")]
    {
        let error = read(&format!("gateway_certificate_passphrase_file: {file}"), &[]).unwrap_err();
        assert_eq!(
            folder.relative(&error),
            format!("config.yaml:6: `gateway_certificate_passphrase_file` {what}")
        );
    }
}

#[test]
fn a_token_is_long_enough_and_fits_a_header() {
    let folder = Folder::new();
    let token = |content: &[u8]| {
        let file = folder.write("token.txt", content);
        GatewaySettings { client_token_file: Some(file), ..GatewaySettings::default() }.client_token()
    };
    assert!(GatewaySettings::default().client_token().unwrap().is_none());
    for content in ["0123456789abcdef", "0123456789abcdef\n", "\u{feff}0123456789abcdef\r\n"] {
        assert_eq!(token(content.as_bytes()).unwrap().unwrap().expose(), "0123456789abcdef", "{content:?}");
    }
    for (content, what) in [
        ("", "is an empty file"),
        ("\n", "is an empty file"),
        ("0123456789abcde\n", "holds less than 16 characters"),
        ("0123456789abcdef\n\n", "holds spaces, several lines or special characters"),
        ("0123456789 abcdef", "holds spaces, several lines or special characters"),
        ("0123456789abcdeé", "holds spaces, several lines or special characters"),
    ] {
        let error = token(content.as_bytes()).unwrap_err();
        assert_eq!(error.message(), format!("the file of gateway_client_token_file {what}"), "{content:?}");
        assert!(!error.to_string().contains("0123"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_token_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let file = folder.write("token.txt", "0123456789abcdef");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let settings = GatewaySettings { client_token_file: Some(file), ..GatewaySettings::default() };
    let error = settings.client_token().unwrap_err();
    assert!(error.message().ends_with("is open to other users of this machine (mode 0644)"), "{error}");
}

#[test]
fn values_that_cannot_be_used() {
    for (line, what) in [
        ("listen: []", "is empty: write a port such as 5000"),
        ("listen: 65536", "is neither a port nor an address with one: write it like `5000`"),
        ("listen: '*:5000'", "is neither a port"),
        ("listen: example.com:5000", "is neither a port"),
        ("listen: [5000, 127.0.0.1:5000]", "names an address twice: keep one of the two"),
        ("prefix: paper", "does not begin with `/`: write it like `/paper`"),
        ("prefix: /", "is not a plain path: "),
        ("prefix: /paper/", "is not a plain path: "),
        ("prefix: //paper", "is not a plain path: "),
        ("prefix: /../x", "is not a plain path: "),
        ("prefix: /a%2fb", "is not a plain path: "),
        ("prefix: /a?b", "is not a plain path: "),
        ("prefix: /v1", "begins with `/v1`, which has a meaning of its own: choose another name"),
        ("prefix: /SSO/x", "begins with `/sso`, "),
        ("prefix: /gateway", "begins with `/gateway`, "),
        ("prefix: /gw", "begins with `/gw`, "),
        ("prefix: /oauth2", "begins with `/oauth2`, "),
        ("allow_addresses: x.x.x.x", "is neither an address nor a range of them: write it like 192.168.1.7"),
        ("allow_addresses: [10.0.0.0/33]", "is neither an address"),
        ("allow_addresses: host.docker.internal", "is neither an address"),
        ("allow_hosts: https://ib-gateway", "is not the name of a host: write the name alone"),
        ("allow_hosts: ib-gateway:5000", "is not the name of a host: "),
        ("allow_hosts: '*.example'", "is not the name of a host: "),
        ("allow_hosts: a..b", "is not the name of a host: "),
        ("allow_origins: '*'", "would let every web page trade: name the pages"),
        ("allow_origins: 'null'", "is not the origin of a web page: write it like `https://app.example`"),
        ("allow_origins: https://app.example/", "is not the origin of a web page: "),
        ("allow_origins: https://u:p@app.example", "is not the origin of a web page: "),
        ("allow_origins: https://app.example:x", "is not the origin of a web page: "),
        ("allow_origins: app.example", "is not the origin of a web page: "),
        ("on_logout: stop", "is nothing that a logout can do: write `pause` or `ignore`"),
        ("health_port: 0", "is not a port: write a number from 1 to 65535"),
        ("health_port: 5000", "is a port at which the gateway listens: choose another one"),
        ("wait: 10s", "leaves no time for an answer: gateway_wait (4.5 s by default) must be shorter"),
        ("answer_within: 4s", "leaves no time for an answer: "),
        ("answer_within: 61s", "is longer than 60 s: "),
        ("certificate_key: a.key", "needs gateway_certificate: set that too, or remove this"),
        ("certificate_passphrase_env: A", "needs gateway_certificate: "),
        ("certificate_passphrase_env: $A", "is not the name of a variable: "),
    ] {
        let error = Folder::new().error(format!("{MINIMAL}gateway_{line}\n"));
        let key = line.split(':').next().unwrap();
        assert!(error.starts_with(&format!("config.yaml:5: `gateway_{key}` {what}")), "{line}: {error}");
    }
    assert_eq!(
        Folder::new().error(format!("{MINIMAL}gateway_plain: true\ngateway_client_ca_file: ca.pem\n")),
        "config.yaml:6: `gateway_client_ca_file` asks for certificates of clients, which plain HTTP has not: \
         remove this, or gateway_plain"
    );
    assert_eq!(
        Folder::new().error(format!("{MINIMAL}gateway_certificate_passphrase: secret\n")),
        "config.yaml:5: unknown key `gateway_certificate_passphrase`: a passphrase is not written here; set \
         `gateway_certificate_passphrase_file` or `gateway_certificate_passphrase_env`"
    );
}
