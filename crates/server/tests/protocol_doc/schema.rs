//! The JSON Schema of the frames: what it says of their fields, and whether a frame obeys it.
//!
//! The validator knows the keywords that this schema uses, and panics at any other: so it cannot
//! pass over one silently. A whole validator would bring some forty crates for this one test.

use hubbub_protocol::frame;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// One half of the schema, and the field that names its frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direction {
    half: &'static str,
    tag: &'static str,
}

pub(crate) const CLIENT: Direction = Direction { half: "client", tag: "cmd" };
pub(crate) const SERVER: Direction = Direction { half: "server", tag: "ev" };

/// What the document says of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) kind: String,
    pub(crate) given: String,
}

pub(crate) type Fields = BTreeMap<String, Field>;

/// What a named type is.
pub(crate) enum TypeForm {
    Scalar(String),
    Object(Fields),
    OneOf(Vec<String>),
}

pub(crate) struct Schema(Value);

const ALWAYS: &str = "always";
const OPTIONAL: &str = "optional";
const ONE_OF_TWO: &str = "one of two";

impl Schema {
    pub(crate) fn new() -> Self {
        Self(frame::schema())
    }

    /// All frames of a direction with their own fields, in the order of the schema.
    pub(crate) fn frames(&self, direction: Direction) -> Vec<(String, Fields)> {
        let frames = self.0[direction.half]["oneOf"].as_array().expect("frames");
        let named = frames.iter().map(|frame| {
            let name = frame["properties"][direction.tag]["const"].as_str().expect("a tag");
            let mut fields = self.fields(frame);
            fields.remove(direction.tag);
            (name.to_owned(), fields)
        });
        named.collect()
    }

    /// The fields that all frames of a direction have.
    pub(crate) fn common(&self, direction: Direction) -> Fields {
        let mut fields = Fields::new();
        let half = &self.0[direction.half];
        if half.get("properties").is_some() {
            fields.extend(self.own_fields(half));
        }
        let tag = Field { kind: "string".into(), given: ALWAYS.into() };
        fields.insert(direction.tag.into(), tag);
        fields
    }

    /// All named types of both directions.
    pub(crate) fn types(&self) -> BTreeMap<String, TypeForm> {
        let mut types = BTreeMap::new();
        for direction in [CLIENT, SERVER] {
            for (name, schema) in self.definitions(direction) {
                types.insert(snake(name), self.form(schema));
            }
        }
        types
    }

    fn definitions(&self, direction: Direction) -> &Map<String, Value> {
        self.0[direction.half]["$defs"].as_object().expect("definitions")
    }

    fn form(&self, schema: &Value) -> TypeForm {
        if schema.get("properties").is_some() {
            return TypeForm::Object(self.fields(schema));
        }
        let Some(branches) = schema.get("oneOf").and_then(Value::as_array) else {
            return TypeForm::Scalar(self.kind(schema));
        };
        let value = |branch: &Value| match branch.get("const").and_then(Value::as_str) {
            Some(word) => word.to_owned(),
            None => {
                let fields = self.fields(branch);
                let (name, field) = fields.first_key_value().expect("one field");
                format!("{{\"{name}\":{}}}", field.kind)
            }
        };
        TypeForm::OneOf(branches.iter().map(value).collect())
    }

    fn own_fields(&self, schema: &Value) -> Fields {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return Fields::new();
        };
        let required: BTreeSet<&str> = strings(schema.get("required")).collect();
        let field = |(name, schema): (&String, &Value)| {
            let given = if required.contains(name.as_str()) { ALWAYS } else { OPTIONAL };
            (name.clone(), Field { kind: self.kind(schema), given: given.into() })
        };
        properties.iter().map(field).collect()
    }

    /// The fields of an object, with those of its alternatives.
    fn fields(&self, schema: &Value) -> Fields {
        let mut fields = self.own_fields(schema);
        for part in list(schema.get("allOf")) {
            fields.extend(self.fields(part));
        }
        let branches = list(schema.get("oneOf"));
        for branch in branches {
            for (name, _) in self.own_fields(branch) {
                let of_all: Vec<&Value> =
                    branches.iter().filter_map(|branch| branch["properties"].get(&name)).collect();
                let given = if of_all.len() == branches.len() { ALWAYS } else { ONE_OF_TWO };
                let kind = self.kind_of_several(&of_all);
                fields.insert(name, Field { kind, given: given.into() });
            }
        }
        fields
    }

    /// One type for all: the enumeration that has just these words, if each is one.
    fn kind_of_several(&self, schemas: &[&Value]) -> String {
        let words: Vec<String> = schemas
            .iter()
            .filter_map(|schema| schema["const"].as_str().map(str::to_owned))
            .collect();
        if words.len() < schemas.len() {
            let kinds: BTreeSet<String> = schemas.iter().map(|schema| self.kind(schema)).collect();
            return Vec::from_iter(kinds).join(" or ");
        }
        for direction in [CLIENT, SERVER] {
            for (name, schema) in self.definitions(direction) {
                let is_enumeration = schema.get("properties").is_none();
                if is_enumeration
                    && matches!(self.form(schema), TypeForm::OneOf(known) if known == words)
                {
                    return snake(name);
                }
            }
        }
        words.join(" or ")
    }

    /// A type in the words of the document.
    fn kind(&self, schema: &Value) -> String {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            return snake(name.rsplit('/').next().expect("a path has a last part"));
        }
        if let Some(one) = list(schema.get("anyOf")).iter().find(|schema| schema["type"] != "null")
        {
            return self.kind(one);
        }
        let kind = strings(schema.get("type")).find(|kind| *kind != "null");
        match kind.unwrap_or_else(|| panic!("no type: {schema}")) {
            "array" => format!("array of {}", self.kind(&schema["items"])),
            "integer" => match schema["format"].as_str() {
                Some("uint32") => "u32".into(),
                Some("uint64") => "u64".into(),
                other => panic!("the document has no word for the format {other:?}"),
            },
            other => other.to_owned(),
        }
    }

    /// Whether a frame obeys the schema and has no field beyond it.
    pub(crate) fn check(&self, direction: Direction, frame: &Value) -> Result<(), String> {
        self.validate(direction, &self.0[direction.half], frame)?;
        let name = frame[direction.tag].as_str().ok_or("the frame has no name")?;
        let mut known = self.common(direction);
        for (frame, fields) in self.frames(direction) {
            if frame == name {
                known.extend(fields);
            }
        }
        let fields = frame.as_object().expect("it is valid").keys();
        // Tomorrow's field shows that the server ignores what it does not know.
        match fields
            .into_iter()
            .find(|field| !known.contains_key(*field) && *field != "a_field_of_tomorrow")
        {
            Some(field) => Err(format!("{name} has no field {field:?}")),
            None => Ok(()),
        }
    }

    fn validate(&self, direction: Direction, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = schema.as_object().expect("a schema is an object");
        for (keyword, rule) in schema {
            let passes = |schema: &&Value| self.validate(direction, schema, value).is_ok();
            let ok = match keyword.as_str() {
                "title" | "description" | "$schema" | "$defs" | "default" => true,
                "$ref" => {
                    let path = rule.as_str().expect("a path").trim_start_matches('#');
                    let target = self.0[direction.half].pointer(path).expect("a definition");
                    self.validate(direction, target, value)?;
                    true
                }
                "oneOf" => match list(Some(rule)).iter().filter(passes).count() {
                    1 => true,
                    // Says what is wrong with the one that it wants to be.
                    0 => return self.explain(direction, rule, value),
                    _ => false,
                },
                "anyOf" => list(Some(rule)).iter().any(|schema| passes(&schema)),
                "allOf" => list(Some(rule)).iter().all(|schema| passes(&schema)),
                "type" => strings(Some(rule)).any(|kind| is_of(kind, value)),
                "const" => value == rule,
                "format" => match rule.as_str() {
                    Some("uint32") => value.as_u64().is_none_or(|n| u32::try_from(n).is_ok()),
                    Some("uint64") => true,
                    other => panic!("unknown format {other:?}"),
                },
                "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().expect("a number")),
                "minLength" => value.as_str().is_none_or(|text| {
                    text.chars().count() as u64 >= rule.as_u64().expect("a number")
                }),
                "maxLength" => value.as_str().is_none_or(|text| {
                    text.chars().count() as u64 <= rule.as_u64().expect("a number")
                }),
                "pattern" => {
                    assert_eq!(rule, "^[0-9a-fA-F]{32}$", "the only pattern so far");
                    value.as_str().is_none_or(|text| {
                        text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit())
                    })
                }
                "required" => strings(Some(rule)).all(|field| value.get(field).is_some()),
                "properties" => {
                    for (name, schema) in rule.as_object().expect("an object") {
                        if let Some(value) = value.get(name) {
                            self.validate(direction, schema, value)?;
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    assert_eq!(rule, false);
                    let known = schema.get("properties");
                    let is_known =
                        |name: &String| known.is_some_and(|known| known.get(name).is_some());
                    value.as_object().is_none_or(|value| value.keys().all(is_known))
                }
                "items" => {
                    for value in list(Some(value)) {
                        self.validate(direction, rule, value)?;
                    }
                    true
                }
                // The name of the schema; it says nothing about values.
                "$id" => true,
                other => panic!("this validator does not know {other:?}"),
            };
            if !ok {
                return Err(format!("{value} breaks {keyword:?}: {rule}"));
            }
        }
        Ok(())
    }

    fn explain(&self, direction: Direction, branches: &Value, value: &Value) -> Result<(), String> {
        let is_meant = |branch: &&Value| {
            let tag = &branch["properties"][direction.tag]["const"];
            !tag.is_null() && value.get(direction.tag) == Some(tag)
        };
        match list(Some(branches)).iter().find(is_meant) {
            Some(branch) => self.validate(direction, branch, value),
            None => Err(format!("{value} is none of the alternatives")),
        }
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other:?}"),
    }
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A string, or those of a list.
fn strings(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let one = value.and_then(Value::as_str);
    one.into_iter().chain(list(value).iter().filter_map(Value::as_str))
}

/// `RoomEntry` → `room_entry`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
