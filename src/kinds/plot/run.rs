//! A figure in all its formats.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::figures::FIGURES;
use crate::engine::{Artifact, Context, Outputs, StageEnd, StageError, StepKind};
use crate::figures::Width;

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
}

impl Params {
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

impl StepKind for Params {
    const KIND: &'static str = "plot";
    const VERSION: u32 = 3;

    fn run(&self, context: &mut Context<'_>) -> Result<Outputs, StageEnd> {
        let provenance = context.provenance();
        let title = match &self.title {
            Some(Title::Text(text)) => Some(text.clone()),
            Some(Title::Shown(_)) | None => None,
        };
        let tag = self.figure["kind"].as_str().unwrap_or_default();
        let kind = FIGURES.into_iter().find(|kind| kind.tag == tag);
        let kind = kind.ok_or_else(|| StageError::new(format!("there is no figure of kind `{tag}`")))?;
        let mut picture = (kind.draw)(self.figure.clone(), title, context)?;
        if self.title == Some(Title::Shown(false)) {
            *picture.title() = None;
        }
        if let Some([models, of]) = self.partial {
            let said = format!("{models} of {of} models");
            let title = picture.title();
            *title = Some(title.take().map_or(said.clone(), |title| format!("{title}, {said}")));
        }
        if let Some(width) = self.width {
            *picture.width() = width;
        }
        let drawn = picture.render(&provenance)?;
        let numbers = picture.numbers().csv(&provenance).into_bytes();
        let mut outputs = Outputs::default();
        for ((_, artifact), bytes) in FORMATS.iter().zip([drawn.svg, drawn.png, drawn.pdf, numbers]) {
            outputs.bytes(artifact, bytes);
        }
        Ok(outputs)
    }
}
