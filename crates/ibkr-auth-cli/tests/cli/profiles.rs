//! `ibkr-auth profiles` and `ibkr-auth guide`: what is known without asking anybody.

use serde_json::json;

use crate::common::{Folder, OTHER, World};

#[test]
fn profiles_are_listed_with_what_is_kept_of_each() {
    let world = World::new();
    world.configure(&format!(
        "profiles:\n  one: {{}}\n  two:\n    credential: {OTHER}\n  bad:\n    timeout: never\ndefault_profile: two\n"
    ));
    world.succeed(["login", "--profile", "one"]);
    let before = world.requests();
    let told = world.succeed(["profiles", "--json"]).json();
    let of = |name: &str| told.as_array().unwrap().iter().find(|told| told["profile"] == name).unwrap();
    let seen = |name: &str| ["chosen", "paper", "kept", "good"].map(|member| of(name)[member].clone());
    assert_eq!(seen("one"), [json!(false), json!(true), json!(true), json!(true)], "{told}");
    assert_eq!(seen("two"), [json!(true), json!(null), json!(false), json!(false)], "{told}");
    assert!(of("bad")["error"].as_str().unwrap().contains("timeout"), "{told}");
    let shown = world.succeed(["profiles"]).out;
    for line in ["  one  paper account at https://localhost:", "* two  account at ", "  bad  unusable: "] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert!(shown.contains("session good, seen ") && shown.contains("no session"), "{shown}");
    assert_eq!(world.requests(), before, "nobody is asked");
}

#[test]
fn settings_without_profiles_are_one_line() {
    let world = World::new();
    let shown = world.succeed(["profiles"]).out;
    assert!(shown.starts_with("  (no profiles)  account at https://localhost:"), "{shown}");
    assert_eq!(shown.lines().count(), 1);
}

#[test]
fn whoever_has_the_program_alone_has_what_its_texts_point_at() {
    let empty = Folder::new();
    assert!(empty.succeed(["guide"]).out.starts_with("# Getting OAuth 2.0 from IBKR"));
    assert!(empty.succeed(["guide", "4"]).out.starts_with("4. What changes hands"));
    assert!(empty.succeed(["guide", "quickstart"]).out.contains("[Service]"));
    assert!(empty.succeed(["guide", "settings"]).out.contains("private_key_file"));
    empty.run(["guide", "99"]).fails(2, &["no `99`", "onboarding"]);
}
