//! `conf.yaml` of IBKR's own gateway, as people keep it.

use std::fs;

use ibkr_auth_config::{FileError, GatewaySettings, Imported};
use proptest::prelude::*;

use crate::folder::Folder;

/// Like the one that is shipped.
const SHIPPED: &str = "ip2loc: \"US\"\nproxyRemoteSsl: true\nproxyRemoteHost: \"https://api.ibkr.com\"\nlistenPort: 5000\n\
                       listenSsl: true\nccp: false\nsvcEnvironment: \"v1\"\nsslCert: \"vertx.jks\"\nsslPwd: \"mywebapi\"\n\
                       authDelay: 3000\nportalBaseURL: \"\"\nserverOptions:\n    eventLoopPoolSize: 20\n    workerPoolSize: 20\n\
                       cors:\n    origin.allowed: \"*\"\n    allowCredentials: false\nwebApps:\n    - name: \"demo\"\n      \
                       index: \"index.html\"\nips:\n    allow:\n        - 192.*\n        - 131.216.*\n        - 127.0.0.1\n    \
                       deny:\n        - 212.90.324.10\n";

fn read(folder: &Folder, content: impl AsRef<[u8]>) -> Result<Imported, FileError> {
    Imported::from_conf_yaml(folder.write("conf.yaml", content))
}

fn imported(content: impl AsRef<[u8]>) -> Imported {
    read(&Folder::new(), content).unwrap()
}

/// Without the one about the networks, which is always there.
fn warnings(imported: &Imported) -> Vec<&str> {
    let (last, others) = imported.warnings.split_last().unwrap();
    assert!(last.starts_with("the original listens to all networks, "), "{last}");
    others.iter().map(String::as_str).collect()
}

/// Each of `begins` begins the warning in its place, and there are no others.
#[track_caller]
fn assert_warnings(imported: &Imported, begins: &[&str]) {
    let warnings = warnings(imported);
    assert_eq!(warnings.len(), begins.len(), "{warnings:#?}");
    for (warning, begin) in warnings.iter().zip(begins) {
        assert!(warning.starts_with(begin), "{warning}");
    }
}

#[test]
fn the_shipped_file_comes_to_the_defaults() {
    let imported = imported(SHIPPED);
    let settings = imported.clone().over(GatewaySettings::default());
    assert_eq!(format!("{settings:?}"), format!("{:?}", GatewaySettings::default()));
    assert_eq!(imported.host.as_ref().unwrap().to_string(), "api.ibkr.com");
    assert_warnings(
        &imported,
        &[
            "`ip2loc` means nothing here: ",
            "`ccp` means nothing here: ",
            "`authDelay` means nothing here: ",
            "`serverOptions` means nothing here: ",
            "`cors.origin.allowed` would let every web page trade, and is not taken over: name the pages ",
            "`webApps` means nothing here: ",
            "`sslCert` names the certificate that IBKR ships, which expired in 2019",
            "`192.*` of `ips.allow` is not taken over: it is a default of the original's, and opens the gateway to a whole",
            "`131.216.*` of `ips.allow` is not taken over: ",
            "`ips.deny` means nothing here: who is not allowed is denied",
        ],
    );
    assert_eq!(
        imported.warnings.last().unwrap(),
        "the original listens to all networks, and this gateway to this machine alone unless \
         `gateway_listen: 0.0.0.0:5000` opens it to whom gateway_allow_addresses names"
    );
}

/// What each file comes to: port, TLS, host, addresses that are let in and not, names, pages.
#[test]
fn files_of_people() {
    struct Row {
        content: &'static str,
        port: u16,
        plain: bool,
        host: &'static str,
        inside: &'static [&'static str],
        outside: &'static [&'static str],
        hosts: &'static [&'static str],
        origins: &'static [&'static str],
        warnings: &'static [&'static str],
    }
    let nothing = Row {
        content: "",
        port: 5000,
        plain: false,
        host: "",
        inside: &[],
        outside: &["10.1.2.3", "192.168.1.7"],
        hosts: &[],
        origins: &[],
        warnings: &[],
    };
    let rows = [
        // In a container: two spaces, comments behind entries.
        Row {
            content: "proxyRemoteHost: https://5.api.ibkr.com/\nlistenPort: 5055 # 5000 is AirPlay's\nlistenSsl: false\nips:\n  \
                      allow:\n    - 127.0.0.1\n    - 172.17.0.*   # docker\n    - host.docker.internal\n    - ::1\n  deny:\n    \
                      - 0.0.0.0/0\n",
            port: 5055,
            plain: true,
            host: "5.api.ibkr.com",
            inside: &["172.17.0.9"],
            hosts: &["host.docker.internal"],
            warnings: &["`host.docker.internal` of `ips.allow` is a name: ", "`ips.deny` means nothing here"],
            ..nothing
        },
        // Wholly indented, and quoted throughout.
        Row {
            content: "    \"listenPort\": \"8020\"\n    'ips':\n        'allow': ['10.*', \"100.*.*.*\"]\n        deny: []\n    \
                      cors:\n        origin.allowed: \"\"\n",
            port: 8020,
            inside: &["10.1.2.3", "100.64.0.1"],
            outside: &["192.168.1.7"],
            ..nothing
        },
        // Tabs, and another line end.
        Row {
            content: "listenPort:\t5001\r\nips:\r\n\tallow:\r\n\t\t- 10.0.0.0/8\r\n\t\t# - 192.168.*\r\n",
            port: 5001,
            inside: &["10.1.2.3"],
            outside: &["192.168.1.7"],
            ..nothing
        },
        // What cannot be used.
        Row {
            content: "listenPort: 70000\nlistenSsl: maybe\nproxyRemoteSsl: false\nsvcEnvironment: beta\nproxyRemoteHost: \
                      https://ndcdyn.interactivebrokers.com\nportalBaseURL: /portal.proxy\nips:\n  allow: [x.x.x.x, '*', 0.0.0.0, \
                      300.1.2.3, 'my net']\n  more: 1\nfuture.key: 1\nhunter2: 1\n",
            warnings: &[
                "`listenPort` is not a port, and is not taken over",
                "`listenSsl` is neither true nor false, and is not taken over",
                "`proxyRemoteSsl` means nothing here",
                "`svcEnvironment` means nothing here",
                "`proxyRemoteHost` is not taken over: ",
                "`portalBaseURL` means nothing here",
                "`ips.more` is not known",
                "`future.key` is not known",
                "an entry is not known",
                "`x.x.x.x` of `ips.allow` is no address",
                "`*` of `ips.allow` is not taken over: it opens the gateway to everybody",
                "`0.0.0.0` of `ips.allow` is not taken over: it opens the gateway to everybody",
                "`300.1.2.3` of `ips.allow` is no address",
                "an entry of `ips.allow` is no address",
            ],
            ..nothing
        },
        Row {
            content: "ips: [10.*]\ncors: '*'\nwebApps: []\nip2loc: ~\n",
            warnings: &["`ips` holds no keys of its own", "`cors` holds no keys of its own"],
            ..nothing
        },
        // Denied in whole, and in part.
        Row {
            content: "ips:\n  allow:\n  - 10.1.*\n  - 192.168.*\n  - 172.17.0.*\n  deny:\n  - 10.*\n  - 192.168.1.7\n",
            inside: &["172.17.0.9"],
            warnings: &[
                "`10.1.*` of `ips.allow` is not taken over: `ips.deny` covers it",
                "`192.168.*` of `ips.allow` is not taken over: `ips.deny` takes something out of it",
                "`ips.deny` means nothing here",
            ],
            ..nothing
        },
        // Pages of one's own.
        Row {
            content: "cors:\n  origin.allowed: [http://localhost:3000, 'https?://.*', HTTPS://App.Example]\n",
            origins: &["http://localhost:3000", "https://app.example"],
            warnings: &["`cors.origin.allowed` is not the origin of a web page, and is not taken over: "],
            ..nothing
        },
        // What follows a mistake may deny what stands before it.
        Row {
            content: "listenPort: 5001\nips:\n  allow:\n  - 10.*\n  deny\n  - 10.1.2.3\nlistenSsl: false\n",
            port: 5001,
            warnings: &["line 5 cannot be read as YAML: ", "`ips.allow` is not taken over, as the file"],
            ..nothing
        },
    ];
    for row in rows {
        let imported = imported(row.content);
        let settings = imported.clone().over(GatewaySettings::default());
        assert_eq!(settings.listen, [([127, 0, 0, 1], row.port).into()], "{}", row.content);
        assert_eq!(settings.plain, row.plain, "{}", row.content);
        assert_eq!(imported.host.as_ref().map(ToString::to_string).unwrap_or_default(), row.host);
        let holds = |address: &&str| {
            settings.allow_addresses.iter().any(|range| range.holds(address.parse().unwrap()))
        };
        assert!(row.inside.iter().all(holds) && !row.outside.iter().any(holds), "{}", row.content);
        assert_eq!(
            (&*settings.allow_hosts, &*settings.allow_origins),
            (&*owned(row.hosts), &*owned(row.origins))
        );
        assert_warnings(&imported, row.warnings);
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn own_settings_stay_beside_those_of_the_file() {
    let own = GatewaySettings {
        prefix: "/mine".into(),
        certificate: Some("mine.pem".into()),
        certificate_key: Some("mine.key".into()),
        allow_hosts: vec!["ib-gateway".into()],
        ..GatewaySettings::default()
    };
    let settings = imported("listenPort: 5001\nlistenSsl: false\n").over(own.clone());
    let expected =
        GatewaySettings { listen: vec![([127, 0, 0, 1], 5001).into()], plain: true, ..own.clone() };
    assert_eq!(format!("{settings:?}"), format!("{expected:?}"));
    let folder = Folder::new();
    let certificate = folder.write("my.p12", b"\x30\x82");
    let more = "sslCert: my.p12\nips:\n  allow: [10.*, trader.example]\n";
    let settings = read(&folder, more).unwrap().over(own);
    assert_eq!((settings.certificate, settings.certificate_key), (Some(certificate), None));
    assert_eq!(settings.allow_hosts, ["ib-gateway", "trader.example"]);
    assert_eq!((settings.allow_addresses.len(), settings.plain), (1, false));
}

#[test]
fn certificates_are_told_by_their_content() {
    for (content, is_taken, begin) in [
        (&b"\x30\x82\x0a\x00"[..], true, ""),
        (b"some text\n-----BEGIN CERTIFICATE-----\n", true, ""),
        (
            b"\xfe\xed\xfe\xed\0\0\0\x02",
            false,
            "is a JKS store, and not read here: convert it with `keytool ",
        ),
        (b"\xce\xce\xce\xce", false, "is a JKS store"),
        (b"hello", false, "is neither PKCS#12 nor PEM: a certificate is made instead"),
        (b"", false, "is neither PKCS#12 nor PEM"),
    ] {
        let folder = Folder::new();
        let path = folder.write("my.jks", content);
        let imported = read(&folder, "sslCert: my.jks\nsslPwd: hunter2\n").unwrap();
        assert_eq!(imported.certificate, is_taken.then_some(path.clone()), "{begin}");
        let passphrase = imported.certificate_passphrase.as_ref().map(|own| own.secret().unwrap());
        assert_eq!(passphrase.as_ref().map(|own| own.expose()), is_taken.then_some("hunter2"));
        match is_taken {
            true => assert_warnings(&imported, &[]),
            false => {
                assert_warnings(&imported, &[&format!("`sslCert` names {}, which {begin}", path.display())]);
            }
        }
        assert!(!format!("{imported:?}").contains("hunter2"));
    }
}

#[test]
fn a_certificate_is_looked_for_where_the_original_looks() {
    for (conf, certificate) in
        [("root/conf.yaml", "root/my.p12"), ("conf/conf.yaml", "root/my.p12"), ("conf.yaml", "root/my.p12")]
    {
        let folder = Folder::new();
        for name in ["root", "conf"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let certificate = folder.write(certificate, b"\x30\x82");
        let imported = Imported::from_conf_yaml(folder.write(conf, "sslCert: my.p12\n")).unwrap();
        let found = imported.certificate.unwrap();
        assert_eq!(found.canonicalize().unwrap(), certificate.canonicalize().unwrap(), "{conf}");
    }
    let gone = imported("sslCert: my.p12\n");
    assert_warnings(&gone, &["`sslCert` names a file that is not there: a certificate is made instead"]);
}

#[cfg(unix)]
#[test]
fn secrets_that_others_can_read_are_told() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new();
    let certificate = folder.write("my.p12", b"\x30\x82");
    let conf = folder.write("conf.yaml", "sslCert: my.p12\nsslPwd: secret\n");
    for path in [&certificate, &conf] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let imported = Imported::from_conf_yaml(&conf).unwrap();
    assert_warnings(
        &imported,
        &[
            &format!("`sslCert` names {}, which is open to other users", certificate.display()),
            "`sslPwd` stands in a file that is open to other users",
        ],
    );
    fs::set_permissions(&conf, fs::Permissions::from_mode(0o666)).unwrap();
    assert!(Imported::from_conf_yaml(&conf).unwrap_err().message().contains("can be changed by other users"));
}

#[test]
fn what_is_no_such_file_is_told() {
    for content in ["", "# listenPort: 5000\n", "- a\n", "hello", "\0\0", "\u{ff}\u{fe}l", "[["] {
        let error = read(&Folder::new(), content).unwrap_err();
        assert!(error.message().ends_with("conf.yaml holds no settings of IBKR's gateway"), "{error}");
    }
    let error = Imported::from_conf_yaml("no_such/conf.yaml").unwrap_err();
    assert_eq!(error.to_string(), "no_such/conf.yaml does not exist: check the path");
}

#[test]
fn another_encoding_in_a_comment_does_no_harm() {
    let imported = imported(b"\xef\xbb\xbf# f\xfcr mich\nlistenPort: 5001\n");
    assert_eq!(imported.listen.unwrap().port(), 5001);
}

const PIECES: [&str; 18] = [
    "\n",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "#",
    "*",
    "\t",
    "  ",
    "ips:\n",
    "allow:",
    "listenPort",
    "10.*",
    "sslCert: .\n",
];

thread_local! {
    static FOLDER: Folder = Folder::new();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_survived(content in prop::collection::vec(any::<u8>(), 0..2000)) {
        FOLDER.with(|folder| drop(read(folder, content)));
    }

    #[test]
    fn arbitrary_yaml_like_text_is_survived(pieces in prop::collection::vec(0..PIECES.len(), 0..300)) {
        let content: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        FOLDER.with(|folder| drop(read(folder, content)));
    }

    #[test]
    fn damaged_files_are_survived_and_open_nothing(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut content = SHIPPED.as_bytes().to_vec();
        let at = at.index(content.len());
        content[at] = byte;
        FOLDER.with(|folder| {
            if let Ok(imported) = read(folder, content) {
                assert!(imported.listen.is_none_or(|address| address.ip().is_loopback()));
                assert!(imported.allow_origins.is_empty());
                assert!(!format!("{imported:?}").contains("mywebapi"));
            }
        });
    }
}
