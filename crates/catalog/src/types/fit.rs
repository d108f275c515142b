//! Whether the pool that volumes are made in has what a type asks for.

use serde_json::{Map, Value};

use crate::Metadata;

/// What is said of a pool, as it is shown to administrators.
pub type Capabilities = Map<String, Value>;

/// Whether a pool has all that a type's extra specs ask of it. A spec that names no capability is never met; one
/// of another scope than `capabilities` is not for the choice of a pool.
pub(crate) fn fits(specs: &Metadata, capabilities: &Capabilities) -> bool {
    specs.iter().all(|(key, wanted)| {
        let name = match key.split_once(':') {
            Some(("capabilities", name)) => name,
            Some(_) => return true,
            None => key,
        };
        capabilities.get(name).is_some_and(|has| meets(has, wanted))
    })
}

/// Whether a capability is what a spec's value says: a word, or an operator with its operands.
fn meets(has: &Value, wanted: &str) -> bool {
    let mut words = wanted.split_whitespace();
    let operator = words.next().unwrap_or_default();
    let operand = words.next();
    let texts = |compare: fn(&str, &str) -> bool| operand.is_some_and(|operand| compare(&text(has), operand));
    let numbers = |compare: fn(&f64, &f64) -> bool| {
        let operand = operand.and_then(|operand| operand.parse().ok());
        text(has).parse().ok().zip(operand).is_some_and(|(has, operand): (f64, f64)| compare(&has, &operand))
    };
    match operator {
        "<or>" => wanted.split("<or>").any(|one| one.trim() == text(has)),
        "<in>" => texts(|has, operand| has.contains(operand)),
        "<is>" => texts(|has, operand| truth(has) == truth(operand)),
        "s==" => texts(|has, operand| has == operand),
        "s!=" => texts(|has, operand| has != operand),
        "s<" => texts(|has, operand| has < operand),
        "s<=" => texts(|has, operand| has <= operand),
        "s>" => texts(|has, operand| has > operand),
        "s>=" => texts(|has, operand| has >= operand),
        "=" | ">=" => numbers(f64::ge),
        "<=" => numbers(f64::le),
        "==" => numbers(|has, operand| has.total_cmp(operand).is_eq()),
        "!=" => numbers(|has, operand| has.total_cmp(operand).is_ne()),
        // a plain word says nothing of a flag: that is what `<is>` is for
        _ => has.as_str() == Some(wanted),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn truth(word: &str) -> bool {
    matches!(word.to_lowercase().as_str(), "1" | "t" | "true" | "on" | "y" | "yes")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fit(key: &str, wanted: &str) -> bool {
        let pool = json!({ "volume_backend_name": "rbd", "thin_provisioning_support": true, "multiattach": false,
            "free_capacity_gb": "unknown", "reserved_percentage": 5 });
        fits(&Metadata::from([(key.to_owned(), wanted.to_owned())]), pool.as_object().unwrap())
    }

    #[test]
    fn words_and_operators() {
        for wanted in
            ["rbd", "s== rbd", "<in> rb", "<or> lvm <or> rbd", "s!= lvm", "s> ra", "s>= rbd", "s< rc", "s<= rbd"]
        {
            assert!(fit("volume_backend_name", wanted), "{wanted}");
        }
        for wanted in ["lvm", "", "s== lvm", "<in> x", "<or> lvm", "<or>", "s!= rbd", "<in>", ">= 1", "rbd lvm"] {
            assert!(!fit("volume_backend_name", wanted), "{wanted}");
        }
        for (wanted, met) in
            [("= 5", true), (">= 6", false), ("<= 5", true), ("== 5.0", true), ("!= 5", false), ("5", false)]
        {
            assert_eq!(fit("reserved_percentage", wanted), met, "{wanted}");
        }
        assert!(!fit("free_capacity_gb", ">= 1"), "what is unknown is not enough");
    }

    #[test]
    fn flags() {
        assert!(fit("thin_provisioning_support", "<is> True"));
        assert!(!fit("thin_provisioning_support", "<is> False"));
        assert!(!fit("thin_provisioning_support", "True"));
        assert!(!fit("multiattach", "<is> True"));
        assert!(fit("multiattach", "<is> no"));
    }

    #[test]
    fn scopes() {
        assert!(fit("capabilities:volume_backend_name", "rbd"));
        assert!(!fit("capabilities:volume_backend_name", "lvm"));
        assert!(fit("provisioning:max_vol_size", "10"));
        assert!(!fit("something", "else"));
        assert!(fits(&Metadata::new(), &Capabilities::new()));
    }
}
