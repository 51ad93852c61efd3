//! A figure in all its formats.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::figures::FIGURES;
use crate::engine::{Artifact, Context, Outputs, StageEnd, StageError, StepKind};
use crate::figures::{Look, OwnFont, Width};
use crate::kinds::files::unchanged;
use crate::plain;

/// What a figure is written as, by the ending of its file; `csv` are its numbers.
pub const FORMATS: [(&str, Artifact<[u8]>); 4] = [
    ("svg", Artifact::new("figure.svg")),
    ("png", Artifact::new("figure.png")),
    ("pdf", Artifact::new("figure.pdf")),
    ("csv", Artifact::new("figure.csv")),
];

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Params {
    /// The parameters of one kind of figure, which `kind` in them names. Every list of models in them holds their labels,
    /// in the order of the inputs.
    pub figure: Value,
    /// The figure's own where there is none.
    pub title: Option<Title>,
    /// The figure's own where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<Width>,
    /// How many models it is about, and how many it would be, where some are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<[usize; 2]>,
    #[serde(default, skip_serializing_if = "Look::is_plain")]
    pub look: Look,
    /// Of the pictures; all of them where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// `blake3:…` of a font file; the house's own font where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub font: Option<String>,
    /// What tables call the models, by what the figure calls them, for the numbers beside it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, String>,
}

impl Params {
    /// Whether there is a file of this format; of the numbers there always is.
    pub fn is_written_as(&self, format: &str) -> bool {
        self.formats.is_empty() || format == "csv" || self.formats.iter().any(|wanted| wanted == format)
    }

    /// Of a scatter: the evaluation and the metric on its y axis.
    pub fn scattered(&self) -> Option<(&str, &str)> {
        let text = |name: &str| self.figure[name].as_str();
        (text("kind") == Some("scatter")).then_some(())?;
        Some((text("eval")?, text("metric")?))
    }
}

/// Words, or `false` for none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Title {
    Shown(bool),
    Text(String),
}

fn own_font(source: Option<&str>, context: &Context<'_>) -> Result<Option<OwnFont>, StageError> {
    let Some(source) = source else { return Ok(None) };
    let path = context.local().ok_or_else(|| StageError::new("the font lies nowhere on this machine"))?;
    let file = plain::read(path).map_err(|error| StageError::new(format!("`{}`: {error}", path.display())))?;
    unchanged(path, source, Ok(blake3::hash(&file).into()))?;
    OwnFont::read(file).map(Some).ok_or_else(|| StageError::new(format!("`{}` is no font", path.display())))
}

impl StepKind for Params {
    const KIND: &'static str = "plot";
    const VERSION: u32 = 4;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let provenance = context.provenance();
        let tag = self.figure["kind"].as_str().unwrap_or_default();
        let kind = FIGURES.into_iter().find(|kind| kind.tag == tag);
        let kind = kind.ok_or_else(|| StageError::new(format!("there is no figure of kind `{tag}`")))?;
        let mut picture = (kind.draw)(self.figure.clone(), &self.look, context)?;
        match &self.title {
            Some(Title::Text(text)) => *picture.title() = Some(text.clone()),
            Some(Title::Shown(false)) => *picture.title() = None,
            Some(Title::Shown(true)) | None => {}
        }
        let doubt = picture.look().doubt.take();
        *picture.look() = Look { doubt, ..self.look.clone() };
        if let Some([models, of]) = self.partial {
            let said = format!("{models} of {of} models");
            let title = picture.title();
            *title = Some(title.take().map_or(said.clone(), |title| format!("{title}, {said}")));
        }
        if let Some(width) = self.width {
            *picture.width() = width;
        }
        let drawn = match own_font(self.font.as_deref(), context)? {
            Some(font) => font.within(|| picture.render(&provenance))?,
            None => picture.render(&provenance)?,
        };
        drawn.notes.iter().for_each(|note| context.note(note));
        let numbers = picture.numbers().with_names(&self.names).csv(&provenance).into_bytes();
        let mut outputs = Outputs::default();
        for ((format, artifact), bytes) in FORMATS.iter().zip([drawn.svg, drawn.png, drawn.pdf, numbers]) {
            if self.is_written_as(format) {
                outputs.bytes(artifact, bytes);
            }
        }
        Ok(outputs)
    }
}
