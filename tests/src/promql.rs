//! What an expression of PromQL asks for, found in the tree that Prometheus itself makes of it.

use std::collections::BTreeSet;

use serde_json::Value;

/// A selector of an expression: `name{...}`, over a time or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// The name of the metric; empty if there is none.
    pub name: String,
    /// The function that is called with it, and nothing in between.
    pub function: Option<String>,
    /// Whether it is over a time, such as `[5m]`.
    pub ranged: bool,
}

/// All selectors of a tree.
pub fn selectors(tree: &Value) -> BTreeSet<Selector> {
    let mut found = BTreeSet::new();
    visit(tree, None, &mut found);
    found
}

/// The names of functions and aggregations that a tree has.
pub fn operations(tree: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(tree, &mut |node| {
        let name = match kind(node) {
            "call" => &node["func"]["name"],
            "aggregation" => &node["op"],
            _ => return,
        };
        found.extend(name.as_str().map(str::to_owned));
    });
    found
}

fn kind(node: &Value) -> &str {
    node["type"].as_str().unwrap_or_default()
}

fn visit(node: &Value, function: Option<&str>, found: &mut BTreeSet<Selector>) {
    let ranged = kind(node) == "matrixSelector";
    if ranged || kind(node) == "vectorSelector" {
        let name = node["name"].as_str().unwrap_or_default().to_owned();
        found.insert(Selector { name, function: function.map(str::to_owned), ranged });
        return;
    }
    // The arguments are a list below the call.
    let function = if node.is_array() { function } else { node["func"]["name"].as_str() };
    children(node).for_each(|child| visit(child, function, found));
}

fn walk(node: &Value, look: &mut impl FnMut(&Value)) {
    look(node);
    children(node).for_each(|child| walk(child, look));
}

fn children(node: &Value) -> impl Iterator<Item = &Value> {
    let inner: Vec<&Value> = match node {
        Value::Object(members) => members.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    inner.into_iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_know_who_calls_them() {
        let up = json!({"type": "vectorSelector", "name": "up", "matchers": []});
        let rate = json!({"type": "call", "func": {"name": "rate"},
            "args": [{"type": "matrixSelector", "name": "a_total", "range": 300_000}]});
        let sum = json!({"type": "aggregation", "op": "sum", "expr": rate});
        let tree = json!({"type": "binaryExpr", "op": "/", "lhs": sum, "rhs": up});
        let selector = |name: &str, function: Option<&str>, ranged| Selector {
            name: name.to_owned(),
            function: function.map(str::to_owned),
            ranged,
        };
        let wanted = [selector("a_total", Some("rate"), true), selector("up", None, false)];
        assert_eq!(selectors(&tree), BTreeSet::from(wanted));
        assert_eq!(operations(&tree), ["rate", "sum"].map(str::to_owned).into());
    }
}
