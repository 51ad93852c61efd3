//! As much of XML as S3's answers need: the text of elements by their names. Others may have written it.

/// What stands in each element of that name, one after the other.
pub(super) fn elements<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut rest = xml;
    std::iter::from_fn(move || {
        let start = rest.find(&open)? + open.len();
        let length = rest[start..].find(&close)?;
        let inside = &rest[start..start + length];
        rest = &rest[start + length + close.len()..];
        Some(inside)
    })
}

/// The text of the first element of that name.
pub(super) fn text(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).next().map(plain)
}

/// With what stands for characters in its place.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let known = rest[at + 1..].split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        let (character, after) = known.unwrap_or(('&', &rest[at + 1..]));
        out.push(character);
        rest = after;
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            code.ok().and_then(char::from_u32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_names() {
        let xml = "<?xml version=\"1.0\"?>\n<List xmlns=\"x\"><Contents><Key>a&amp;b</Key><Size>3</Size></Contents>\
                   <Contents><Key>c&#x2F;&#100;&lt;</Key></Contents><Contents><Key>cut";
        let keys: Vec<_> = elements(xml, "Contents").map(|inside| text(inside, "Key").unwrap()).collect();
        assert_eq!(keys, ["a&b", "c/d<"]);
        assert_eq!((text(xml, "Size").as_deref(), text(xml, "Owner")), (Some("3"), None));
        assert_eq!(plain("a & b &nonsense; &#xD800; &"), "a & b &nonsense; &#xD800; &");
    }
}
