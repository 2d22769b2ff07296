//! Files that others can change or read, on the opened file and on the way to it.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use ibkr_auth_config::{Settings, Transport, local};

use crate::folder::{Folder, KEYLESS, MINIMAL, test_key_block};

const NOBODY: u32 = 65_534;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn read(path: &Path) -> Result<Settings, String> {
    let none: [(&str, &str); 0] = [];
    Settings::from_yaml_with(path, none).map_err(|error| error.to_string())
}

fn is_root(what: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped without root: {what}");
    }
    is_root
}

type Reading = Box<dyn Fn() -> Result<(), String>>;

/// Settings, key, passphrase and certificates, each with a way to read it.
fn files(folder: &Folder) -> Vec<(std::path::PathBuf, Reading)> {
    let ca = folder.write("ca.pem", include_str!("ca.pem"));
    let passphrase = folder.write("passphrase.txt", "secret");
    let settings = format!("{MINIMAL}private_key_passphrase_file: passphrase.txt\n");
    let config = folder.write("config.yaml", settings);
    let key = folder.path().join("private.pem");
    let transport = Transport { ca_file: Some(ca.clone()), ..Transport::default() };
    let certificates = move || transport.trust().map(drop).map_err(|error| error.to_string());
    let whole = |config: &Path| {
        let config = config.to_owned();
        Box::new(move || read(&config).map(drop))
    };
    vec![
        (config.clone(), whole(&config)),
        (key, whole(&config)),
        (passphrase, whole(&config)),
        (ca, Box::new(certificates)),
    ]
}

#[test]
fn what_others_can_change_is_refused() {
    let folder = Folder::new();
    for (path, read) in files(&folder) {
        assert_eq!(read(), Ok(()));
        for mode in [0o620, 0o602, 0o666] {
            set_mode(&path, mode);
            let error = read().unwrap_err();
            assert!(error.contains("can be changed by other users"), "{error}");
            assert!(error.ends_with("`chmod go-w` it"), "{error}");
        }
        set_mode(&path, 0o600);
    }
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    if !is_root("a file of another user") {
        return;
    }
    let folder = Folder::new();
    for (path, read) in files(&folder) {
        chown(&path, Some(NOBODY), None).unwrap();
        let error = read().unwrap_err();
        assert!(error.contains("belongs to another user (uid 65534)"), "{error}");
        chown(&path, Some(0), None).unwrap();
    }
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let folder = Folder::new();
    for (path, read) in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        for mode in [0o644, 0o640, 0o604] {
            set_mode(&path, mode);
            match name {
                "private.pem" | "passphrase.txt" => {
                    let error = read().unwrap_err();
                    assert!(
                        error.contains("open to other users") && error.contains("`chmod 600` it"),
                        "{error}"
                    );
                }
                _ => assert_eq!(read(), Ok(()), "{name} holds no secret"),
            }
        }
        set_mode(&path, 0o400);
        assert_eq!(read(), Ok(()), "{name}");
    }
    let config = folder.write("config.yaml", format!("{KEYLESS}{}", test_key_block()));
    assert!(read(&config).is_ok());
    set_mode(&config, 0o644);
    let error = read(&config).unwrap_err();
    assert!(error.contains("`private_key` stands in a file that is open to other users"), "{error}");
}

#[test]
fn a_folder_for_everybody_on_the_way_is_refused_unless_nobody_can_replace_there() {
    let folder = Folder::new();
    let shared = folder.path().join("shared");
    fs::create_dir_all(shared.join("mine")).unwrap();
    for name in ["config.yaml", "private.pem"] {
        let content =
            if name == "config.yaml" { MINIMAL.into() } else { crate::folder::test_key("rsa2048.pem") };
        folder.write(&format!("shared/mine/{name}"), content);
    }
    let direct = shared.join("mine/config.yaml");
    let (link, chain) = (folder.path().join("link.yaml"), folder.path().join("chain.yaml"));
    symlink("shared/mine/config.yaml", &link).unwrap();
    symlink(&link, &chain).unwrap();
    for (mode, is_refused) in [(0o755, false), (0o777, true), (0o1777, false), (0o775, false)] {
        set_mode(&shared, mode);
        for path in [&direct, &link, &chain] {
            let outcome = read(path);
            assert_eq!(outcome.is_err(), is_refused, "{mode:o}, {}: {outcome:?}", path.display());
            if let Err(error) = outcome {
                assert!(
                    error.contains("can be replaced by every user") && error.contains("shared"),
                    "{error}"
                );
            }
        }
    }
}

#[test]
fn links_are_followed_and_what_is_behind_them_is_judged() {
    // As a secret is mounted in Kubernetes.
    let folder = Folder::new();
    let data = folder.path().join("..2026_11_29");
    fs::create_dir(&data).unwrap();
    folder.write("..2026_11_29/config.yaml", MINIMAL);
    folder.write("..2026_11_29/private.pem", crate::folder::test_key("rsa2048.pem"));
    symlink("..2026_11_29", folder.path().join("..data")).unwrap();
    symlink("..data/config.yaml", folder.path().join("config.yaml")).unwrap();
    let config = folder.path().join("config.yaml");
    assert!(read(&config).is_ok());
    set_mode(&data.join("config.yaml"), 0o666);
    assert!(read(&config).unwrap_err().contains("can be changed by other users"));
}

#[test]
fn nobody_waits_for_a_fifo_that_takes_a_files_place() {
    let folder = Folder::new();
    let (file, fifo) = (folder.write("config.yaml", MINIMAL), folder.path().join("fifo"));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let spare = folder.path().join("spare");
    fs::copy(&file, &spare).unwrap();
    let (reader, is_over) = (file.clone(), Arc::new(AtomicBool::new(false)));
    let swapper = {
        let is_over = Arc::clone(&is_over);
        thread::spawn(move || {
            let moved = file.with_extension("moved");
            for source in [&fifo, &spare].into_iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                fs::hard_link(source, &moved).and_then(|()| fs::rename(&moved, &file)).unwrap();
            }
        })
    };
    let (done, heard) = mpsc::channel();
    thread::spawn(move || {
        for _ in 0..3_000 {
            let _ = read(&reader);
        }
        done.send(()).unwrap();
    });
    let outcome = heard.recv_timeout(Duration::from_secs(120));
    is_over.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    outcome.expect("a FIFO without a writer is waited for");
}

#[test]
fn own_files_are_no_links_and_are_not_changed_by_opening() {
    let folder = Folder::new();
    let precious = folder.write("precious", "precious");
    let (link, hard, fifo) =
        (folder.path().join("link"), folder.path().join("hard"), folder.path().join("fifo"));
    symlink(&precious, &link).unwrap();
    let said = |path: &Path| {
        let errors =
            [local::open_own(path), local::create_own(path)].map(|file| file.unwrap_err().to_string());
        assert_eq!(errors[0], errors[1]);
        errors[0].clone()
    };
    assert_eq!(said(&link), "it is a symbolic link");
    fs::hard_link(&precious, &hard).unwrap();
    assert_eq!(said(&hard), "it has a second name (a hard link)");
    fs::remove_file(&hard).unwrap();
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert_eq!(said(&fifo), "it is no regular file");
    set_mode(&precious, 0o606);
    assert!(said(&precious).contains("can be changed by other users"));
    set_mode(&precious, 0o644);
    assert!(local::open_own(&precious).is_ok());
    let error = local::open_own_secret(&precious).unwrap_err().to_string();
    assert!(error.contains("open to other users"), "{error}");
    set_mode(&precious, 0o600);
    local::create_own(&precious).unwrap();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
    // A link to nothing makes nothing.
    symlink("nothing", folder.path().join("dangling")).unwrap();
    assert!(local::create_own(&folder.path().join("dangling")).is_err());
    assert!(!folder.path().join("nothing").exists());
}
