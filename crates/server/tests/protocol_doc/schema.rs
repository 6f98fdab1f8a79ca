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

/// What an object has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Whatever it is.
    pub(crate) fields: Fields,
    /// What more it has, by the word in one of these fields.
    pub(crate) alternatives: Option<Alternatives>,
}

/// The fields that an object has beside others, by the word in its `tag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alternatives {
    pub(crate) tag: String,
    /// By word and name of the field.
    pub(crate) fields: BTreeMap<(String, String), Field>,
}

/// What a named type is.
pub(crate) enum TypeForm {
    Scalar(String),
    Object(Shape),
    OneOf(Vec<String>),
}

pub(crate) struct Schema(Value);

const ALWAYS: &str = "always";
const OPTIONAL: &str = "optional";
/// By the number of fields of which one is there.
const ONE_OF: &[&str] = &["", "", "one of two", "one of three", "one of four"];

impl Schema {
    pub(crate) fn new() -> Self {
        Self(frame::schema())
    }

    /// All frames of a direction with their own fields, in the order of the schema.
    pub(crate) fn frames(&self, direction: Direction) -> Vec<(String, Shape)> {
        let frames = self.0[direction.half]["oneOf"].as_array().expect("frames");
        let named = frames.iter().map(|frame| {
            let name = frame["properties"][direction.tag]["const"].as_str().expect("a tag");
            let mut shape = self.shape(frame);
            shape.fields.remove(direction.tag);
            (name.to_owned(), shape)
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
        fields.insert(direction.tag.into(), word_field());
        fields
    }

    /// All named types of both directions, but those whose fields stand in others as their own.
    pub(crate) fn types(&self) -> BTreeMap<String, TypeForm> {
        let mut types = BTreeMap::new();
        for direction in [CLIENT, SERVER] {
            let mut named = BTreeSet::new();
            references(&self.0[direction.half], &mut named);
            for (name, schema) in self.definitions(direction) {
                let form = self.form(schema);
                let has_table =
                    matches!(&form, TypeForm::Object(shape) if shape.alternatives.is_some());
                if has_table || named.contains(name.as_str()) {
                    types.insert(snake(name), form);
                }
            }
        }
        types
    }

    fn definitions(&self, direction: Direction) -> &Map<String, Value> {
        self.0[direction.half]["$defs"].as_object().expect("definitions")
    }

    fn form(&self, schema: &Value) -> TypeForm {
        let branches = list(schema.get("oneOf"));
        if schema.get("properties").is_some() || tag_of(branches).is_some() {
            return TypeForm::Object(self.shape(schema));
        }
        if branches.is_empty() {
            return TypeForm::Scalar(self.kind(schema));
        }
        let value = |branch: &Value| match branch.get("const").and_then(Value::as_str) {
            Some(word) => word.to_owned(),
            None => {
                let fields = self.own_fields(branch);
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

    /// What an object has, with its alternatives.
    fn shape(&self, schema: &Value) -> Shape {
        let mut shape = Shape { fields: self.own_fields(schema), alternatives: None };
        for part in list(schema.get("allOf")) {
            let part = self.shape(part);
            shape.fields.extend(part.fields);
            shape.alternatives = shape.alternatives.or(part.alternatives);
        }
        let branches = list(schema.get("oneOf"));
        match tag_of(branches) {
            Some(tag) => {
                shape.fields.insert(tag.to_owned(), word_field());
                shape.alternatives = Some(self.alternatives(tag, branches));
            }
            None => {
                for branch in branches {
                    let own = self.own_fields(branch);
                    assert_eq!(own.len(), 1, "one of several single fields: {branch}");
                    let given = ONE_OF[branches.len()];
                    let one = |(name, field): (String, Field)| {
                        (name, Field { given: given.into(), ..field })
                    };
                    shape.fields.extend(own.into_iter().map(one));
                }
            }
        }
        shape
    }

    fn alternatives(&self, tag: &str, branches: &[Value]) -> Alternatives {
        let mut all = BTreeMap::new();
        for branch in branches {
            let word = branch["properties"][tag]["const"].as_str().expect("a word");
            let mut fields = self.own_fields(branch);
            if let Some(name) = branch.get("$ref").and_then(Value::as_str) {
                // Those of a type with a table of its own are found there, by its tag.
                fields.extend(self.shape(self.definition(name)).fields);
            }
            fields.remove(tag);
            assert!(!fields.is_empty(), "{word} has no fields: where would the document say so?");
            let named = |(name, field): (String, Field)| ((word.to_owned(), name), field);
            all.extend(fields.into_iter().map(named));
        }
        Alternatives { tag: tag.to_owned(), fields: all }
    }

    fn definition(&self, path: &str) -> &Value {
        let name = path.rsplit('/').next().expect("a path has a last part");
        let found = [CLIENT, SERVER].map(|direction| self.definitions(direction).get(name));
        found.into_iter().flatten().next().expect("it is defined")
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
        let mut known: BTreeSet<String> = self.common(direction).into_keys().collect();
        for (_, shape) in self.frames(direction).into_iter().filter(|(frame, _)| frame == name) {
            known.extend(shape.fields.into_keys());
            self.add_alternatives(shape.alternatives.as_ref(), frame, &mut known);
        }
        let fields = frame.as_object().expect("it is valid").keys();
        // Tomorrow's field shows that the server ignores what it does not know.
        match fields
            .into_iter()
            .find(|field| !known.contains(*field) && *field != "a_field_of_tomorrow")
        {
            Some(field) => Err(format!("{name} has no field {field:?}")),
            None => Ok(()),
        }
    }

    /// The fields that a frame has by the word in its tag, and by that in the tag of what that has.
    fn add_alternatives(
        &self,
        alternatives: Option<&Alternatives>,
        frame: &Value,
        known: &mut BTreeSet<String>,
    ) {
        let Some(Alternatives { tag, fields }) = alternatives else { return };
        let own = fields.keys().filter(|(word, _)| frame[tag] == *word);
        for (_, name) in own {
            known.insert(name.clone());
            for form in self.types().values() {
                if let TypeForm::Object(Shape { alternatives: Some(inner), .. }) = form
                    && inner.tag == *name
                {
                    self.add_alternatives(Some(inner), frame, known);
                }
            }
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
                "allOf" => {
                    for schema in list(Some(rule)) {
                        self.validate(direction, schema, value)?;
                    }
                    true
                }
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
        let branches = list(Some(branches));
        let meant = tag_of(branches).and_then(|tag| {
            branches
                .iter()
                .find(|branch| value.get(tag) == Some(&branch["properties"][tag]["const"]))
        });
        match meant {
            Some(branch) => self.validate(direction, branch, value),
            None => Err(format!("{value} is none of the alternatives")),
        }
    }
}

/// The field whose word says which of these objects it is.
fn tag_of(branches: &[Value]) -> Option<&str> {
    let properties = branches.first()?.get("properties")?.as_object()?;
    let tag = properties.iter().find(|(_, schema)| schema.get("const").is_some())?.0;
    let has_it = |branch: &Value| branch["properties"][tag].get("const").is_some();
    branches.iter().all(has_it).then_some(tag)
}

fn word_field() -> Field {
    Field { kind: "string".into(), given: ALWAYS.into() }
}

/// The types that stand somewhere by their name. One beside `properties` gives its fields to those.
fn references<'a>(schema: &'a Value, named: &mut BTreeSet<&'a str>) {
    match schema {
        Value::Object(fields) => {
            if let (Some(name), None) = (fields.get("$ref"), fields.get("properties")) {
                named.extend(name.as_str().and_then(|name| name.rsplit('/').next()));
            }
            fields.values().for_each(|value| references(value, named));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, named)),
        _ => {}
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
