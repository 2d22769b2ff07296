//! The JSON behind a topic, united when a subscription is asked for twice.

use serde_json::{Map, Value};

/// The same JSON in one spelling; a text that is none stays as it is.
pub(super) fn canonical(arguments: &str) -> String {
    members(arguments).map_or_else(|| arguments.to_owned(), |members| Value::Object(members).to_string())
}

/// One request for what both ask for. Lists are united; of anything else the later counts. For market data
/// a list that is missing or empty asks for nothing, for all other topics for everything. What cannot be read
/// is replaced.
pub(super) fn unite(topic: &str, earlier: &str, later: &str) -> String {
    let (Some(mut united), Some(added)) = (members(earlier), members(later)) else { return later.to_owned() };
    if united == added {
        return later.to_owned();
    }
    if topic != "smd" {
        united.retain(|name, value| !value.is_array() || asks_for_some(added.get(name)));
    }
    for (name, value) in added {
        match (united.get_mut(&name), value) {
            (Some(Value::Array(list)), Value::Array(more)) if topic == "smd" || !list.is_empty() => {
                let new: Vec<_> = more.into_iter().filter(|item| !list.contains(item)).collect();
                list.extend(new);
            }
            // Everything was asked for before.
            (_, Value::Array(_)) if topic != "smd" => {}
            (_, value) => {
                united.insert(name, value);
            }
        }
    }
    Value::Object(united).to_string()
}

fn asks_for_some(list: Option<&Value>) -> bool {
    list.and_then(Value::as_array).is_some_and(|list| !list.is_empty())
}

fn members(arguments: &str) -> Option<Map<String, Value>> {
    match arguments {
        "" => Some(Map::new()),
        _ => serde_json::from_str(arguments).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_market_data_add_up() {
        let united = unite("smd", r#"{"fields":["31","84"],"tempo":2000}"#, r#"{"fields":["84","86"]}"#);
        assert_eq!(united, r#"{"fields":["31","84","86"],"tempo":2000}"#);
        assert_eq!(
            unite("smd", r#"{"tempo":1}"#, r#"{"fields":["31"],"tempo":2}"#),
            r#"{"fields":["31"],"tempo":2}"#
        );
        assert_eq!(unite("smd", r#"{"fields":["31"]}"#, ""), r#"{"fields":["31"]}"#);
    }

    #[test]
    fn elsewhere_no_list_asks_for_everything() {
        assert_eq!(
            unite("sor", r#"{"filters":["filled"]}"#, r#"{"filters":["cancelled"]}"#),
            r#"{"filters":["filled","cancelled"]}"#
        );
        for all in ["", "{}", r#"{"filters":[]}"#] {
            for (earlier, later) in [(all, r#"{"filters":["filled"]}"#), (r#"{"filters":["filled"]}"#, all)] {
                assert!(!unite("sor", earlier, later).contains("filled"), "{earlier} {later}");
            }
        }
        assert_eq!(unite("str", r#"{"days":1}"#, r#"{"days":3}"#), r#"{"days":3}"#);
    }

    #[test]
    fn what_is_written_the_same_or_unreadable_stays_as_written() {
        assert_eq!(unite("smd", r#"{ "fields":["31"]}"#, r#"{"fields": ["31"]}"#), r#"{"fields": ["31"]}"#);
        assert_eq!(unite("smd", "{broken", r#"{"fields":[]}"#), r#"{"fields":[]}"#);
        assert_eq!(unite("smd", "{}", "{broken"), "{broken");
        assert_eq!(canonical(r#"{ "b":1, "a":[] }"#), r#"{"a":[],"b":1}"#);
        assert_eq!(canonical("{broken"), "{broken");
    }
}
